"""The dashboard: a local web page over the query log and the public state of the proxy, with its JSON API."""
