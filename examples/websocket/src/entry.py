from js import WebSocketPair
from pyodide.ffi import create_proxy
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if (request.headers["upgrade"] or "").lower() != "websocket":
            return Response("A WebSocket is wanted\n", status=426, headers={"upgrade": "websocket"})
        client, server = WebSocketPair.new().object_values()
        server.accept()

        def answer(event):
            if event.data == "bye":
                server.close(1000, "as asked")
            else:
                server.send(f"You said: {event.data}")

        server.addEventListener("message", create_proxy(answer))
        return Response(None, status=101, web_socket=client)
