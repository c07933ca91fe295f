"""Forms: `FormData`, `Blob`, `File`, and bodies parsed as forms."""

from __future__ import annotations

_PREPARED = "f = FormData.new()\nf.append('a', '1')\nf.append('b', 'x y')\nf.append('a', '2')\n"
_URLENCODED = [
    "",
    "a=1&b=2",
    "a=1&a=2",
    "a+b=c+d",
    "a=%C3%BC",
    "a=%ff",
    "a=%zz",
    "a",
    "=v",
    "&&a=1&",
    "a=1;b=2",
    "a=b=c",
    "ü=😀",
    "?a=1",
    "a%5B%5D=1",
    "a=\n",
    "a=1\r\n",
]
_CONTENT_TYPES = [
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded;charset=UTF-8",
    "application/x-www-form-urlencoded; charset=utf8",
    "application/x-www-form-urlencoded; charset=latin1",
    "APPLICATION/X-WWW-FORM-URLENCODED",
    "text/plain",
    "application/json",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/mixed; boundary=B",
    "nonsense",
    "",
]
_HEAD = "Content-Disposition: form-data; name="
_MULTIPART = [
    f'--B\r\n{_HEAD}"a"\r\n\r\n1\r\n--B--\r\n',
    f'--B\r\n{_HEAD}"a"\r\n\r\n1\r\n--B--',
    f'--B\r\n{_HEAD}"a"\r\n\r\n1\r\n--B\r\n{_HEAD}"b"\r\n\r\n2\r\n--B--\r\n',
    f'--B\r\n{_HEAD}"a"; filename="f.txt"\r\nContent-Type: text/plain\r\n\r\nhello\r\n--B--\r\n',
    f'--B\r\n{_HEAD}"a"; filename="ü 日.txt"\r\n\r\nhello\r\n--B--\r\n',
    f'--B\r\n{_HEAD}"a"; filename=""\r\nContent-Type: application/octet-stream\r\n\r\n\r\n--B--\r\n',
    f'--B\r\n{_HEAD}"ü"\r\n\r\nK\u00f6ln\r\n--B--\r\n',
    f'--B\n{_HEAD}"a"\n\n1\n--B--\n',
    f'--B\n{_HEAD}"a"; filename="x"\nContent-Type: text/x\n\n1\n2\r\n\n--B\n{_HEAD}"b"\n\n\n--B--',
    f'--B\n{_HEAD}"a"\n\n1\n',
    f'--B\r\n{_HEAD}"a"\r\n\r\n\r\n--B--\r\n',
    f'--B\r\n{_HEAD}"a"\r\n\r\nline 1\r\nline 2\r\n--B--\r\n',
    f'preamble\r\n--B\r\n{_HEAD}"a"\r\n\r\n1\r\n--B--\r\nepilogue',
    f"--B\r\n{_HEAD}a\r\n\r\n1\r\n--B--\r\n",
    f'--B\r\n{_HEAD}"a%22b"\r\n\r\n1\r\n--B--\r\n',
    f'--B\r\n{_HEAD}"a\\"b"\r\n\r\n1\r\n--B--\r\n',
    '--B\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--B--\r\n',
    '--B\r\nContent-Disposition: attachment; name="a"\r\n\r\n1\r\n--B--\r\n',
    "--B\r\nContent-Disposition: form-data\r\n\r\n1\r\n--B--\r\n",
    "--B\r\nX: y\r\n\r\n1\r\n--B--\r\n",
    f'--B\r\n{_HEAD}"a"\r\n\r\n1\r\n',
    f'--B\r\n{_HEAD}"a"',
    f'--Bx\r\n{_HEAD}"a"\r\n\r\n1\r\n--B--\r\n',
    "--B--\r\n",
    "--B",
    "",
    "garbage",
]
_PARTS = [
    "arr('a', 'b')",
    "arr()",
    "arr(u8(b'ab'), 'c', Blob.new(arr('d')))",
    "arr(1, True, null)",
    "arr(u8(b'abcd').buffer)",
    "arr('ü')",
    "arr(obj(a=1))",
]

