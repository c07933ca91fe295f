"""Requests and responses themselves."""

from __future__ import annotations

_STATUSES = [199, 200, 201, 204, 205, 304, 101, 404, 418, 499, 500, 599, 600, 299, 399, 0, -1]
_STATUS_VALUES = ["'404'", "'x'", "null", "None", "True", "404.7", "obj(a=1)"]
_STATUS_TEXTS = ["'Fine'", "''", "'a\\nb'", "'ü'", "'a\\x7f'", "null", "None", "5"]
_REDIRECTS = [
    "'/login'",
    "'https://e.com'",
    "'https://example.com/größe?q= x'",
    "''",
    "'login'",
    "'//e.com/x'",
    "'?a'",
    "'mailto:a@b.c'",
    "'https://e.com/\\n'",
    "'http://ex ample/'",
    "None",
    "null",
    "URL.new('https://e.com/u')",
]
_METHODS = ["get", "GET", "post", "patch", "PATCH", "Put", "foo", "", "delete", "head", "options", "TRACE", "CONNECT", "propfind", "PROPFIND"]
_REQUEST = "r = Request.new('https://e.com/a b', method='POST', body='x', headers=obj({'X-A': '1'}))\n"
_FIELDS = "arr(r.url, r.method, items(r.headers), r.redirect, r.body == null)"

