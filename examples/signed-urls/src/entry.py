import base64
import binascii
import time
from urllib.parse import parse_qs, quote, urlsplit

from js import Object, TextEncoder, crypto
from pyodide.ffi import to_js
from workers import Response, WorkerEntrypoint

VALID_S = 60
encode = TextEncoder.new().encode


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlsplit(request.url)
        algorithm = to_js({"name": "HMAC", "hash": "SHA-256"}, dict_converter=Object.fromEntries)
        key = await crypto.subtle.importKey(
            "raw", encode(self.env.SIGNING_KEY), algorithm, False, to_js(["sign", "verify"])
        )
        if url.path.startswith("/sign/"):
            path, now = url.path.removeprefix("/sign"), int(time.time())
            mac = await crypto.subtle.sign("HMAC", key, encode(f"{path}{now}"))
            text = base64.b64encode(mac.to_bytes()).decode()
            return Response(f"{path}?verify={now}-{quote(text, safe='')}\n")
        when, _, text = parse_qs(url.query).get("verify", [""])[0].partition("-")
        try:
            mac = to_js(base64.b64decode(text, validate=True))
        except binascii.Error:
            mac = to_js(b"")
        if not when.isdecimal() or not await crypto.subtle.verify("HMAC", key, mac, encode(f"{url.path}{when}")):
            return Response("This link is not signed\n", status=403)
        if time.time() > int(when) + VALID_S:
            return Response("This link has expired\n", status=403)
        return Response(f"Here is {url.path}\n")
