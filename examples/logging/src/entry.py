import logging

from js import console
from workers import Response, WorkerEntrypoint

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
log = logging.getLogger(__name__)


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        print("from print")
        log.info("from logging")
        log.error("an error from logging")
        console.log("from console.log")
        console.error("an error from console.error")
        return Response("Look at the log\n")