OPERATIONS: list[str] = [
    *(f"r = Response.new(null, status={status})\narr(r.status, r.statusText, r.ok)" for status in _STATUSES),
    *(f"Response.new('body', status={status}).status" for status in _STATUSES[:8]),
    *(f"Response.new('', status={status}).body == null" for status in (204, 304, 200)),
    *(f"Response.new(null, status={status}).status" for status in _STATUS_VALUES),
    *(f"Response.new(null, statusText={text}).statusText" for text in _STATUS_TEXTS),
    *(
        f"Response.new(null, status={status}).statusText"
        for status in [202, 203, 206, 207, 208, 226, 300, 301, 302, 303, 305, 306, 307, 308, 400, 401, 402, 403, 405]
        + [406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 419, 421, 422, 423, 424, 425, 426, 428, 429]
        + [431, 451, 501, 502, 503, 504, 505, 506, 507, 508, 509, 510, 511, 555]
    ),
    *(
        f"r = Response.redirect({url})\narr(r.status, items(r.headers), r.body == null)"
        for url in _REDIRECTS
    ),
    *(f"Response.redirect('https://e.com/', {status}).status" for status in [301, 303, 307, 308, 300, 304, 200, 0]),
    "Response.redirect()",
    *(
        f"r = Response.json({value})\narr(await r.text(), items(r.headers))"
        for value in ["obj(a=1)", "arr(1, 'ü', null)", "'x'", "None", "null", "5", "True", "obj(a=None, b=arr(None))"]
    ),
    "r = Response.json(obj(), status=404, headers=obj({'Content-Type': 'x/y'}))\narr(r.status, r.statusText, items(r.headers))",
    "r = Response.json(obj(), Response.new(null, status=201, headers=obj(a='b')))\narr(r.status, items(r.headers))",
    "Response.json()",
    "r = Response.error()\narr(r.type, r.status, r.statusText)",
    "r = Response.new('x')\narr(r.type, r.url, r.redirected, r.ok, r.status, r.statusText, r.webSocket, r.cf)",
    "r = Response.new('x', Response.new(null, status=201, statusText='Made', headers=obj(a='b')))\n"
    "arr(r.status, r.statusText, items(r.headers))",
    "Response.new('x', headers=Headers.new(obj(a='b'))).headers.get('a')",
    "items(Response.new('x', headers=arr(arr('a', 'b'), arr('a', 'c'))).headers)",
    "items(Response.new('x', headers=obj({'content-type': 'text/html'})).headers)",
    "Response.new('x', headers=obj({'bad name': 'v'}))",
    "Response.new('x', headers=obj(a='x\\ny'))",
    "Response.new('x', headers=5)",
    "Response.new('x', headers=null)",
    "Response.new('x', null)",
    "Response.new('x', 5)",
    "Response.new('x', 'y')",
    "Response.new('x', webSocket=5)",
    "Response.new('x', cf=obj(a=1)).cf",
    "Response.new('x', encodeBody='manual').status",
    "Response.new('x', encodeBody='other')",
    "Response.new(null, status=101)",
    "pair = WebSocketPair.new()\nResponse.new(null, status=200, webSocket=pair[0])",
    "pair = WebSocketPair.new()\nr = Response.new(null, status=101, webSocket=pair[0])\n"
    "arr(r.status, r.statusText, r.webSocket == pair[0])",
    "pair = WebSocketPair.new()\nResponse.new(null, status=101, webSocket=pair[0]).clone()",
    "Object.keys(WebSocketPair.new())",
    "items(Response.new('x').headers)",
    "str(Response.new('x'))",
    "str(Request.new('https://e.com'))",
    "Response.new('x').constructor.name",
    *(f"r = Request.new({url})\n{_FIELDS}" for url in [
        "'https://e.com'", "'http://EXAMPLE.com:80/a/../b c'", "'/relative'", "''", "'nope'", "'http://a b/'",
        "'https://e.com/#frag'", "'https://u:p@e.com/'", "'mailto:x@y'", "None", "null", "5",
        "URL.new('https://e.com/x')", "'https://e.com/?q=ü'",
    ]),
    "Request.new()",
    *(f"Request.new('https://e.com', method={method!r}).method" for method in _METHODS),
    *(f"Request.new('https://e.com', method={method}).method" for method in ["null", "None", "5"]),
    *(f"Request.new('https://e.com', redirect={mode!r}).redirect" for mode in ["follow", "manual", "error", "FOLLOW", "x", ""]),
    "Request.new('https://e.com', body='x')",
    "Request.new('https://e.com', method='HEAD', body='x')",
    "Request.new('https://e.com', method='GET', body=null).method",
    "Request.new('https://e.com', method='GET', body='').method",
    "Request.new('https://e.com', integrity='sha')",
    "Request.new('https://e.com', cf=obj(a=1)).cf",
    "Request.new('https://e.com', cache='no-store').cache",
    "Request.new('https://e.com', cache='force-cache').cache",
    "Request.new('https://e.com', headers=obj({'Host': 'x', 'Cookie': 'a=b', 'X': 'ü'})).headers.get('x')",
    "Request.new('https://e.com', signal=5)",
    "Request.new('https://e.com', signal=null).signal.constructor.name",
    "Request.new('https://e.com').signal.aborted",
    "r = Request.new('https://e.com')\narr(r.cf, r.keepalive, r.integrity, r.cache)",
    _REQUEST + _FIELDS,
    _REQUEST + "r = Request.new(r)\n" + _FIELDS,
    _REQUEST + "r = Request.new(r, method='PUT')\narr(r.method, await r.text())",
    _REQUEST + "r = Request.new(r, headers=obj(z='1'))\nitems(r.headers)",
    _REQUEST + "r = Request.new(r, method='GET')\n",
    _REQUEST + "r = Request.new('https://f.com/', r)\narr(r.url, r.method, items(r.headers), await r.text())",
    _REQUEST + "r.headers.set('X-A', '2')\nr.headers.get('x-a')",
    _REQUEST + "c = r.clone()\nc.headers.set('X-A', '2')\nr.headers.get('x-a')",
    _REQUEST + "items(r.headers)",
    "Request.new('https://e.com', 5).url",
    "Request.new('https://e.com', null).url",
    "await fetch('/relative')",
    "await fetch('')",
    "await fetch('ftp://e.com/')",
    "await fetch('http://a b/')",
    "await fetch('https://e.com', body='x')",
    "await fetch('https://e.com', method='foo')",
    "await fetch('https://e.com', redirect='error')",
    "await fetch('https://e.com', signal=AbortSignal.abort())",
    "await fetch('data:text/plain,hello')",
    "await fetch('file:///etc/passwd')",
]
