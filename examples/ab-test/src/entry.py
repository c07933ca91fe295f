import random
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

from workers import Response, WorkerEntrypoint, fetch

COOKIE = "variant"
VARIANTS = ("control", "test")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = urlsplit(request.url).path
        if path.startswith(tuple(f"/{variant}/" for variant in VARIANTS)):
            return await fetch(self.env.UPSTREAM + path)  # asked for by name
        cookies = SimpleCookie(request.headers["cookie"] or "")
        known = cookies[COOKIE].value if COOKIE in cookies else ""
        variant = known if known in VARIANTS else random.choice(VARIANTS)
        answer = await fetch(f"{self.env.UPSTREAM}/{variant}{path}")
        if variant == known:
            return answer
        # A list of pairs, since set-cookie may be there already.
        headers = [*answer.headers.items(), ("set-cookie", f"{COOKIE}={variant}; Path=/")]
        return Response(answer.body, status=answer.status, headers=headers)
