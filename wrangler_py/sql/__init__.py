"""Sans-I/O: what a text of SQL says about itself, from PostgreSQL's own parser."""
