"""One reading of botocore's service models for boto3 and moto together.

moto 5.2.5 makes a new loader for each service it is first asked for, and each lists botocore's 400 folders
again (50 ms) and parses what boto3 has parsed: together half of the time of a first deployment.
"""

from pathlib import Path
from typing import Any

import boto3
import botocore.session
import moto
from botocore.loaders import Loader, create_loader
from moto.core import loaders

from localcloud import _moto_seams

_plain = create_loader()


class _SharingLoader(loaders.Loader):
    """moto's loader, which keeps to itself only the models that moto amends (*.moto-extras.json)."""

    def load_service_model(
        self, service_name: str, type_name: str, api_version: str | None = None
    ) -> dict[str, Any]:
        amended = Path(moto.__file__).parent / service_name.replace("-", "")
        if any(amended.glob(f"*/{type_name}.moto-extras*")):
            return dict(super().load_service_model(service_name, type_name, api_version))
        return dict(_plain.load_service_model(service_name, type_name, api_version))


_sharing = _SharingLoader(extra_search_paths=[loaders.moto_root])


def install() -> None:
    """Give boto3's default session and moto the same models; call before the first client is made."""
    session = botocore.session.get_session()
    session.register_component("data_loader", _plain)
    boto3.setup_default_session(botocore_session=session)
    _moto_seams.replace("moto.core.utils", "create_loader", _shared)


def _shared() -> Loader:
    return _sharing
