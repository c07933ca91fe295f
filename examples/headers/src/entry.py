from urllib.parse import urlsplit

from workers import Response, WorkerEntrypoint

STYLE = "body { font-family: sans-serif }\n"
PAGE = '<!doctype html>\n<html lang="en"><title>Headers</title><link rel="stylesheet" href="/style.css">\n'


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = urlsplit(request.url).path
        print(dict(request.headers))
        if "bot" in (request.headers["user-agent"] or ""):  # a header that isn't there is None
            return Response("No robots, please\n", status=403)
        if path.endswith((".doc", ".xml")):
            return Response("Not to be had here\n", status=403)
        if path == "/style.css":
            return Response(STYLE, headers={"content-type": "text/css"})
        # Cloudflare makes early hints of such a link.
        headers = {"content-type": "text/html; charset=utf-8", "link": "</style.css>; rel=preload; as=style"}
        return Response(PAGE, headers=headers)
