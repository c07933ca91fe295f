from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from workers import Response, WorkerEntrypoint

SHOPS = {"US": "https://example.com/us/", "DE": "https://example.com/de/"}


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        cf = request.cf
        match urlsplit(request.url).path:
            case "/":
                return Response.json({"city": cf.city, "country": cf.country, "colo": cf.colo, "asn": cf.asn})
            case "/time":
                there = datetime.now(ZoneInfo(cf.timezone))
                style = "background: #113; color: white" if there.hour < 6 or there.hour > 20 else ""
                page = f'<!doctype html>\n<html lang="en"><title>Time</title><body style="{style}">{there:%H:%M}\n'
                return Response(page, headers={"content-type": "text/html; charset=utf-8"})
            case "/shop":
                return Response.redirect(SHOPS.get(cf.country, "https://example.com/"))
            case _:
                return Response("Not found\n", status=404)
