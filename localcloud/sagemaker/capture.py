"""Data capture: what is kept of a request and its answer, and under which key; pure.

Source:
    SageMaker guide, "Capture data from real-time endpoint" (record, key layout, encodings); that a file is
    named by minute, second and millisecond follows published captures.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Rules:
    """What a DataCaptureConfig asks for."""

    percentage: float
    destination: str
    modes: frozenset[str]  # INPUT, OUTPUT
    csv_types: frozenset[str]
    json_types: frozenset[str]

    def takes(self, fraction: float) -> bool:
        """Whether a request that drew `fraction`, 0 <= fraction < 1, is in the sample."""
        return fraction * 100 < self.percentage


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request and its answer."""

    request: bytes
    request_type: str
    response: bytes
    response_type: str
    when: datetime
    inference_id: str | None = None
    custom_attributes: str | None = None


def rules(config: Mapping[str, Any] | None) -> Rules | None:
    """The rules of a DataCaptureConfig; None where nothing is captured."""
    if not config or not config.get("EnableCapture", False):
        return None
    modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
    types = config.get("CaptureContentTypeHeader", {})
    both = {"INPUT", "OUTPUT"} if "InputAndOutput" in modes else set()
    return Rules(
        percentage=config["InitialSamplingPercentage"],
        destination=config["DestinationS3Uri"].rstrip("/"),
        modes=frozenset(both | {mode.upper() for mode in modes & {"Input", "Output"}}),
        csv_types=frozenset(types.get("CsvContentTypes", [])),
        json_types=frozenset(types.get("JsonContentTypes", [])),
    )


def record(exchange: Exchange, wanted: Rules, event_id: str) -> dict[str, Any]:
    """One line of a capture file."""
    data: dict[str, Any] = {}
    if "INPUT" in wanted.modes:
        data["endpointInput"] = _side("INPUT", exchange.request, exchange.request_type, wanted)
    if "OUTPUT" in wanted.modes:
        data["endpointOutput"] = _side("OUTPUT", exchange.response, exchange.response_type, wanted)
    metadata: dict[str, Any] = {"eventId": event_id}
    if exchange.inference_id:
        metadata["inferenceId"] = exchange.inference_id
    if exchange.custom_attributes:
        metadata["customAttributes"] = [exchange.custom_attributes]
    metadata["inferenceTime"] = f"{exchange.when:%Y-%m-%dT%H:%M:%SZ}"
    return {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}


def file_key(endpoint: str, variant: str, when: datetime, token: str) -> str:
    """Where a file of records lies under the destination, by the UTC hour of its first record."""
    name = f"{when:%M-%S}-{when.microsecond // 1000:03}-{token}.jsonl"
    return f"{endpoint}/{variant}/{when:%Y/%m/%d/%H}/{name}"


def _side(mode: str, body: bytes, content_type: str, wanted: Rules) -> dict[str, str]:
    data, encoding = _encoded(body, content_type, wanted)
    return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}


def _encoded(body: bytes, content_type: str, wanted: Rules) -> tuple[str, str]:
    """The body as text under CSV or JSON where its type is listed and it is text, else in base 64."""
    media = content_type.partition(";")[0].strip()
    for types, encoding in ((wanted.csv_types, "CSV"), (wanted.json_types, "JSON")):
        if media in types or content_type in types:
            try:
                return body.decode(), encoding
            except UnicodeDecodeError:
                break
    return base64.b64encode(body).decode(), "BASE64"
