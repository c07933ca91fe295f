"""The query cache, without I/O: whether SQL may be cached, and the store. The clock is an argument."""
