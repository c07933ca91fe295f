"""Unusual arguments and orders of calls: what the platform refuses, converts, or ignores."""
