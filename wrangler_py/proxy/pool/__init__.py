"""The pool of a config: which client gets which origin connection, the cache, limits and counts."""
