"""Events, abort signals, WebSockets, and errors."""

from __future__ import annotations

_STORED = [
    ("", ""), ("'cache-control': 'max-age=100'", ""), ("'cache-control': 'no-store'", ""),
    ("'cache-control': 'private'", ""), ("'cache-control': 'public, s-maxage=100'", ""),
    ("'cache-control': 's-maxage=0, max-age=100'", ""), ("'cache-control': 'max-age=0'", ""),
    ("'cache-control': 'no-cache'", ""), ("'cache-control': 'max-age=100', 'set-cookie': 'a=b'", ""),
    ("'cache-control': 'max-age=100, private=Set-Cookie', 'set-cookie': 'a=b'", ""),
    ("'expires': 'Thu, 01 Jan 1970 00:00:00 GMT'", ""), ("'expires': 'Thu, 01 Jan 2099 00:00:00 GMT'", ""),
    ("'cache-control': 'max-age=100'", ", status=404"), ("'cache-control': 'max-age=100'", ", status=302"),
    ("'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT'", ""), ("'cache-control': 'max-age=100'", ", status=201"),
    ("'cache-control': 'public'", ""), ("'cache-control': 'max-age=x'", ""),
    ("", ", status=404"), ("'cache-control': 'max-age=100'", ", status=500"),
]  # fmt: skip
_KEPT = (
    "c = caches.default\nu = 'https://cache.test/kept{}'\n"
    "await c.put(u, Response.new('0123456789', headers=obj({{'cache-control': 'max-age=100', 'etag': '\"v1\"', "
    "'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT'}})))\n"
)

