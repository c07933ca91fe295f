"""Sans-I/O PostgreSQL protocol 3: framing, messages, SCRAM, errors."""
