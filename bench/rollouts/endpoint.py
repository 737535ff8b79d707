"""InvokeEndpoint without boto3, which costs more than the request: kept connections, one for each thread."""

import http.client
import json
import threading
from typing import Any

# the local cloud reads service and region off a signature and checks no more of it
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/sagemaker/aws4_request, "
    "SignedHeaders=host, Signature=0"
)


class Endpoint:
    """One endpoint of a local cloud."""

    def __init__(self, url: str, name: str) -> None:
        self._address = url.removeprefix("http://")
        self._path = f"/endpoints/{name}/invocations"
        self._local = threading.local()

    def ask(self, hour: int, inference_id: str) -> tuple[int, Any, bytes]:
        """Status, headers and body of the answer to one row."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            self._local.connection = connection = http.client.HTTPConnection(self._address, timeout=60)
        headers = {
            "Authorization": SIGNED,
            "Content-Type": "application/json",
            "X-Amzn-SageMaker-Inference-Id": inference_id,
        }
        connection.request("POST", self._path, json.dumps({"instances": [{"hour": hour}]}), headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
