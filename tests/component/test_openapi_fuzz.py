"""The API against its own description, by schemathesis: what is allowed is answered, all else refused."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import schemathesis_run
from serving_account import account, model, plan, request  # noqa: F401

from tidegate.serving import api_page, openapi

ROUTES = {
    "/predict": "predict",
    "/feedback": "feedback",
    "/openapi.json": "describe_api",
    "/docs": "describe_api",
}


@pytest.fixture
def url(load, context, account, model):
    """The functions behind real HTTP, one request at a time, as the HTTP API hands requests to them."""
    account.configure(serving={"auth": "none"})
    document = openapi.document(plan())
    document.pop("security"), document["components"].pop("securitySchemes")
    (account.folder / "openapi.json").write_text(json.dumps(document))
    (account.folder / "api.html").write_text(api_page.page(document))
    functions = {
        path: load(f"functions.{name}.handler", **account.environment) for path, name in ROUTES.items()
    }
    one = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            function = functions.get(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length).decode("utf-8", "surrogateescape")
            method = "GET" if self.path in ("/docs", "/openapi.json") else "POST"
            if function is None or self.command != method:
                return self.reply(404, {"Content-Type": "application/json"}, b'{"message":"Not Found"}')
            headers = {name.lower(): value for name, value in self.headers.items()}
            with one:
                event = request(body, rawPath=self.path, headers=headers)
                found = function(event, context)
            return self.reply(found["statusCode"], found["headers"], found["body"].encode())

        def reply(self, status, headers, body):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

        def __getattr__(self, name):
            if name.startswith("do_"):
                return self.answer
            raise AttributeError(name)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_schemathesis_finds_nothing(url, tmp_path):
    schemathesis_run.finds_nothing(f"{url}/openapi.json", tmp_path)
