import json
import urllib.request

import httpx
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = f"{self.env.UPSTREAM}/items/1"
        with urllib.request.urlopen(url) as answer:
            standard_library = json.load(answer)
        with httpx.Client() as client:
            blocking = client.get(url).json()
        async with httpx.AsyncClient() as client:
            asynchronous = (await client.get(url)).json()
        return Response.json({"same": standard_library == blocking == asynchronous, "item": blocking})
