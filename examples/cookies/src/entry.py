from http.cookies import CookieError, SimpleCookie

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        try:
            cookies = SimpleCookie(request.headers["cookie"] or "")
        except CookieError:
            cookies = SimpleCookie()
        visits = cookies["visits"].value if "visits" in cookies else "0"
        count = int(visits) + 1 if visits.isdecimal() else 1
        name = cookies["name"].value if "name" in cookies else "stranger"
        # A list of pairs, since one name comes twice.
        headers = [
            ("set-cookie", f"visits={count}; Path=/; HttpOnly; SameSite=Lax"),
            ("set-cookie", f"name={name}; Path=/; Max-Age=86400"),
        ]
        return Response(f"Visit {count} of {name}\n", headers=headers)
