"""Connections to the origin: opened, used by one client at a time, and closed."""
