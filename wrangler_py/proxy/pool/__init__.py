"""The pool of a config: who gets which origin connection, its cache, its limits and its counts."""
