from urllib.parse import urlsplit

from workers import Headers, Request, Response, WorkerEntrypoint, fetch

ADDED = {
    "content-security-policy": "default-src 'self'",
    "referrer-policy": "strict-origin-when-cross-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
REMOVED = ("server", "x-powered-by")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.method not in ("GET", "HEAD", "POST"):
            return Response("Not allowed\n", status=405, headers={"allow": "GET, HEAD, POST"})
        url = urlsplit(request.url)
        target = f"{self.env.UPSTREAM}{url.path}{'?' + url.query if url.query else ''}"
        headers = Headers(request.headers)
        headers.set("x-forwarded-host", url.netloc)
        body = None if request.method in ("GET", "HEAD") else request.body
        answer = await fetch(Request(target, method=request.method, headers=headers, body=body, redirect="manual"))
        headers = Headers(answer.headers)
        for name in REMOVED:
            headers.delete(name)
        for name, value in ADDED.items():
            headers.set(name, value)
        return Response(answer.body, status=answer.status, headers=headers)
