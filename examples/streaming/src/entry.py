import hashlib
from urllib.parse import parse_qs, urlsplit

from js import TransformStream
from pyodide.ffi import to_js
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.method == "POST":
            return await checksum(request)
        parameters = parse_qs(urlsplit(request.url).query)
        last = int(parameters.get("to", ["10"])[0])
        stream = TransformStream.new()
        # Goes on while the response is read.
        self.ctx.waitUntil(write(squares(last), stream.writable.getWriter()))
        return Response(stream.readable, headers={"content-type": "text/csv"})


def squares(last):
    yield "number,square\n"
    for number in range(1, last + 1):
        yield f"{number},{number * number}\n"


async def write(lines, writer):
    for line in lines:
        await writer.write(to_js(line.encode()))
    await writer.close()


async def checksum(request):
    digest, size = hashlib.sha256(), 0
    async for chunk in request.body:
        piece = chunk.to_bytes()
        digest.update(piece)
        size += len(piece)
    return Response.json({"bytes": size, "sha256": digest.hexdigest()})
