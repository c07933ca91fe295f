"""Streams."""

from __future__ import annotations

_THREE = "s = ReadableStream.new(start=lambda c: [c.enqueue('a'), c.enqueue('b'), c.enqueue('c'), c.close()])\n"
_BYTES = "s = ReadableStream.new(type='bytes', start=lambda c: [c.enqueue(u8(b'hello')), c.enqueue(u8(b'xy')), c.close()])\n"
_SHOUT = (
    "t = TransformStream.new(transform=lambda chunk, c: c.enqueue(chunk.upper()), flush=lambda c: c.enqueue('!'))\n"
)
_SINK = "found = arr()\nw = WritableStream.new(write=lambda chunk, c: found.push(chunk), close=lambda: found.push('closed'), abort=lambda reason: found.push(reason))\n"

OPERATIONS: list[str] = [
    *(
        _THREE + rest
        for rest in [
            "[c async for c in s]",
            "r = s.getReader()\narr(await r.read(), await r.read(), await r.read(), await r.read())",
            "r = s.getReader()\ns.locked",
            "s.locked",
            "r = s.getReader()\ns.getReader()",
            "r = s.getReader()\nr.releaseLock()\ns.locked",
            "r = s.getReader()\nr.releaseLock()\nawait r.read()",
            "r = s.getReader()\nr.releaseLock()\nr.releaseLock()",
            "r = s.getReader()\nr.releaseLock()\nawait r.closed",
            "r = s.getReader()\nawait s.cancel()",
            "await s.cancel('why')\nitems(gather(s))",
            "r = s.getReader()\nawait r.read()\nawait r.cancel('why')\nawait r.read()",
            "r = s.getReader()\nawait r.read()\nr.releaseLock()\n[c async for c in s]",
            "t = s.tee()\narr([c async for c in t[0]], [c async for c in t[1]])",
            "t = s.tee()\ns.locked",
            "t = s.tee()\nr = t[0].getReader()\narr(await r.read(), [c async for c in t[1]])",
            "r = s.getReader()\ns.tee()",
            "r = s.getReader()\nawait r.read()\nawait r.read()\nawait r.read()\nawait r.read()\nawait r.closed",
            _SHOUT + "[c async for c in s.pipeThrough(t)]",
            _SINK + "await s.pipeTo(w)\nfound",
            _SINK + "await s.pipeTo(w, preventClose=True)\narr(found, w.locked)",
            _SINK + "r = s.getReader()\nawait s.pipeTo(w)",
            _SINK + "r = w.getWriter()\nawait s.pipeTo(w)",
            _SINK + "await s.pipeTo(5)",
            "s.pipeThrough(5)",
            "s.pipeThrough(obj())",
            "s.getReader(mode='byob')",
            "s.getReader(mode='x')",
            "str(s)",
            "s.constructor.name",
        ]
    ),
    *(
        _BYTES + rest
        for rest in [
            "[c async for c in s]",
            "r = s.getReader()\narr(await r.read(), await r.read(), await r.read())",
            "r = s.getReader(mode='byob')\narr(await r.read(Uint8Array.new(3)), await r.read(Uint8Array.new(3)), await r.read(Uint8Array.new(3)))",
            "r = s.getReader(mode='byob')\nawait r.read()",
            "r = s.getReader(mode='byob')\nawait r.read(Uint8Array.new(0))",
            "r = s.getReader(mode='byob')\nawait r.readAtLeast(6, Uint8Array.new(10))",
            "r = s.getReader(mode='byob')\nr.constructor.name",
            "t = s.tee()\narr([c async for c in t[0]], [c async for c in t[1]])",
            "await Response.new(s).text()",
        ]
    ),
    "ReadableStream.new(type='bytes', start=lambda c: c.enqueue('text'))",
    "ReadableStream.new(type='bytes', start=lambda c: c.enqueue(Uint8Array.new(0)))",
    "ReadableStream.new(type='x')",
    "ReadableStream.new(5)",
    "ReadableStream.new(null)",
    "ReadableStream.new(start=5)",
    "n = arr()\ns = ReadableStream.new(pull=lambda c: [n.push(1), c.enqueue(n.length)] if n.length < 3 else c.close())\n[c async for c in s]",
    "n = arr()\nasync def pull(c):\n    await Promise.resolve()\n    n.push(1)\n    if n.length < 3:\n        c.enqueue(n.length)\n    else:\n        c.close()\n"
    "s = ReadableStream.new(pull=pull)\n[c async for c in s]",
    "log = arr()\ns = ReadableStream.new(start=lambda c: c.enqueue('a'), cancel=lambda reason: log.push(reason))\nawait s.cancel('bye')\nlog",
    "s = ReadableStream.new(start=lambda c: c.error(TypeError.new('broke')))\nitems(gather(s))",
    "s = ReadableStream.new(start=lambda c: c.error('plain'))\nr = s.getReader()\nawait r.closed",
    "s = ReadableStream.new(start=lambda c: [c.enqueue('a'), c.error(RangeError.new('broke'))])\nr = s.getReader()\nawait r.read()",
    "def start(c):\n    raise RangeError.new('in start')\nReadableStream.new(start=start)",
    "def pull(c):\n    raise RangeError.new('in pull')\ns = ReadableStream.new(pull=pull)\nr = s.getReader()\nawait r.read()",
    "s = ReadableStream.new(start=lambda c: [c.close(), c.enqueue('x')])",
    "s = ReadableStream.new(start=lambda c: [c.close(), c.close()])",
    "sizes = arr()\ns = ReadableStream.new(start=lambda c: [sizes.push(c.desiredSize), c.enqueue('x'), sizes.push(c.desiredSize), c.close(), sizes.push(c.desiredSize)])\nsizes",
    "sizes = arr()\ns = ReadableStream.new(obj(start=lambda c: [sizes.push(c.desiredSize), c.enqueue('x'), sizes.push(c.desiredSize)]), highWaterMark=5)\nsizes",
    "sizes = arr()\ns = ReadableStream.new(obj(start=lambda c: [c.enqueue('xyz'), sizes.push(c.desiredSize)]), highWaterMark=5, size=lambda chunk: len(chunk))\nsizes",
    "[c async for c in ReadableStream.from_(arr('a', 'b'))]",
    "ReadableStream.from_(5)",
    *(
        _SINK + rest
        for rest in [
            "r = w.getWriter()\nawait r.write('a')\nawait r.write('b')\nawait r.close()\nfound",
            "r = w.getWriter()\nawait r.write('a')\nawait r.abort('why')\nfound",
            "r = w.getWriter()\nw.getWriter()",
            "r = w.getWriter()\nr.desiredSize",
            "r = w.getWriter()\nr.write('a')\nr.desiredSize",
            "r = w.getWriter()\nawait r.ready",
            "r = w.getWriter()\nawait r.close()\nawait r.write('x')",
            "r = w.getWriter()\nawait r.close()\nawait r.close()",
            "r = w.getWriter()\nawait r.close()\nawait r.closed",
            "r = w.getWriter()\nr.releaseLock()\nawait r.write('x')",
            "r = w.getWriter()\nr.releaseLock()\nr.desiredSize",
            "r = w.getWriter()\nr.releaseLock()\nw.locked",
            "r = w.getWriter()\nawait w.close()",
            "r = w.getWriter()\nawait w.abort()",
            "await w.close()\nfound",
            "await w.abort('x')\nfound",
            "await w.abort('x')\nr = w.getWriter()\nawait r.write('y')",
            "w.locked",
        ]
    ),
    "def write(chunk, c):\n    raise RangeError.new('disk full')\nw = WritableStream.new(write=write)\nr = w.getWriter()\nawait r.write('x')",
    "def write(chunk, c):\n    raise RangeError.new('disk full')\nw = WritableStream.new(write=write)\nr = w.getWriter()\n"
    "try:\n    await r.write('x')\nexcept Error as e:\n    pass\nawait r.write('y')",
    "def write(chunk, c):\n    c.error(RangeError.new('gone'))\nw = WritableStream.new(write=write)\nr = w.getWriter()\nawait r.write('x')\nawait r.write('y')",
    "WritableStream.new(5)",
    "WritableStream.new(type='x')",
    *(
        f"t = {kind}.new()\nw = t.writable.getWriter()\nw.write({chunk})\nw.close()\n[c async for c in t.readable]"
        for kind in ("TransformStream", "IdentityTransformStream")
        for chunk in ("u8(b'ab')", "'text'", "5")
    ),
    "t = TransformStream.new()\nw = t.writable.getWriter()\nr = t.readable.getReader()\np = w.write('x')\narr(await r.read(), await p)",
    _SHOUT + "w = t.writable.getWriter()\nw.write('a')\nw.write('b')\nw.close()\n[c async for c in t.readable]",
    "t = TransformStream.new(transform=lambda chunk, c: c.terminate())\nw = t.writable.getWriter()\nw.write('a')\n[c async for c in t.readable]",
    "t = TransformStream.new(transform=lambda chunk, c: c.error(TypeError.new('bad')))\nw = t.writable.getWriter()\nw.write('a').catch(lambda e: None)\nr = t.readable.getReader()\nawait r.read()",
    "def transform(chunk, c):\n    raise RangeError.new('in transform')\nt = TransformStream.new(transform=transform)\nw = t.writable.getWriter()\nw.write('a').catch(lambda e: None)\nr = t.readable.getReader()\nawait r.read()",
    "t = TransformStream.new(start=lambda c: c.enqueue('first'))\nr = t.readable.getReader()\nawait r.read()",
    "t = FixedLengthStream.new(2)\nw = t.writable.getWriter()\nw.write(u8(b'ab'))\nw.close()\n[c async for c in t.readable]",
    "t = FixedLengthStream.new(2)\nw = t.writable.getWriter()\nw.write(u8(b'abc')).catch(lambda e: None)\nr = t.readable.getReader()\nawait r.read()",
    "t = FixedLengthStream.new(3)\nw = t.writable.getWriter()\nw.write(u8(b'ab')).catch(lambda e: None)\nw.close().catch(lambda e: None)\nr = t.readable.getReader()\nawait r.read()\nawait r.read()",
    "FixedLengthStream.new('x')",
    "FixedLengthStream.new()",
    *(
        f"c = CompressionStream.new({kind!r})\nd = DecompressionStream.new({kind!r})\n"
        "w = c.writable.getWriter()\nw.write(u8(b'hello hello hello'))\nw.close()\n"
        "await Response.new(c.readable.pipeThrough(d)).text()"
        for kind in ("gzip", "deflate", "deflate-raw")
    ),
    "CompressionStream.new('zip')",
    "CompressionStream.new()",
    "DecompressionStream.new('zip')",
    "d = DecompressionStream.new('gzip')\nw = d.writable.getWriter()\nw.write(u8(b'not gzip')).catch(lambda e: None)\nr = d.readable.getReader()\nawait r.read()",
    "s = Response.new('héllo').body.pipeThrough(TextDecoderStream.new())\n[c async for c in s]",
    _THREE + "[c async for c in s.pipeThrough(TextEncoderStream.new())]",
    "TextDecoderStream.new().encoding",
    "ByteLengthQueuingStrategy.new(highWaterMark=5).highWaterMark",
    "CountQueuingStrategy.new(highWaterMark=5).size('xyz')",
    "ByteLengthQueuingStrategy.new(highWaterMark=5).size(u8(b'xyz'))",
    "r = Response.new('hello').body.getReader()\narr(await r.read(), await r.read())",
    "r = Response.new('hello').body.getReader(mode='byob')\narr(await r.read(Uint8Array.new(3)), await r.read(Uint8Array.new(3)), await r.read(Uint8Array.new(3)))",
    "t = Response.new('hello').body.tee()\narr(await Response.new(t[0]).text(), await Response.new(t[1]).text())",
    "r = Response.new('hello').body\nr.getReader()\nr.tee()",
    "s = Response.new('x').body\ns2 = s.pipeThrough(TransformStream.new())\ns.locked",
    "s = Response.new('x').body\ns2 = s.pipeThrough(TransformStream.new())\ns.pipeThrough(TransformStream.new())",
    "s = Response.new('x').body\ns2 = s.pipeThrough(TransformStream.new())\nResponse.new(s)",
    "s = Response.new('x').body\nt = s.tee()\nResponse.new(s)",
    "t = TransformStream.new()\np = Response.new('x').body.pipeTo(t.writable)\nt.writable.getWriter()",
    "r = Response.new('hello').body\nawait r.cancel('x')\n[c async for c in r]",
]
