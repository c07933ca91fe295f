"""The command line: one file for each command group. A command parses, calls and prints."""
