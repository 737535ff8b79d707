"""Where moto finds the handler of SageMaker Runtime's requests: a plain function, past its parsing.

moto's response class decodes every body as UTF-8 text, which a body of numpy arrays is not.
"""

import json
from types import ModuleType
from typing import Any
from urllib.parse import unquote

from moto.sagemakerruntime.models import SageMakerRuntimeBackend

from localcloud.sagemaker import runtime

url_bases = [r"https?://runtime\.sagemaker\.(.+)\.amazonaws\.com"]


class LocalSageMakerRuntime(SageMakerRuntimeBackend):
    """moto's backend, so that moto's registry of services leads here."""

    @property
    def _url_module(self) -> ModuleType:
        import sys

        return sys.modules[__name__]


def invoke_endpoint(request: Any, full_url: str, headers: Any) -> runtime.Answer:
    name = unquote(request.path.split("/")[2])
    return runtime.invoke(name, request.get_data(), dict(request.headers))


def invoke_endpoint_async(request: Any, full_url: str, headers: Any) -> runtime.Answer:
    text = "The local cloud has no asynchronous endpoints: use InvokeEndpoint."
    reply = {"Content-Type": "application/json", "x-amzn-ErrorType": "ValidationError"}
    return 400, reply, json.dumps({"Message": text}).encode()


url_paths = {
    "{0}/endpoints/(?P<name>[^/]+)/invocations$": invoke_endpoint,
    "{0}/endpoints/(?P<name>[^/]+)/async-invocations$": invoke_endpoint_async,
}
