"""The JSON API of the dashboard: a table of operations, from which its routes and its description are made."""
