"""A circuit breaker for each variant: an endpoint that fails is left alone for a while.

powertools' breaker opens after consecutive failures and shares its state in DynamoDB; one request in a while
probes. Half of the requests failing at random would rarely be consecutive, so a window of the last calls of
this process trips it, too. A store that cannot be reached leaves the circuit closed.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from aws_lambda_powertools.utilities.circuit_breaker import (
    CircuitBreakerConfig,
    CircuitBreakerOpenError,
    CircuitTransition,
    circuit_breaker,
)
from aws_lambda_powertools.utilities.circuit_breaker.persistence import CircuitBreakerDynamoDBPersistence
from botocore.exceptions import BotoCoreError, ClientError

from tidegate.aws.endpoint import EndpointUnavailableError, RequestRefusedError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

logger = logging.getLogger(__name__)
T = TypeVar("T")
CONSECUTIVE = 3  # failures
RECOVERY_SECONDS = 15
WINDOW = 50  # calls of a process that are looked back at
FEWEST = 20  # calls in the window before their share says anything
SHARE = 0.5  # of failures in it
PREFIX = "circuit#"


class Breaker:
    """All circuits of one process.

    Args:
        dynamodb: a client that gives up in time.
        table: the state table; an item `circuit#NAME` for each circuit that ever opened.
        on_transition: told of each change of a circuit's state.
    """

    def __init__(
        self, dynamodb: "DynamoDBClient", table: str, on_transition: Callable[[CircuitTransition], None]
    ) -> None:
        self.store = CircuitBreakerDynamoDBPersistence(table, boto3_client=dynamodb)
        self.on_transition = on_transition
        self.windows: dict[str, deque[bool]] = {}  # circuit -> whether each call failed
        self.config = CircuitBreakerConfig(
            failure_threshold=CONSECUTIVE,
            recovery_timeout=RECOVERY_SECONDS,
            success_threshold=1,
            # the request's fault is no news of the endpoint's health
            ignored_exceptions=RequestRefusedError,
        )

    def call(self, circuit: str, ask: Callable[[], T]) -> T:
        """What `ask` returns.

        Raises:
            EndpointUnavailableError: what `ask` raises, or of kind `CircuitOpen` when it was not called.
        """
        name = f"{PREFIX}{circuit}"
        guarded: Callable[[], T] = circuit_breaker(
            name=name, persistence_store=self.store, on_transition=self.on_transition, config=self.config
        )(lambda: self._counted(name, ask))
        try:
            return guarded()
        except CircuitBreakerOpenError as cause:
            raise EndpointUnavailableError("CircuitOpen", f"{circuit} failed too often") from cause

    def _counted(self, name: str, ask: Callable[[], T]) -> T:
        window = self.windows.setdefault(name, deque(maxlen=WINDOW))
        try:
            found = ask()
        except RequestRefusedError:
            raise
        except EndpointUnavailableError:
            window.append(True)
            if len(window) >= FEWEST and sum(window) >= SHARE * len(window):
                self._open(name, sum(window))
                window.clear()
            raise
        window.append(False)
        return found

    def _open(self, name: str, failures: int) -> None:
        try:
            self.store.save_open(name, failures, int(time.time()))
        except (ClientError, BotoCoreError) as error:
            logger.warning("a circuit could not be opened", extra={"kind": type(error).__name__})
