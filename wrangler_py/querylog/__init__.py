"""Sans-I/O: the queries that ran, by request, with findings and a summary. The clock is passed in."""
