from flask import Flask, jsonify, request
from workers import wsgi

app = Flask(__name__)
Default = wsgi.entrypoint(app)


@app.get("/greet/<name>")
def greet(name):
    return jsonify(greeting=f"{request.environ['workers.env'].GREETING}, {name}")


@app.post("/sum")
def total():
    return {"sum": sum(request.get_json()["numbers"])}
