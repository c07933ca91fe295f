"""Facts about SQL texts, from PostgreSQL's own parser, without I/O."""
