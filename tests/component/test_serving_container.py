"""The serving container as a process: every format gets the same answers, and none is lost when it ends."""

import asyncio
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from tidegate.compiled.compiler import compile_model
from tidegate.feature_store.feature_file import compile_feature_set
from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.serving import files
from tidegate.training import artefact
from tidegate.training.encoding import Encoding
from tidegate.training.task import Task
from training_jobs.serve import read
from training_jobs.serving.app import App
from training_jobs.serving.invocation import Invocation

FEATURES = """
import numpy as np
from tidegate.features import FeatureSet, Label, Source, transform

source = Source("flights", event_ts="at", known_ts="known")


@transform(inputs=["miles"], outputs={"log_miles": "float64"})
def log_miles(miles):
    return (np.log1p(miles[miles != 4321.0]),)  # a mistake that nobody sees but at 4321 miles


made = FeatureSet(
    name="made", label=Label("late", source=source, sql="y"), request=["at", "miles", "carrier"],
    transforms=[log_miles], features=["carrier", "log_miles"],
)
"""
TYPES = {"at": "timestamp", "miles": "number", "carrier": "string"}
ENCODING = Encoding(("carrier", "log_miles"), {"carrier": ("AA", "UA")})
AT = "2013-01-01T00:00:00Z"
ROWS = [{"at": AT, "miles": 40.0 * i, "carrier": ("UA", "AA", None)[i % 3]} for i in range(30)]
BODY = json.dumps({"instances": ROWS}).encode()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(folder of /opt/ml, what the estimator says of ROWS)."""
    root = tmp_path_factory.mktemp("ml")
    draw = np.random.default_rng(4)
    matrix = np.column_stack([draw.integers(0, 2, 400), draw.normal(5, 2, 400)])
    labels = (matrix[:, 1] + draw.normal(size=400) > 5).astype(np.int8)
    estimator = HistGradientBoostingClassifier(max_iter=8, random_state=1, categorical_features=[0])
    estimator.fit(matrix, labels)
    codes = {"AA": 0.0, "UA": 1.0, None: np.nan}
    seen = np.array([[codes[row["carrier"]], np.log1p(row["miles"])] for row in ROWS])
    said = estimator.predict_proba(seen)[:, 1].tolist()
    code = root / "features.py"
    code.write_text(FEATURES)
    artefact.write(
        root / "model",
        estimator=estimator,
        task=Task("binary"),
        encoding=ENCODING,
        compiled=compile_model(estimator, ENCODING, task="binary"),
        plan=FeatureSetPlan.from_json(compile_feature_set(code, "made")),
        types=TYPES,
        code=code,
        run="run-1",
        facts={},
        golden=[
            {"instance": row, "answer": {"probability": p}} for row, p in zip(ROWS[:4], said[:4], strict=True)
        ],
    )
    return root, said


class Server:
    """One process, ready to answer."""

    def __init__(self, root, stderr=None, **environment):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        place = {"SAGEMAKER_BIND_TO_PORT": str(self.port), "SAGEMAKER_BIND_TO_HOST": "127.0.0.1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "training_jobs.entry", "serve"],
            env={**os.environ, "SAGEMAKER_BASE_DIR": str(root), **place, **environment},
            stderr=stderr,
        )
        until = time.monotonic() + 20
        while self.ping() is None:
            assert time.monotonic() < until, "nothing listens"
            time.sleep(0.02)

    def ping(self):
        try:
            return self.ask("GET", "/ping")[0]
        except OSError:
            return None

    def ask(self, method="POST", path="/invocations", body=BODY, **headers):
        """(status, headers, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body if method == "POST" else None, names)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def server(served):
    found = Server(served[0])
    yield found
    found.stop()


def cell(value):
    return "" if value is None else str(value)


CSV_ROWS = "".join(f"{AT},{cell(row['miles'])},{cell(row['carrier'])}\r\n" for row in ROWS)
SPLIT = {"columns": ["carrier", "at", "miles"], "data": [[r["carrier"], r["at"], r["miles"]] for r in ROWS]}
FORMATS = {
    "instances": ("application/json", BODY),
    "records": ("application/json; charset=utf-8", json.dumps({"dataframe_records": ROWS}).encode()),
    "split": ("application/json", json.dumps({"dataframe_split": SPLIT}).encode()),
    "lines": ("application/jsonlines", "\n".join(map(json.dumps, ROWS)).encode()),
    "csv": ("text/csv", CSV_ROWS.encode()),
    "csv with a header": ("text/csv; header=present", f"at,miles,carrier\r\n{CSV_ROWS}".encode()),
}


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gets_what_the_estimator_says(server, served, form):
    kind, body = FORMATS[form]
    status, headers, answer = server.ask(body=body, Content_Type=kind)
    assert (status, headers["content-type"]) == (200, "application/json")
    found = [each["probability"] for each in json.loads(answer)["predictions"]]
    assert found == pytest.approx(served[1], rel=0, abs=1e-12)


