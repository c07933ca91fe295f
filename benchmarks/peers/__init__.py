"""What is measured: PostgreSQL, the poolers in front of it, and the dev servers."""
