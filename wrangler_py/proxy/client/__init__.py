"""Connections of clients: start-up, and then a session."""