OPERATIONS: list[str] = [
    *(
        f"c = caches.default\nu = 'https://cache.test/stored{number}'\n"
        f"await c.put(u, Response.new('kept', headers=obj({{{headers}}}){status}))\nr = await c.match(u)\n"
        "arr(r.status, await r.text(), r.headers.get('set-cookie')) if r else None"
        for number, (headers, status) in enumerate(_STORED)
    ),
    *(
        _KEPT.format(number) + rest
        for number, rest in enumerate(
            [
                "(await c.match(u)).headers.get('cf-cache-status')",
                "await c.match(Request.new(u, method='POST'))",
                "await (await c.match(Request.new(u, method='POST'), ignoreMethod=True)).text()",
                "arr(await c.delete(u), await c.delete(u), await c.match(u))",
                "await c.match(u + '?x')",
                "await (await caches.open('other')).match(u)",
                "r = await c.match(Request.new(u, headers=obj({'range': 'bytes=2-4'})))\n"
                "arr(r.status, await r.text(), r.headers.get('content-range'))",
                "r = await c.match(Request.new(u, headers=obj({'range': 'bytes=-3'})))\narr(r.status, await r.text())",
                "(await c.match(Request.new(u, headers=obj({'if-none-match': '\"v1\"'})))).status",
                "(await c.match(Request.new(u, headers=obj({'if-none-match': '\"v2\"'})))).status",
                "(await c.match(Request.new(u, headers=obj({'if-modified-since': 'Fri, 02 Jan 2026 00:00:00 GMT'})))).status",
                "r = Response.new('x')\nawait r.text()\nawait c.put(u, r)",
                "r = Response.new('x', headers=obj({'cache-control': 'max-age=9'}))\nawait c.put(u, r)\nr.bodyUsed",
                "await (await c.match(u + '#frag')).text()",
            ]
        )
    ),
    "t = EventTarget.new()\nfound = arr()\nt.addEventListener('x', lambda e: found.push(e.type))\nr = t.dispatchEvent(Event.new('x'))\narr(r, found)",
    "t = EventTarget.new()\nfound = arr()\nf = lambda e: found.push(e.type)\nt.addEventListener('x', f)\nt.addEventListener('x', f)\nt.removeEventListener('x', f)\nt.dispatchEvent(Event.new('x'))\nfound",
    "t = EventTarget.new()\nfound = arr()\nt.addEventListener('x', lambda e: found.push(1), once=True)\nt.dispatchEvent(Event.new('x'))\nt.dispatchEvent(Event.new('x'))\nfound",
    "t = EventTarget.new()\nt.addEventListener('x', lambda e: e.preventDefault())\nt.dispatchEvent(Event.new('x', cancelable=True))",
    "t = EventTarget.new()\nt.addEventListener('x', lambda e: e.preventDefault())\nt.dispatchEvent(Event.new('x'))",
    "t = EventTarget.new()\nfound = arr()\nt.addEventListener('x', lambda e: [found.push(1), e.stopImmediatePropagation()])\nt.addEventListener('x', lambda e: found.push(2))\nt.dispatchEvent(Event.new('x'))\nfound",
    "t = EventTarget.new()\nt.dispatchEvent('x')",
    "t = EventTarget.new()\nfound = arr()\nt.addEventListener('x', lambda e: found.push(e.target == t))\nt.dispatchEvent(Event.new('x'))\nfound",
    "e = Event.new('x', bubbles=True, cancelable=True)\narr(e.type, e.bubbles, e.cancelable, e.defaultPrevented, e.isTrusted, e.target)",
    "Event.new()",
    "CustomEvent.new('x', detail=obj(a=1)).detail",
    "MessageEvent.new('message', data='hi').data",
    "a = AbortController.new()\narr(a.signal.aborted, a.signal.reason)",
    "a = AbortController.new()\na.abort()\narr(a.signal.aborted, a.signal.reason)",
    "a = AbortController.new()\na.abort('why')\na.signal.reason",
    "a = AbortController.new()\na.abort('why')\na.abort('again')\na.signal.reason",
    "a = AbortController.new()\na.abort('why')\na.signal.throwIfAborted()",
    "a = AbortController.new()\na.abort()\na.signal.throwIfAborted()",
    "a = AbortController.new()\na.signal.throwIfAborted()",
    "a = AbortController.new()\nfound = arr()\na.signal.addEventListener('abort', lambda e: found.push(e.type))\na.abort()\nfound",
    "a = AbortController.new()\nfound = arr()\na.signal.onabort = lambda e: found.push(e.type)\na.abort()\nfound",
    "a = AbortController.new()\na.signal == a.signal",
    "s = AbortSignal.abort()\narr(s.aborted, s.reason)",
    "AbortSignal.abort('x').reason",
    "AbortSignal.new()",
    "s = AbortSignal.timeout(5)\nb = s.aborted\nawait scheduler.wait(30)\narr(b, s.aborted, s.reason)",
    "a = AbortController.new()\ns = AbortSignal.any(arr(a.signal, AbortController.new().signal))\nb = s.aborted\na.abort('why')\narr(b, s.aborted, s.reason)",
    "AbortSignal.any(arr()).aborted",
    "AbortSignal.any(arr(AbortSignal.abort('x'))).reason",
    *(
        f"e = DOMException.new('message', {name!r})\narr(e.name, e.message, e.code)"
        for name in (
            "AbortError",
            "NotFoundError",
            "TimeoutError",
            "DataCloneError",
            "InvalidStateError",
            "Whatever",
        )
    ),
    "e = DOMException.new()\narr(e.name, e.message, e.code)",
    *(
        f"e = {kind}.new('text')\narr(e.name, e.message, str(e))"
        for kind in ("Error", "TypeError", "RangeError", "SyntaxError", "ReferenceError", "URIError", "EvalError")
    ),
    "Error.new('a', cause='b').cause",
    "str(DOMException.new('m', 'AbortError'))",
    "p = WebSocketPair.new()\narr(p[0].readyState, p[0].url, p[0].protocol, p[0].extensions)",
    "p = WebSocketPair.new()\np[0].send('x')",
    "p = WebSocketPair.new()\np[0].close()",
    "p = WebSocketPair.new()\np[0].accept()\np[0].accept()",
    "p = WebSocketPair.new()\np[0].accept()\np[0].close(999)",
    "p = WebSocketPair.new()\np[0].accept()\np[0].close(1005)",
    "p = WebSocketPair.new()\np[0].accept()\np[0].close(None, 'reason')",
    "p = WebSocketPair.new()\np[0].accept()\np[1].accept()\nfound = arr()\np[1].addEventListener('message', lambda e: found.push(e.data))\np[0].send('a')\np[0].send(u8(b'b'))\nawait scheduler.wait(10)\nfound",
    "p = WebSocketPair.new()\np[0].accept()\np[1].accept()\nfound = arr()\np[1].addEventListener('close', lambda e: found.push(arr(e.code, e.reason, e.wasClean)))\np[0].close(4000, 'bye')\nawait scheduler.wait(10)\narr(found, p[0].readyState, p[1].readyState)",
    "p = WebSocketPair.new()\np[0].accept()\np[1].accept()\np[0].close(1000, 'x')\np[0].send('late')",
    "p = WebSocketPair.new()\np[0].accept()\np[0].close(1000, 'x')\np[0].close(1000, 'y')\np[0].readyState",
    "p = WebSocketPair.new()\np[0].accept()\np[0].send(None)",
    "arr(WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.CLOSING, WebSocket.CLOSED)",
    "arr(WebSocket.READY_STATE_OPEN, WebSocket.READY_STATE_CLOSED)",
    *(f"WebSocket.new({url!r})" for url in ("nope", "ftp://e.com/", "ws://e.com/#f", "")),
    "WebSocket.new()",
    "navigator.userAgent",
    "await scheduler.wait(1)",
    "found = arr()\nsetTimeout(lambda: found.push(1), 1)\nawait scheduler.wait(20)\nfound",
    "found = arr()\nsetTimeout(lambda a, b: found.push(a, b), 1, 'x', 'y')\nawait scheduler.wait(20)\nfound",
    "found = arr()\nt = setTimeout(lambda: found.push(1), 5)\nclearTimeout(t)\nawait scheduler.wait(20)\nfound",
    "found = arr()\nt = setInterval(lambda: found.push(1), 2)\nawait scheduler.wait(30)\nclearInterval(t)\nfound.length > 2",
    "clearTimeout(12345)",
    "found = arr()\nqueueMicrotask(lambda: found.push(1))\nbefore = found.length\nawait scheduler.wait(1)\narr(before, found.length)",
    "performance.now() >= 0",
    "c = await caches.open('x')\nawait c.match('https://e.com/missing-entry')",
    "await caches.default.put('https://e.com/x', Response.new('x', status=206))",
    "await caches.default.put(Request.new('https://e.com/x', method='POST'), Response.new('x'))",
    "await caches.default.put('https://e.com/x', Response.new('x', headers=obj({'Vary': '*'})))",
    "await caches.default.delete('https://e.com/missing-entry')",
    "await caches.default.match('/relative')",
]
