"""What one client's session is at the proxy, and what an origin connection's session has; without any I/O."""
