"""The WSGI application of the local cloud: our checks in front, moto's dispatcher behind.

A call is laid to a role and judged by its policies, checked against its service's shapes, and handed on.
What cannot be read is handed on unchecked and counted: the front never breaks what moto can answer.
"""

import functools
import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sts.models import sts_backends

from localcloud import identity
from localcloud.cloud import Cloud
from localcloud.front import refusals, requests, s3_needs, strict
from localcloud.front.call import Call, Caller
from localcloud.front.connection import Environ
from localcloud.front.control import Control
from localcloud.front.guard import Guard
from localcloud.front.http_api import HttpApi
from localcloud.front.need import Need, Where
from localcloud.front.needs import needs
from localcloud.front.record import Record
from localcloud.front.refusals import Refusal

StartResponse = Callable[..., Any]

PHRASES = {status.value: status.phrase for status in HTTPStatus}

log = logging.getLogger(__name__)


class Dispatcher(DomainDispatcherApplication):
    """moto's, which tries 180 patterns on a host for each request; here, once for each host."""

    @functools.cache  # noqa: B019  one dispatcher lives as long as its process
    def get_backend_for_host(self, host: str | None) -> Any:
        return super().get_backend_for_host(host)


class Front:
    """What the server runs for every request."""

    def __init__(self, cloud: Cloud) -> None:
        self._where = Where(cloud.account, cloud.region)
        self._account = cloud.account
        self._moto = Dispatcher(create_backend_app)
        self.guard = Guard(cloud.account, cloud.region)
        self.record = Record()
        self._control = Control(cloud, self.guard, self.record)
        self._http_api = HttpApi(cloud, self.guard)

    def __call__(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/_localcloud/"):
            return _send(start, *self._control.answer(environ))
        if target := self._http_api.target(environ):
            return _send(start, *self._http_api.answer(environ, target))
        caller = requests.caller_of(environ)
        if caller is not None and caller.service == "s3":
            return self._s3(environ, start, self._role(caller))
        call = requests.read(environ, caller) if caller else None
        if call is None:
            self.record.unread(caller.service if caller else "unsigned")
            return self._to_moto(environ, start, "json" if "HTTP_X_AMZ_TARGET" in environ else "rest-json")
        try:
            refusal = self._refusal(call, self._role(call.caller))
        except Exception:  # a check that breaks must not break what moto can answer
            log.exception("%s:%s could not be checked", call.service, call.name)
            self.record.unread(call.service)
            refusal = None
        if refusal is not None:
            return _send(start, *refusals.response(refusal, call.protocol))
        return self._to_moto(environ, start, call.protocol)

    def _refusal(self, call: Call, role: str | None) -> Refusal | None:
        """Form before rights: the needs of a call are read from parameters that are in order."""
        name = f"{call.service}:{call.name}"
        self.record.call(name)
        if refusal := strict.refusal(call):
            self.record.invalid(name)
            return refusal
        if role is None:
            return None
        needed = needs(call.service, call.name, call.parameters, self._where)
        if refusal := self.guard.refusal(call.service, role, needed):
            self.record.denied(name)
            return refusal
        return None

    def _s3(self, environ: Environ, start: StartResponse, role: str | None) -> Iterable[bytes]:
        method, path = (
            environ["REQUEST_METHOD"],
            environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"),
        )
        copied = {
            name: environ.get(f"HTTP_{name.upper().replace('-', '_')}", "")
            for name in ("x-amz-copy-source", "x-amz-tagging")
        }
        needed = s3_needs.needs(method, path, environ["QUERY_STRING"], copied)
        name = needed[0].action
        self.record.call(name)
        if role is None:
            return self._to_moto(environ, start, "rest-xml")
        if refusal := self.guard.refusal("s3", role, needed):
            self.record.denied(name)
            return _send(start, *refusals.response(refusal, "rest-xml"))
        if method in s3_needs.READS and name.startswith("s3:GetObject"):
            return self._read_object(environ, start, role, path)
        return self._to_moto(environ, start, "rest-xml")

    def _read_object(self, environ: Environ, start: StartResponse, role: str, path: str) -> Iterable[bytes]:
        """S3 says 403, not 404, of a missing object to those who may not list its bucket."""
        kept: list[Any] = []
        chunks = self._to_moto(environ, lambda *given: kept.extend(given), "rest-xml")
        listing = Need("s3:ListBucket", (s3_needs.BUCKET + path.lstrip("/").partition("/")[0],))
        if kept[0].startswith("404") and not self.guard.allows(role, listing):
            refusal = refusals.denied(
                "s3", "Access Denied (no such object, and the role lacks s3:ListBucket)"
            )
            return _send(start, *refusals.response(refusal, "rest-xml"))
        start(*kept)
        return chunks

    def _to_moto(self, environ: Environ, start: StartResponse, protocol: str) -> Iterable[bytes]:
        try:
            return self._moto(environ, start)  # type: ignore[no-any-return]
        except NotImplementedError as missing:
            refusal = Refusal(
                501, "NotImplemented", f"the local cloud does not have this operation: {missing}"
            )
        except Exception as fault:
            log.exception("moto failed on %s %s", environ["REQUEST_METHOD"], environ["RAW_URI"])
            refusal = Refusal(500, "InternalFailure", f"{type(fault).__name__}: {fault}")
        return _send(start, *refusals.response(refusal, protocol))

    def _role(self, caller: Caller) -> str | None:
        role = identity.role_of(caller.access_key)
        if role is None and caller.access_key.startswith("ASIA"):
            assumed = sts_backends[self._account]["aws"].get_assumed_role_from_access_key(caller.access_key)
            role = assumed.role_arn if assumed else None
        return role


def _send(start: StartResponse, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> list[bytes]:
    start(f"{status} {PHRASES.get(status, 'Status')}", [*headers, ("Content-Length", str(len(body)))])
    return [body]
