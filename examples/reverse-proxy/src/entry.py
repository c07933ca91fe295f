from urllib.parse import urlsplit

from workers import Request, Response, WorkerEntrypoint, fetch

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
        headers = dict(request.headers) | {"x-forwarded-host": url.netloc}
        body = None if request.method in ("GET", "HEAD") else request.body
        answer = await fetch(Request(target, method=request.method, headers=headers, body=body, redirect="manual"))
        # A list of pairs, since set-cookie may come more than once.
        headers = [pair for pair in answer.headers.items() if pair[0] not in (*REMOVED, *ADDED)]
        headers += ADDED.items()
        return Response(answer.body, status=answer.status, headers=headers)
