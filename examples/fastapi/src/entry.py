from fastapi import FastAPI, Request, WebSocket
from pydantic import BaseModel
from workers import asgi

app = FastAPI()
Default = asgi.entrypoint(app)


class Item(BaseModel):
    name: str
    price: float
    tax: float | None = None


@app.get("/")
async def root(request: Request):
    return {"message": request.scope["env"].MESSAGE}


@app.get("/items/{number}")
async def read_item(number: int, q: str | None = None):
    return {"number": number, "q": q}


@app.post("/items", status_code=201)
async def create_item(item: Item) -> Item:
    return item


@app.websocket("/echo")
async def echo(socket: WebSocket):
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text.upper())
