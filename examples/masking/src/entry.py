import re
from urllib.parse import urlsplit

from workers import Response, WorkerEntrypoint, fetch

CARD = re.compile(r"\b\d{4}([ -]?)\d{4}\1\d{4}\1\d{4}\b")
EMAIL = re.compile(r"\b[\w.+-]+@[\w-]+(\.[\w-]+)+\b")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        answer = await fetch(self.env.UPSTREAM + urlsplit(request.url).path)
        if not answer.headers.get("content-type", "").startswith("text/"):
            return answer
        text = await answer.text()
        if CARD.search(text):
            # Goes on after the response.
            self.ctx.waitUntil(self.alert(request.url))
            return Response("Blocked: this page has a card number\n", status=403)
        return answer.replace_body(EMAIL.sub("…", text))

    async def alert(self, url):
        await fetch(f"{self.env.UPSTREAM}/alerts", method="POST", body=f"card number at {url}")