OPERATIONS: list[str] = [
    *(
        _PREPARED + rest
        for rest in [
            "items(f)",
            "f.get('a')",
            "f.get('z')",
            "f.getAll('a')",
            "f.getAll('z')",
            "f.has('a')",
            "f.has('z')",
            "f.set('a', 'n')\nitems(f)",
            "f.set('n', 'n')\nitems(f)",
            "f.delete('a')\nitems(f)",
            "items(f.keys())",
            "items(f.values())",
            "items(f.entries())",
            "f.append('n', 5)\nf.get('n')",
            "f.append('n', null)\nf.get('n')",
            "f.append('n', True)\nf.get('n')",
            "f.append('n', obj(a=1))\nf.get('n')",
            "f.append('n')",
            "f.append('n', Blob.new(arr('xyz'), type='text/css'))\nf.get('n')",
            "f.append('n', Blob.new(arr('xyz')), 'file.css')\nf.get('n')",
            "f.append('n', File.new(arr('xyz'), 'own.css'))\nf.get('n')",
            "f.append('n', File.new(arr('xyz'), 'own.css'), 'other.css')\nf.get('n')",
            "f.append('n', 'text', 'file.css')",
            "f.set('n', Blob.new(arr('xyz')), 'file.css')\nf.get('n')",
            "found = arr()\nf.forEach(lambda value, name, all_: found.push(name + '=' + value))\nfound",
            "str(f)",
        ]
    ),
    "items(FormData.new())",
    *(
        f"items(await Response.new({text!r}, headers=obj({{'content-type': 'application/x-www-form-urlencoded'}})).formData())"
        for text in _URLENCODED
    ),
    *(
        f"items(await Response.new('a=1', headers=obj({{'content-type': {kind!r}}})).formData())"
        for kind in _CONTENT_TYPES
    ),
    *(
        f"items(await Response.new({text!r}, headers=obj({{'content-type': 'multipart/form-data; boundary=B'}})).formData())"
        for text in _MULTIPART
    ),
    'items(await Response.new(u8(b\'--B\\r\\nContent-Disposition: form-data; name="a"; filename="x"\\r\\n\\r\\n\\xff\\xfe\\x00\\r\\n--B--\'), '
    "headers=obj({'content-type': 'multipart/form-data; boundary=\"B\"'})).formData())",
    'f = await Response.new(u8(b\'--B\\r\\nContent-Disposition: form-data; name="a"; filename="x"\\r\\n\\r\\n\\xff\\xfe\\x00\\r\\n--B--\'), '
    "headers=obj({'content-type': 'multipart/form-data; boundary=B'})).formData()\nawait f.get('a').arrayBuffer()",
    "items(await Response.new(null, headers=obj({'content-type': 'application/x-www-form-urlencoded'})).formData())",
    "items(await Response.new(null, headers=obj({'content-type': 'multipart/form-data; boundary=B'})).formData())",
    "items(await Response.new(u8(b'a=1')).formData())",
    "items(await Request.new('https://e.com', method='POST', body=URLSearchParams.new('a=1&b=x y')).formData())",
    _PREPARED + "items(await Response.new(f).formData())",
    _PREPARED + "f.append('file', File.new(arr('hello'), 'ü \"q\".txt', type='text/x'))\n"
    "r = await Response.new(f).formData()\narr(r.get('file'), await r.get('file').text())",
    _PREPARED + "Response.new(f).headers.get('content-type').startswith('multipart/form-data; boundary=')",
    _PREPARED + "r = Response.new(f)\nb = r.headers.get('content-type').split('=')[1]\n"
    "swap(await r.text(), b, 'B')",
    "f = FormData.new()\nf.append('a\"b\\nc', 'x\\ny')\nf.append('f', Blob.new(arr('z')))\nr = Response.new(f)\n"
    "b = r.headers.get('content-type').split('=')[1]\nswap(await r.text(), b, 'B')",
    "f = FormData.new()\nf.append('a\\\\', 'x')\nResponse.new(f)",
    *(f"b = Blob.new({parts})\narr(b.size, b.type, await b.text())" for parts in _PARTS),
    "Blob.new()",
    "Blob.new(null)",
    "Blob.new('text')",
    "Blob.new(arr('a'), type='Text/HTML').type",
    "Blob.new(arr('a'), type='tex\\u00ffx').type",
    "Blob.new(arr('a\\nb'), endings='native').size",
    "await Blob.new(arr('hello')).slice(1, 3).text()",
    "await Blob.new(arr('hello')).slice(-3).text()",
    "await Blob.new(arr('hello')).slice(-3, -1).text()",
    "await Blob.new(arr('hello')).slice(3, 1).text()",
    "await Blob.new(arr('hello')).slice(2, 100).text()",
    "Blob.new(arr('hello'), type='text/a').slice(1).type",
    "Blob.new(arr('hello')).slice(1, 2, 'text/b').type",
    "await Blob.new(arr('hi')).arrayBuffer()",
    "await Blob.new(arr('hi')).bytes()",
    "[chunk async for chunk in Blob.new(arr('hi')).stream()]",
    "File.new(arr('a'), 'n.txt')",
    "File.new(arr('a'), 'n.txt', type='text/plain', lastModified=5).lastModified",
    "File.new(arr('a'))",
    "File.new()",
    "str(File.new(arr('a'), 'n.txt'))",
    "str(Blob.new(arr('a')))",
    "File.new(arr('a'), 'a/b.txt').name",
]
