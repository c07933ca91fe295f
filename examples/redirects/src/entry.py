from http import HTTPStatus
from urllib.parse import urlsplit

from workers import Response, WorkerEntrypoint

MOVED = {"/docs": "https://docs.example.com/", "/blog": "https://blog.example.com/latest"}


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlsplit(request.url)
        if url.hostname == "old.localhost":
            target = url._replace(scheme="https", netloc="new.example.com").geturl()
            return Response.redirect(target, HTTPStatus.MOVED_PERMANENTLY)
        if url.path in MOVED:
            return Response.redirect(MOVED[url.path])
        return Response("Nothing has moved from here\n", status=404)
