"""Operations whose results differ from workerd's on purpose, with the reason."""

from __future__ import annotations

_HEADER_NAMES = "workerd takes a header name that is not ASCII, which HTTP has no way to send: it is refused here"
_FUNCTIONS = "the message shows the source of a function in JavaScript: Python's has another"

MEANT: dict[str, str] = {
    "URLSearchParams.new('a=%ff').toString()": "bytes that are not UTF-8 are replaced, as the URL standard says",
    "h = Headers.new()\nh.set('ü', 'v')\nitems(h)": _HEADER_NAMES,
    "Headers.new().get('ü')": _HEADER_NAMES,
    "Headers.new().has('ü')": _HEADER_NAMES,
    "Headers.new().delete('ü')": _HEADER_NAMES,
    "items(await Response.new('a=%zz', "
    "headers=obj({'content-type': 'application/x-www-form-urlencoded'})).formData())": (
        "workerd drops a percent sign that begins no escape; the URL standard keeps it"
    ),
    "k = await crypto.subtle.importKey('raw', u8(b'password'), 'PBKDF2', False, arr('deriveBits'))\n"
    "await crypto.subtle.deriveBits("
    "obj(name='PBKDF2', hash='SHA-256', salt=u8(b'salt'), iterations=100001), k, 256)": (
        "Cloudflare takes at most 100,000 iterations; workerd on its own takes more"
    ),
    "params = URLSearchParams.new('a=1&b=2&a=3&c=x y')\n[pair for pair in params]": (
        "Python iterates over the names, in Pyodide as well"
    ),
    "a = arr(3, 1, 2)\nitems(a.keys())": "Pyodide does not show Python the method `keys` of an Array",
    "structuredClone(lambda: 1)": _FUNCTIONS,
    "structuredClone(obj(f=lambda: 1))": _FUNCTIONS,
}
