from pathlib import Path
from string import Template
from urllib.parse import parse_qs, urlsplit

from greetings import greet
from workers import Response, WorkerEntrypoint

PAGE = Template((Path(__file__).parent / "page.html").read_text())


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        parameters = parse_qs(urlsplit(request.url).query)
        name = parameters.get("name", ["World"])[0]
        page = PAGE.substitute(greeting=greet(name))
        return Response(page, headers={"content-type": "text/html; charset=utf-8"})
