"""A web server of the test's, over real HTTP, that can be as bad as servers are."""

import contextlib
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CSV = b"id,amount,changed_at\n1,9.50,2024-03-01T00:00:00Z\n"


class Page:
    """Serves `body` under `etag` and `last_modified`; a fault is what a test sets."""

    def __init__(self):
        self.body, self.etag, self.last_modified = CSV, '"v1"', ""
        self.content_type = "text/csv; charset=utf-8"
        self.headers = {}  # more of them
        self.status = 200
        self.length = None  # Content-Length, when another than the body's; 0 sends none
        self.cut_after = []  # of each answer the bytes after which the connection is closed
        self.seconds_between = 0.0  # of each byte
        self.location = {}  # path -> where it redirects to
        self.ranges = True
        self.requests = []  # (path, headers)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("OfPage", (Handler,), {"page": self}))
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.host}/files/orders"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def encrypt(self, folder):
        """Answer by TLS from now on, under a certificate of its own: the file returned."""
        file = folder / "page.pem"
        file.write_bytes(self_signed("127.0.0.1"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")
        return file

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Handler(BaseHTTPRequestHandler):
    page = None  # set for each server

    def do_GET(self):
        page = self.page
        path = self.path.partition("?")[0]
        page.requests.append((self.path, dict(self.headers)))
        tags = {"ETag": page.etag, "Last-Modified": page.last_modified}
        tags = {name: value for name, value in tags.items() if value}
        if path in page.location:
            self._begin(302, {"Location": page.location[path], "Content-Length": "0"})
        elif page.status != 200:
            self._begin(page.status, {"Content-Length": "0"})
        elif self._is_known():
            self._begin(304, tags)
        else:
            self._answer(tags)

    def _is_known(self):
        known = self.headers.get("If-None-Match")
        if known is not None:
            return known == self.page.etag
        since = self.headers.get("If-Modified-Since")
        return since is not None and since == self.page.last_modified

    def _answer(self, tags):
        page, start, status = self.page, 0, 200
        wanted = self.headers.get("Range")
        if wanted and page.ranges and self.headers.get("If-Range") == page.etag:
            start, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
            total = len(page.body)
            tags = {**tags, "Content-Range": f"bytes {start}-{total - 1}/{total}"}
        body = page.body[start:]
        length = len(body) if page.length is None else page.length
        if length:
            tags = {**tags, "Content-Length": str(length)}
        self._begin(status, {"Content-Type": page.content_type, **tags, **page.headers})
        self._send(body[: page.cut_after.pop(0)] if page.cut_after else body)

    def _begin(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, body):
        pieces = [body[n : n + 1] for n in range(len(body))] if self.page.seconds_between else [body]
        with contextlib.suppress(OSError):  # the client may have had enough
            for piece in pieces:
                time.sleep(self.page.seconds_between)
                self.wfile.write(piece)

    def log_message(self, *_):
        pass


def self_signed(address):
    """Key and certificate of a server, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def page():
    served = Page()
    yield served
    served.close()