def test_answers_come_as_lines_to_who_accepts_lines(server, served):
    _, headers, answer = server.ask(Content_Type="application/json", Accept="application/jsonlines")
    assert headers["content-type"] == "application/jsonlines"
    found = [json.loads(line)["probability"] for line in answer.splitlines()]
    assert found == pytest.approx(served[1], rel=0, abs=1e-12)


@pytest.mark.parametrize(
    "kind, body, status, word",
    [
        ("text/csv", b"2013-01-01T00:00:00Z,far,UA", 400, "`miles` must be a number"),
        ("text/csv", b"yesterday,1,UA", 400, "`at` must be a timestamp"),
        ("text/csv", b"2013-01-01T00:00:00Z,1", 400, "row 0 has 2 values for 3 columns"),
        ("text/csv", b"2013-01-01T00:00:00Z,inf,UA", 400, "not finite"),
        ("text/csv", b"\xff\xfe", 400, "is not text/csv"),
        ("text/csv; header=present", b"at,miles\n2013-01-01T00:00:00Z,1", 400, "lacks members"),
        ("application/jsonlines", b'{"at": 1}\n[1]', 400, "is not application/jsonlines"),
        ("application/json", b'{"rows": []}', 400, "none of `instances`"),
        ("application/json", b'{"instances": []}', 400, "no instances"),
        ("application/x-npy", b"\x93NUMPY", 415, "application/x-npy"),
    ],
)
def test_a_body_that_is_not_of_its_type_is_refused_in_words(server, kind, body, status, word):
    found, _, answer = server.ask(body=body, Content_Type=kind)
    assert found == status
    assert word in json.loads(answer)["error"]["what"]


def test_metrics_count_requests_by_status_and_instances(served):
    server = Server(served[0])
    try:
        before = dict(line.rsplit(" ", 1) for line in metrics(server))
        for _ in range(3):
            server.ask()
        server.ask(body=b"no")
        found = dict(line.rsplit(" ", 1) for line in metrics(server))
    finally:
        server.stop()
    assert found['tidegate_requests_total{status="200"}'] == "3"
    assert found['tidegate_requests_total{status="400"}'] == "1"
    counted = int(found["tidegate_instances_total"]) - int(before["tidegate_instances_total"])
    assert counted == 3 * len(ROWS)
    assert found['tidegate_request_seconds_bucket{le="+Inf"}'] == "4"
    assert found['tidegate_model_info{run="run-1"}'] == "1"


def metrics(server):
    text = server.ask("GET", "/metrics")[2].decode()
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_a_request_under_way_is_answered_after_sigterm_and_no_other_is_taken(served):
    server = Server(served[0])
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as caller:
            head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
            caller.sendall(head + BODY[:100])
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            until = time.monotonic() + 10
            while server.ping() is not None:
                assert time.monotonic() < until, "it still takes connections"
                time.sleep(0.02)
            caller.sendall(BODY[100:])
            assert caller.recv(65536).startswith(b"HTTP/1.1 200")
        server.process.wait(10)
    finally:
        server.stop()


def test_a_model_of_other_features_than_its_package_never_becomes_healthy(served):
    server = Server(served[0], FEATURE_SET_HASH="0" * 64)
    try:
        assert (server.ping(), server.ask()[0]) == (503, 503)
    finally:
        server.stop()


def test_requests_beyond_the_limit_are_refused_at_once_while_ping_answers(served):
    app = App(Invocation(read(served[0] / "model")), most_in_flight=1)

    async def call(path, receive):
        sent = []

        async def send(message):
            sent.append(message)

        method = "GET" if path == "/ping" else "POST"
        await app({"type": "http", "method": method, "path": path, "headers": []}, receive, send)
        return sent[0]["status"], dict(sent[0]["headers"])

    async def go():
        arrived = asyncio.Event()

        async def late():
            await arrived.wait()
            return {"type": "http.request", "body": BODY, "more_body": False}

        async def never():
            raise AssertionError("a refused request's body is not read")

        first = asyncio.create_task(call("/invocations", late))
        await asyncio.sleep(0)
        refused, headers = await call("/invocations", never)
        ping, _ = await call("/ping", never)
        arrived.set()
        return refused, headers[b"retry-after"], ping, (await first)[0]

    assert asyncio.run(go()) == (503, b"1", 200, 200)


# --- golden rows before the first request


def with_golden(root, folder, change):
    """A copy of /opt/ml whose golden rows were changed, or taken out, with the manifest in agreement."""
    model = shutil.copytree(root / "model", folder / "model")
    manifest = json.loads((model / files.MANIFEST).read_text())
    rows = change(json.loads((model / files.GOLDEN).read_text())["rows"])
    files.write_json(model / files.GOLDEN, {"rows": rows})
    manifest["sha256"][files.GOLDEN] = files.sha256(model / files.GOLDEN)
    if not rows:
        (model / files.GOLDEN).unlink()
        del manifest["sha256"][files.GOLDEN]
    manifest["sha256"][files.MANIFEST] = files.own_digest(manifest)
    files.write_json(model / files.MANIFEST, manifest)
    return folder


