"""Bodies of requests and responses: what they are made of, and how they are read."""

from __future__ import annotations

_BODIES = [
    "'text'",
    "'ü😀'",
    "''",
    "None",
    "null",
    "u8(b'\\x00\\xff')",
    "u8(b'abc').buffer",
    "DataView.new(u8(b'abc').buffer)",
    "u8(b'abcdef').subarray(1, 3)",
    "Uint16Array.new(arr(1, 2))",
    "Blob.new(arr('blob'), type='text/x-blob')",
    "Blob.new(arr('blob'))",
    "URLSearchParams.new('a=1&b=ü')",
    "5",
    "True",
    "obj(a=1)",
    "arr('a', 'b')",
    "arr(1, 2)",
    "arr(u8(b'ab'), u8(b'c'))",
    "Map.new()",
    "Response.new('inner').body",
    "Date.new(0)",
]
_READERS = ["text()", "arrayBuffer()", "bytes()", "blob()", "json()", "formData()"]

OPERATIONS: list[str] = [
    *(
        f"r = Response.new({body})\narr(r.headers.get('content-type'), r.body == null, await r.text())"
        for body in _BODIES
    ),
    *(f"await Response.new({body}).arrayBuffer()" for body in _BODIES[:13]),
    *(f"await Request.new('https://e.com', method='POST', body={body}).text()" for body in _BODIES[:8]),
    *(f"r = Response.new('x')\nawait r.text()\nawait r.{reader}" for reader in _READERS),
    *(f"r = Response.new(null)\nawait r.{reader}" for reader in _READERS),
    *(f"r = Response.new(null)\nawait r.text()\nawait r.{reader}" for reader in _READERS),
    *(f"r = Response.new('')\nawait r.{reader}" for reader in _READERS),
    *(f"r = Response.new('x')\nreader = r.body.getReader()\nawait r.{reader}" for reader in _READERS),
    *(
        f"r = Request.new('https://e.com', method='POST', body='x')\nawait r.text()\nawait r.{reader}"
        for reader in _READERS
    ),
    *(
        f"await Response.new({text!r}).json()"
        for text in [
            "{}",
            "[1, 2.5, null, true]",
            '{"a": {"b": [1]}}',
            '"x"',
            "1e3",
            "-0",
            "x",
            "{",
            '{"a": 1,}',
            "NaN",
            "",
        ]
    ),
    "await Response.new(u8(b'\\xef\\xbb\\xbfx')).text()",
    "await Response.new(u8(b'\\xff\\xfex')).text()",
    "await Response.new(u8(b'\\xef\\xbb\\xbf1')).json()",
    "r = Response.new('x')\nb = r.bodyUsed\nawait r.text()\narr(b, r.bodyUsed)",
    "r = Response.new(null)\nawait r.text()\nr.bodyUsed",
    "r = Response.new('')\nawait r.text()\nr.bodyUsed",
    "r = Response.new('x')\nr.body.getReader()\narr(r.bodyUsed, r.body.locked)",
    "r = Response.new('x')\nreader = r.body.getReader()\nawait reader.read()\nr.bodyUsed",
    "r = Response.new('x')\nawait r.body.cancel()\nr.bodyUsed",
    "r = Response.new('x')\nr.body == r.body",
    "[c async for c in Response.new('hello').body]",
    "r = Response.new('x')\nc = r.clone()\narr(await r.text(), await c.text())",
    "r = Response.new('x')\nawait r.text()\nr.clone()",
    "r = Response.new('x')\nr.body.getReader()\nr.clone()",
    "r = Response.new(null)\nr.clone().body",
    "r = Response.new('x')\nc = r.clone()\nawait c.text()\narr(r.bodyUsed, c.bodyUsed)",
    "r = Request.new('https://e.com', method='POST', body='x')\nc = r.clone()\narr(await r.text(), await c.text())",
    "r = Request.new('https://e.com', method='POST', body='x')\nawait r.text()\nr.clone()",
    "r = Request.new('https://e.com', method='POST', body='x')\nawait r.text()\nRequest.new(r)",
    "r = Request.new('https://e.com', method='POST', body='x')\nawait r.text()\nRequest.new(r, body='y').method",
    "r = Request.new('https://e.com', method='POST', body='x')\nn = Request.new(r)\narr(r.bodyUsed, await n.text())",
    "r = Response.new('x')\nn = Response.new(r.body, r)\narr(await n.text(), r.bodyUsed)",
    "r = Response.new('x')\nawait r.text()\nResponse.new(r.body)",
    "r = Response.new('x')\nr.body.getReader()\nResponse.new(r.body)",
    "Response.new(Response.new('x'))\n",
    "await Response.new(ReadableStream.new(start=lambda c: [c.enqueue(u8(b'a')), c.enqueue(u8(b'b')), c.close()])).text()",
    "await Response.new(ReadableStream.new(start=lambda c: [c.enqueue('a'), c.close()])).text()",
    "await Response.new(ReadableStream.new(start=lambda c: [c.enqueue(5), c.close()])).text()",
    "await Response.new(ReadableStream.new(start=lambda c: c.error(TypeError.new('broke')))).text()",
    "Response.new(ReadableStream.new(), status=204)",
    "await (await Response.new('blobby', headers=obj({'content-type': 'text/css'})).blob()).text()",
    "await Response.new('x', headers=obj({'content-type': 'Text/CSS; charset=UTF-8'})).blob()",
    "await Response.new(u8(b'x')).blob()",
    "await Response.new('\\ud800').bytes()",
    *(
        f"(await Response.new('x', headers=obj({{'content-type': {kind!r}}})).blob()).type"
        for kind in [
            "TEXT/HTML;CHARSET=utf-8",
            'text/html;charset="utf-8"',
            "text/html; a=b; a=c",
            "text/html;;x=y",
            "text",
            "text/",
            "/html",
            "text/html;charset",
            "text/html; charset=",
            "text /html",
            'a/b;c="d\\"e"',
            "*/*",
        ]
    ),
    "await Response.new('x').blob()",
]
