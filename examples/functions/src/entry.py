from workers import Response


async def on_fetch(request, env, ctx):
    return Response(f"{env.GREETING} from a function\n")


async def on_scheduled(controller, env, ctx):
    print(f"{env.GREETING} on schedule {controller.cron}")
