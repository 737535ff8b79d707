"""A compiled model of the flights in the lake, recorded as the champion's, and its artefact."""

import io
import tarfile

import numpy as np
from serving_account import FLIGHTS, plan
from sklearn.ensemble import HistGradientBoostingClassifier

from tidegate.aws import fallbacks
from tidegate.aws.state import State
from tidegate.compiled.compiler import compile_model
from tidegate.training import artefact
from tidegate.training.encoding import Encoding
from tidegate.training.task import Task

CATEGORIES = {"carrier": ("AA", "B6", "UA"), "origin": ("EWR", "JFK", "LGA"), "dest": ("LAX", "SFO")}


def write_artefact(folder, *, run="run-7", rounds=100, compiled=True):
    """The folder of an artefact whose model was fitted on random vectors."""
    features = plan().features
    encoding = Encoding(features.features, CATEGORIES)
    draw = np.random.default_rng(7)
    columns = [
        draw.integers(0, len(CATEGORIES[name]), 2000) if name in CATEGORIES else draw.normal(size=2000)
        for name in features.features
    ]
    matrix = np.column_stack(columns)
    labels = (matrix[:, -1] + matrix[:, 0] + draw.normal(size=2000) > 1).astype(np.int8)
    estimator = HistGradientBoostingClassifier(max_iter=rounds, random_state=1).fit(matrix, labels)
    artefact.write(
        folder,
        estimator=estimator,
        task=Task("binary"),
        encoding=encoding,
        plan=features,
        types=plan().instance_types,
        code=FLIGHTS / "features.py",
        run=run,
        facts={},
        compiled=compile_model(estimator, encoding, task="binary") if compiled else None,
    )
    return folder


def archived(folder, changed=None):
    """model.tar.gz of the folder; members of these names with other bytes, or left out where None."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for file in sorted(folder.iterdir()):
            data = (changed or {}).get(file.name, file.read_bytes())
            if data is not None:
                member = tarfile.TarInfo(file.name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def make_champion(account, archive, *, variant="variant-a", version=7):
    """Keep the archive's fallback, and record its model as the one that serves; the fallback's sha256."""
    account.s3.put_object(Bucket=account.lake, Key="models/model.tar.gz", Body=archive)
    sha256 = fallbacks.keep(account.s3, account.lake, f"s3://{account.lake}/models/model.tar.gz")
    State(account.dynamodb, account.state).record_variant(
        variant,
        version=version,
        arn="arn",
        run="run-7",
        feature_set=plan().features.hash,
        fallback=sha256,
    )
    account.put_champion(variant=variant)
    return sha256
