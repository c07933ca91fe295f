"""Sans-I/O: what was run, by request; what is worth changing about it; a summary. The clock is passed in."""
