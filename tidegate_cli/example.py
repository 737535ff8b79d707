"""The example's own code, read by path: examples are never installed."""

import importlib.util
from pathlib import Path
from types import ModuleType

from tidegate_cli.failure import CommandError


def data(pipeline: Path) -> ModuleType:
    """Its data.py: drops, requests and outcomes."""
    path = pipeline / "data.py"
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise CommandError(f"`{path}` cannot be read")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def request_columns(pipeline: Path) -> list[str]:
    """What a caller sends."""
    from tidegate.feature_store.feature_file import load

    return list(load(pipeline / "features.py", "flight_delay").request)
