"""Source of a function for Workers under test: a response whose body a generator makes."""

STREAMED = """
from js import TransformStream
from pyodide.ffi import to_js
from workers import Response, wait_until

def streamed(pieces, **options):
    stream = TransformStream.new()
    writer = stream.writable.getWriter()

    async def write():
        try:
            async for piece in pieces:
                await writer.write(to_js(piece))
        except Exception as error:
            await writer.abort(error)
        else:
            await writer.close()
        finally:
            await pieces.aclose()

    wait_until(write())
    return Response(stream.readable, **options)
"""