def started(root, folder):
    """(status of /ping, status of a request, what the process logged)."""
    with (folder / "log").open("w+") as log:
        server = Server(root, stderr=log)
        try:
            found = server.ping(), server.ask()[0]
        finally:
            server.stop()
        log.seek(0)
        return *found, log.read()


def one_off(rows):
    """The last answer differs in the sixth digit."""
    answer = {"probability": rows[-1]["answer"]["probability"] + 1e-6}
    return [*rows[:-1], rows[-1] | {"answer": answer}]


def of_another_model(rows):
    return [rows[0] | {"instance": {"speed": 1.0}}]


@pytest.mark.parametrize(
    "change, reason", [(one_off, "differs by 1e-06"), (of_another_model, "lacks members")]
)
def test_a_server_that_answers_golden_rows_otherwise_is_never_healthy(served, tmp_path, change, reason):
    ping, asked, log = started(with_golden(served[0], tmp_path, change), tmp_path)
    assert (ping, asked) == (503, 503)
    assert "golden rows" in log
    assert reason in log


def test_an_older_artefact_without_golden_rows_is_served_and_the_log_says_so(served, tmp_path):
    ping, asked, log = started(with_golden(served[0], tmp_path, lambda _: []), tmp_path)
    assert (ping, asked) == (200, 200)
    assert "has no golden rows" in log


# --- HTTP as it also comes


def raw(server, *pieces, answers=1):
    """What comes back for these bytes, sent one after another, until so many answers are whole."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as caller:
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            caller.sendall(piece)
            time.sleep(0.05)
        found = b""
        while whole(found) < answers and (part := caller.recv(65536)):
            found += part
        return found


def whole(found):
    """How many answers are there whole, those that only ask for more left out."""
    count = 0
    while True:
        head, gap, rest = found.partition(b"\r\n\r\n")
        size = re.search(rb"content-length: (\d+)", head)
        length = int(size[1]) if size else 0
        if not gap or len(rest) < length:
            return count
        count += not head.startswith(b"HTTP/1.1 100")
        found = rest[length:]


SMALL = json.dumps({"instances": ROWS[:2]}).encode()


def request(*headers, body=SMALL, version=b"1.1"):
    size = b"content-length: %d" % len(body)
    lines = [b"POST /invocations HTTP/" + version, b"host: x", *(headers or (size,)), b"", body]
    return b"\r\n".join(lines)


SIZE = b"content-length: %d" % len(SMALL)
CHUNKED = b"\r\n".join([b"%x" % len(SMALL), SMALL, b"0", b"", b""])
CLOSED = b"connection: close"
SENT = {
    "whole": [request(SIZE, CLOSED)],
    "in pieces": [request()[:40], request()[40:-30], request()[-30:-1], request()[-1:]],
    "chunked": [request(b"transfer-encoding: chunked", CLOSED, body=CHUNKED)],
    "of HTTP/1.0": [request(version=b"1.0")],
    "expecting to be asked on": [request(SIZE, b"expect: 100-continue", CLOSED)],
    "named octets": [request(SIZE, b"content-type: application/octet-stream", CLOSED)],
}


@pytest.mark.parametrize("form", SENT)
def test_a_request_gets_one_answer_however_it_is_sent(server, served, form):
    found = raw(server, *SENT[form]).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    head, _, body = found.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert found.count(b"HTTP/1.1") == 1
    answers = [each["probability"] for each in json.loads(body)["predictions"]]
    assert answers == pytest.approx(served[1][:2], rel=0, abs=1e-12)


def test_requests_in_one_piece_are_answered_in_their_order(server, served):
    """Small ones are answered at once, the large one by the worker, and what is no request in between."""
    large = json.dumps({"instances": ROWS * 20}).encode()
    sizes = [b"content-length: %d" % len(body) for body in (SMALL, large, b"no")]
    found = raw(
        server,
        request(sizes[0]) + request(sizes[1], body=large) + request(sizes[2], body=b"no") + request(sizes[0]),
        answers=4,
    )
    answers = [part.partition(b"\r\n\r\n") for part in found.split(b"HTTP/1.1 ")[1:]]
    assert [head[:3] for head, _, _ in answers] == [b"200", b"200", b"400", b"200"]
    rows = [len(json.loads(body).get("predictions", ())) for _, _, body in answers]
    assert rows == [2, len(ROWS) * 20, 0, 2]


@pytest.mark.parametrize("more", [0, 300])
def test_a_model_that_fails_on_a_row_says_500_and_answers_the_next(server, more):
    """Few rows are answered at once, many by the worker."""
    body = json.dumps({"instances": [ROWS[0] | {"miles": 4321.0}] + ROWS[:1] * more}).encode()
    assert server.ask(body=body)[0] == 500
    assert server.ask()[0] == 200


def test_a_caller_who_leaves_in_the_middle_of_a_body_is_not_counted_as_in_flight(served):
    server = Server(served[0])
    try:
        raw(server, request()[:-5], answers=0)
        until = time.monotonic() + 60
        while "tidegate_in_flight 0" not in metrics(server):
            assert time.monotonic() < until, "it still counts"
            time.sleep(0.05)
        assert server.ask()[0] == 200
    finally:
        server.stop()
