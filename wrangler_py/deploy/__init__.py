"""Deploying: what is checked before, and the official tool that does it."""
