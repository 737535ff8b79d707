"""Kept-alive HTTP connections to the server of one variant."""

import contextlib
import http.client
import select
import socket
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

ADDRESS = "127.0.0.1"
ANSWER_SECONDS = 60.0  # how long InvokeEndpoint waits for a container
PING_SECONDS = 2.0


class NoAnswerError(Exception):
    """The server did not answer: it is down, broke the connection, or sent no HTTP."""


class TooLateError(NoAnswerError):
    """The server took longer than 60 s."""


@dataclass(frozen=True)
class Reply:
    """What the server answered; header names are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connections:
    """As many connections as requests at a time; an idle one is used again while it is open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: deque[http.client.HTTPConnection] = deque()

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Raises TooLateError or NoAnswerError; a request is never sent twice."""
        connection = self._take()
        try:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            content = response.read()
        except TimeoutError as error:
            connection.close()
            raise TooLateError(str(error)) from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise NoAnswerError(repr(error)) from error
        if response.will_close:
            connection.close()
        else:
            self._idle.append(connection)
        return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, content)

    def ping(self) -> bool:
        """Whether GET /ping says 200 within two seconds."""
        connection = http.client.HTTPConnection(ADDRESS, self._port, timeout=PING_SECONDS)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def close(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _take(self) -> http.client.HTTPConnection:
        with contextlib.suppress(IndexError):
            while True:
                connection = self._idle.pop()
                if _is_open(connection):
                    return connection
                connection.close()
        return http.client.HTTPConnection(ADDRESS, self._port, timeout=ANSWER_SECONDS)


def free_port() -> int:
    """A port that nobody listens on now; its server may still lose it to another, and then exits."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


def _is_open(connection: http.client.HTTPConnection) -> bool:
    """An idle connection has nothing to read; one that its server has closed does: its end."""
    if connection.sock is None:
        return False
    look = select.poll()
    look.register(connection.sock, select.POLLIN)
    return not look.poll(0)
