"""Sans-I/O: is this SQL cacheable, and the store with its clock passed in."""
