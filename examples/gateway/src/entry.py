from urllib.parse import urlsplit

from js import Object, Response, fetch
from pyodide.ffi import to_js
from workers import WorkerEntrypoint

PATHS = {"shop.localhost": "", "www.localhost": "/www"}
OLD_TLS = ("TLSv1", "TLSv1.1")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlsplit(request.url)
        if request.cf.tlsVersion in OLD_TLS:
            return Response.new("TLS 1.2 or later is needed\n", status=403)
        if url.hostname not in PATHS:
            return Response.new(f"There is nothing at {url.hostname}\n", status=404)
        # How long Cloudflare may cache the answer; locally nothing is cached.
        options = to_js({"cf": {"cacheTtl": 60, "cacheEverything": True}}, dict_converter=Object.fromEntries)
        answer = await fetch(self.env.UPSTREAM + PATHS[url.hostname] + url.path, options)
        referer = request.headers["referer"]
        image = (answer.headers["content-type"] or "").startswith("image/")
        if image and referer and urlsplit(referer).hostname not in PATHS:
            return Response.redirect("http://www.localhost/")
        answer = Response.new(answer.body, answer)
        answer.headers["cache-control"] = "max-age=1500"
        return answer
