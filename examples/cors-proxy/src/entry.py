from js import URL, Headers, Object, Request, Response, fetch
from pyodide.ffi import to_js
from workers import WorkerEntrypoint

METHODS = "GET, HEAD, POST, OPTIONS"


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = URL.new(request.url)
        if not url.pathname.startswith("/api/"):
            return Response.new("Use /api/?path=…\n", status=404)
        if request.method == "OPTIONS":
            return preflight(request.js_object.headers)
        if request.method not in ("GET", "HEAD", "POST"):
            return Response.new(None, status=405, headers=Headers.new({"allow": METHODS}.items()))
        target = URL.new(url.searchParams["path"] or "/", self.env.UPSTREAM)
        outgoing = Request.new(target.toString(), request.js_object)
        outgoing.headers["origin"] = target.origin
        answer = await fetch(outgoing)
        answer = Response.new(answer.body, answer)
        answer.headers["access-control-allow-origin"] = url.origin
        answer.headers.append("vary", "origin")
        return answer


def preflight(headers):
    if "origin" not in headers or "access-control-request-method" not in headers:
        return Response.new(None, status=204, headers=Headers.new({"allow": METHODS}.items()))
    allowed = {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": METHODS,
        "access-control-max-age": "86400",
        "access-control-allow-headers": headers["access-control-request-headers"] or "",
    }
    init = {"status": 204, "headers": allowed}
    return Response.new(None, to_js(init, dict_converter=Object.fromEntries))
