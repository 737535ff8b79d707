"""A client that is made when it is first needed: a cold start does not pay for what few requests use."""

from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config


class LazyClient:
    """Reading S3's own model takes some 60 ms of CPU."""

    def __init__(self, service: str, config: Config) -> None:
        self.service = service
        self.config = config

    @cached_property
    def client(self) -> Any:
        """The client of boto3."""
        return boto3.client(self.service, config=self.config)  # type: ignore[call-overload]
