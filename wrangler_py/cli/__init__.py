"""What a person types: one file a command group; a command parses, calls, prints."""
