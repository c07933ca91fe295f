"""The sessions of clients and of origin connections, without I/O."""
