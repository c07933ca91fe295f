"""`HTMLRewriter`."""

from __future__ import annotations

_PAGE = (
    "<!DOCTYPE html><html><head><title>Old</title></head><body class=\"a b\"><!-- note --><p id='x'>One &amp; two</p>"
    "<P>Three<br/>four</P><a href=http://e.com/x>link</a><ul><li>1<li>2</ul><script>if (a < b) {}</script></body></html>"
)


def _run(selector: str, handlers: str) -> str:
    return f"await HTMLRewriter.new().on({selector}, obj({handlers})).transform(Response.new({_PAGE!r})).text()"


def _element(selector: str, work: str) -> str:
    return _run(repr(selector), f"element=lambda e: {work}")


_SELECTORS = [
    "p", "P", "#x", ".b", "body.a", "body > p", "html p", "*", "[href]", "[href^='http']", "a[href$=x]", "p:first-child",
    "p:nth-child(2)", "p:nth-of-type(2)", "li:nth-child(odd)", "p:not(#x)", "p, a", "[class~=b]", "br", "nothing",
    "ul li", "head title", "[ID=x]", "p:first-of-type", "p + p", "p ~ p",
]  # fmt: skip
_WORKS = [
    "e.setAttribute('title', 'a\"<b')",
    "e.removeAttribute('id')",
    "e.removeAttribute('missing')",
    "e.before('<i>', html=True)",
    "e.before('<i>')",
    "e.after('<i>', html=True)",
    "[e.after('1'), e.after('2')]",
    "[e.before('1'), e.before('2')]",
    "[e.prepend('1'), e.prepend('2')]",
    "[e.append('1'), e.append('2')]",
    "e.prepend('<b>', html=True)",
    "e.append('a & b')",
    "e.replace('<hr>', html=True)",
    "e.remove()",
    "e.removeAndKeepContent()",
    "e.setInnerContent('<b>new</b>')",
    "e.setInnerContent('<b>new</b>', html=True)",
    "[e.remove(), e.before('x'), e.after('y')]",
    "[e.append('x'), e.remove()]",
    "e.onEndTag(lambda t: t.before('END'))",
    "e.onEndTag(lambda t: t.after(t.name))",
    "e.onEndTag(lambda t: t.remove())",
]
_READS = [
    "e.tagName",
    "e.getAttribute('id')",
    "e.getAttribute('none')",
    "e.hasAttribute('id')",
    "items(e.attributes)",
    "e.removed",
    "e.namespaceURI",
]

OPERATIONS: list[str] = [
    *(_element(selector, "e.setAttribute('hit', 'yes')") for selector in _SELECTORS),
    *(_element("p", work) for work in _WORKS),
    *(_element("br", work) for work in _WORKS[:6]),
    *(f"found = arr()\n{_element('p', f'found.push({read})')}\nfound" for read in _READS),
    *(
        f"found = arr()\n{_run(repr(selector), 'text=lambda t: found.push(arr(t.text, t.lastInTextNode))')}\nfound"
        for selector in ("p", "title", "#x")
    ),
    _run("'p'", "text=lambda t: t.replace(t.text.upper())"),
    _run("'p'", "text=lambda t: t.remove()"),
    _run("'p'", "text=lambda t: [t.before('['), t.after(']')]"),
    _run("'*'", "comments=lambda c: c.remove()"),
    _run("'body'", "comments=lambda c: c.replace('<hr>', html=True)"),
    "def change(c):\n    c.text = 'changed'\n" + _run("'body'", "comments=change"),
    "async def change(e):\n    await scheduler.wait(1)\n    e.setAttribute('late', '1')\n"
    + _run("'p'", "element=change"),
    "def change(e):\n    e.tagName = 'div'\n" + _run("'p'", "element=change"),
    f"found = arr()\nawait HTMLRewriter.new().onDocument(obj(doctype=lambda d: found.push(arr(d.name, d.publicId, d.systemId)))).transform(Response.new({_PAGE!r})).text()\nfound",
    f"await HTMLRewriter.new().onDocument(obj(end=lambda e: e.append('<!-- end -->', html=True))).transform(Response.new({_PAGE!r})).text()",
    f"found = arr()\nawait HTMLRewriter.new().onDocument(obj(comments=lambda c: found.push(c.text))).transform(Response.new({_PAGE!r})).text()\nfound",
    "def fail(e):\n    raise RangeError.new('in a handler')\n" + _run("'p'", "element=fail"),
    "await HTMLRewriter.new().on('p', obj(element=lambda e: e.setAttribute('k', 'v'))).transform(Response.new('<p a=1 A=2>')).text()",
    "HTMLRewriter.new().on('p:hover', obj(element=lambda e: 1))",
    "HTMLRewriter.new().on('', obj(element=lambda e: 1))",
    "HTMLRewriter.new().transform('text')",
    "r = HTMLRewriter.new().transform(Response.new('x', status=201, headers=obj({'content-length': '1', 'a': 'b'})))\narr(r.status, items(r.headers))",
    "r = Response.new('x')\nHTMLRewriter.new().transform(r)\nr.bodyUsed",
    "HTMLRewriter.new().transform(Response.new(null)).body",
    "await HTMLRewriter.new().on('p', obj(element=lambda e: e.setInnerContent('ü'))).transform(Response.new(u8(b'<p>\\xff</p>\\xfe'))).arrayBuffer()",
    "await HTMLRewriter.new().on('p', obj(element=lambda e: e.append('!'))).transform(Response.new('<p>a<p>b')).text()",
    "await HTMLRewriter.new().on('p', obj(element=lambda e: e.append('!'))).transform(Response.new('<div><p>a</div>b')).text()",
    "await HTMLRewriter.new().on('a', obj(element=lambda e: e.setAttribute('x', '1'))).transform(Response.new('<a  b = c  d></a>')).text()",
    "await HTMLRewriter.new().on('p', obj(element=lambda e: e.remove())).transform(Response.new('a<p>x<p>y</p>z</p>b')).text()",
]
