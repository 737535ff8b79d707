"""How many functions a chain of events has run through, so that an endless loop ends.

AWS detects loops the same way: Lambda puts a lineage into the trace id, every AWS SDK sends that id back with
the calls of the handler (botocore does when AWS_LAMBDA_FUNCTION_NAME is set), and a chain is cut after about
16 invocations. A state machine in the chain breaks the trail, there as here.
"""

import contextlib
import contextvars
import re
import secrets
import time
from collections.abc import Iterator

from flask import has_request_context, request

LIMIT = 16
HEADER = "X-Amzn-Trace-Id"
MESSAGE_ATTRIBUTE = "AWSTraceHeader"  # the name SQS itself gives to a trace that travels with a message

_LINEAGE = re.compile(r"Lineage=1:local:(\d+)")
_depth: contextvars.ContextVar[int] = contextvars.ContextVar("depth", default=0)


def depth() -> int:
    """Invocations behind the work at hand: of the delivery that runs, or of the request that is answered."""
    if known := _depth.get():
        return known
    return of_trace(request.headers.get(HEADER, "")) if has_request_context() else 0


@contextlib.contextmanager
def at(known: int) -> Iterator[None]:
    """Do something on behalf of a chain that is `known` invocations long."""
    token = _depth.set(known)
    try:
        yield
    finally:
        _depth.reset(token)


def trace_id(known: int) -> str:
    """A trace id that carries the depth; never sampled, for nothing here listens to X-Ray."""
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0;Lineage=1:local:{known}"


def of_trace(header: str) -> int:
    found = _LINEAGE.search(header)
    return int(found[1]) if found else 0
