"""What a worker is started with: the unpacked code or the image, the command and a clean environment.

Memory is not limited, /opt (layers) is not there, and a zip function also sees the packages of the Python
that runs the local cloud, because wheels made for Lambda's Linux need not run here.
"""

import hashlib
import io
import threading
import uuid
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud import cloud, identity
from localcloud.lambda_.worker import Launch

if TYPE_CHECKING:
    from localcloud.lambda_.models import LocalFunction

# Lambda sets these itself and refuses a function that brings its own (its guide, "Defined runtime
# environment variables").
RESERVED = frozenset(
    {
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
    }
)  # fmt: skip

_unpacking = threading.Lock()


def of(function: "LocalFunction") -> Launch:
    today = cloud.current().clock.now()
    log_stream = f"{today:%Y/%m/%d}/[{function.version}]{uuid.uuid4().hex}"
    if function.package_type == "Image":
        return _of_image(function, log_stream)
    return _of_zip(function, log_stream)


def _of_zip(function: "LocalFunction", log_stream: str) -> Launch:
    folder = _unpack(function.code_bytes)
    managed = {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
        "LAMBDA_TASK_ROOT": str(folder),
        "LAMBDA_RUNTIME_DIR": str(folder),
        "PYTHONPATH": cloud.current().python_path(folder),
    }
    return Launch(
        argv=("python", "-m", "awslambdaric", str(function.handler)),
        folder=folder,
        environment=_environment(function, str(function.handler), log_stream) | managed,
        log_stream=log_stream,
    )


def _of_image(function: "LocalFunction", log_stream: str) -> Launch:
    from localcloud import images

    image = images.find(function.code["ImageUri"])
    config = function.image_config
    command = tuple(config.cmd or image.command)
    environment = _environment(function, command[-1] if command else "", log_stream)
    return Launch(
        argv=(*(config.entry_point or image.entrypoint), *command),
        folder=_working_directory(image.folder, config.working_directory),
        environment={
            **image.environment,
            **environment,
            "PYTHONPATH": cloud.current().python_path(image.folder),
        },
        log_stream=log_stream,
    )


def _working_directory(folder: Path, wanted: str | None) -> Path:
    """The staged folder stands for the image's WORKDIR; another directory lies below it by its last name."""
    below = folder / Path(wanted).name if wanted else folder
    return below if below.is_dir() else folder


def _environment(function: "LocalFunction", handler: str, log_stream: str) -> dict[str, str]:
    from localcloud.sagemaker import mlflow_apps

    return {
        **cloud.current().child_environment(),
        **mlflow_apps.resolved({name: str(v) for name, v in function.environment_vars.items()}),
        **identity.credentials(function.role),
        "_HANDLER": handler,
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": str(function.version),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_LOG_FORMAT": function.log_format,
        "AWS_XRAY_SDK_ENABLED": "false",  # no daemon listens, so nothing should try its UDP port
        "AWS_XRAY_CONTEXT_MISSING": "IGNORE_ERROR",
    }


def _unpack(code: bytes) -> Path:
    """The code's folder, shared by all functions of the same zip; unpacked once."""
    folder = cloud.current().folder / "functions" / hashlib.sha256(code).hexdigest()[:16]
    with _unpacking:
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            with zipfile.ZipFile(io.BytesIO(code)) as archive:
                archive.extractall(partial)
            partial.rename(folder)
    return folder
