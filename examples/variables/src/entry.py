import hmac

from workers import Response, WorkerEntrypoint, env

# Variables can be read while the module loads, too.
TITLE = env.TITLE


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        token = getattr(self.env, "TOKEN", None)
        if token is None:
            return Response("There is no TOKEN: put one into .dev.vars\n", status=500)
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), token.encode()):
            return Response("Not authorized\n", status=401, headers={"www-authenticate": "Bearer"})
        # A table of wrangler.toml is an object, with attributes.
        return Response.json({"title": TITLE, "rows": self.env.LIMITS.rows})
