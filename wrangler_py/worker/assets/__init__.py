"""Static assets: the files of a folder, served ahead of the Worker as on the platform.

Only `folder` touches the disk. `resolution` chooses the file for a path, `rules`, `headers_file` and
`redirects_file` hold what `_headers` and `_redirects` say, `site` puts them together.

Sources: Cloudflare's documentation, "Static Assets"; the asset and router Workers of cloudflare/workers-sdk.
"""
