from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.method != "POST":
            return Response.json({"send": {"name": "Ada", "scores": [3, 4]}})
        try:
            given = await request.json()
            result = {"name": given["name"], "total": sum(given["scores"])}
        except (ValueError, TypeError, KeyError):
            return Response.json({"error": "Send a name and scores"}, status=400)
        return Response.json(result, headers={"cache-control": "no-store"})
