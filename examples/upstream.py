"""A server for the examples that fetch from elsewhere: `python examples/upstream.py [PORT]`, 9000 by default."""

import contextlib
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Upstream(BaseHTTPRequestHandler):
    server_version = "upstream"

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        if self.path.startswith("/items/"):
            self.answer(json.dumps({"number": name, "title": f"Item {name}"}), "application/json")
        elif self.path == "/contacts":
            self.answer("Write to ada@example.com or call.\n")
        elif self.path == "/cards":
            self.answer("Pay with 4111 1111 1111 1111.\n")
        elif self.path == "/logo.svg":
            self.answer("<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml")
        else:
            self.answer(f"This is {self.path}, asked for {self.headers.get('x-forwarded-host')}.\n")

    do_HEAD = do_GET

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        self.answer(json.dumps({"path": self.path, "body": body}), "application/json")

    def answer(self, text, content_type="text/plain; charset=utf-8"):
        content = text.encode()
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(content)))
        self.send_header("x-powered-by", "http.server")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9000
    with ThreadingHTTPServer(("127.0.0.1", port), Upstream) as server:
        print(f"Listening on http://127.0.0.1:{server.server_port}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
