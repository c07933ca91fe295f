import asyncio
import json

from workers import Response, WorkerEntrypoint, fetch


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.method == "POST":
            return await self.send({"results": [1, 2], "errors": None})
        answers = await asyncio.gather(*(fetch(f"{self.env.UPSTREAM}/items/{number}") for number in (1, 2)))
        return Response.json(await asyncio.gather(*(answer.json() for answer in answers)))

    async def send(self, data):
        answer = await fetch(
            f"{self.env.UPSTREAM}/echo",
            method="POST",
            headers={"content-type": "application/json"},
            body=json.dumps(data),
        )
        echoed = await answer.json()
        return Response.json({"status": answer.status, "received": json.loads(echoed["body"])})
