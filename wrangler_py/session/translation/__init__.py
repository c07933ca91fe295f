"""What a client's messages become for an origin connection, and what the answers become for the client."""
