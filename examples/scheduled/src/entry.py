from datetime import UTC, datetime

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("Come back later\n")

    async def scheduled(self, controller, env, ctx):
        when = datetime.fromtimestamp(controller.scheduledTime / 1000, UTC)
        match controller.cron:
            case "*/10 * * * *":
                print(f"refreshed at {when:%H:%M}")
            case "0 3 * * *":
                self.ctx.waitUntil(clean_up())
            case other:
                raise ValueError(f"no work for {other!r}")


async def clean_up():
    print("cleaned up")
