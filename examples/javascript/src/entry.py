from js import JSON, URL, Headers, Object, Response, TextEncoder, console, crypto
from pyodide.ffi import create_proxy, jsnull, to_js
from workers import WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = URL.new(request.url)
        body = await request.js_object.json() if request.method == "POST" else Object.new()
        seen = []
        collect = create_proxy(lambda value, name, _: seen.append(name))
        request.js_object.headers.forEach(collect)
        collect.destroy()
        digest = await crypto.subtle.digest("SHA-256", TextEncoder.new().encode(url.href))
        answer = {
            "name": getattr(body, "name", jsnull),
            "tags": list(url.searchParams.getAll("tags")),
            "headers": sorted(seen),
            "digest": digest.to_bytes().hex()[:8],
        }
        text = JSON.stringify(to_js(answer, dict_converter=Object.fromEntries), None, 2)
        console.log(text)
        return Response.new(text, headers=Headers.new({"content-type": "application/json"}.items()))
