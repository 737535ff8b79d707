"""The model.tar.gz of a job's input, read."""

import tarfile
from pathlib import Path

from tidegate.training import artefact
from tidegate.training.artefact import Artefact


def read(folder: Path) -> Artefact:
    """The model in `folder`, unpacked beside its archive.

    Raises:
        ArtefactError: a file is missing, has other bytes or may be a pickle.
    """
    with tarfile.open(folder / "model.tar.gz") as archive:
        archive.extractall(folder / "model", filter="data")
    return artefact.read(folder / "model")
