"""Why a model answered as it did: by its compiled form, else by replacing what it was asked."""

import io
import json
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tidegate.aws.objects import get_bytes, split_uri
from tidegate.compiled.scorer import Scorer
from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.origins import contributions
from tidegate.origins.contributions import Contributions, NotExplainableError
from tidegate.serving.answers import distance
from tidegate.serving.answers import of as answer_of
from tidegate_cli.origins.captures import Captured
from tidegate_cli.place import Place

COMPILED, PLAN = "compiled.json", "features.json"


@dataclass(frozen=True, kw_only=True)
class Explained:
    """`features` are the values that the model saw; None where the capture has no vector."""

    plan: FeatureSetPlan
    features: Mapping[str, Any] | None
    contributions: Contributions
    apart: float | None  # of the captured answer and that of the compiled model now; None if it was not asked


def explain(place: Place, uri: str, found: Captured, position: int, training: str) -> Explained:
    """Of one instance of a captured request.

    Args:
        uri: of the model.tar.gz.
        training: the run whose rows say what is usual.

    Raises:
        ArtefactError, ValueError, OSError, ClientError: the model is gone, changed, or cannot take the value.
    """
    body = get_bytes(place.client("s3"), *split_uri(uri))
    texts = _texts(body)
    plan = FeatureSetPlan.from_json(json.loads(texts[PLAN]))
    vector = None if found.vectors is None else found.vectors[position]
    features = None if vector is None else dict(zip(plan.features, vector, strict=True))
    if COMPILED in texts and features is not None:
        document = json.loads(texts[COMPILED])
        try:
            scorer = Scorer.load(document)
            told = contributions.of_row(document, features, scorer)
        except NotExplainableError:
            pass
        else:
            apart = distance(found.answers[position], _answer(scorer, features))
            return Explained(plan=plan, features=features, contributions=told, apart=apart)
    told = _by_replacement(place, body, found.instances[position], training)
    return Explained(plan=plan, features=features, contributions=told, apart=None)


def _answer(scorer: Scorer, features: Mapping[str, Any]) -> dict[str, Any]:
    return answer_of(scorer.task, scorer.classes, scorer.one(scorer.vector(features)))


def _texts(body: bytes) -> dict[str, bytes]:
    wanted = {}
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            if name in (COMPILED, PLAN) and (file := archive.extractfile(member)):
                wanted[name] = file.read()
    return wanted


def _by_replacement(place: Place, body: bytes, instance: Mapping[str, Any], training: str) -> Contributions:
    from tidegate.origins import replacement
    from tidegate.profile import Profile
    from tidegate.training import artefact  # scikit-learn: seconds, where nothing quicker is exact

    s3, bucket = place.client("s3"), place.outputs["LakeBucket"]
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
            archive.extractall(folder, filter="data")
        model = artefact.read(Path(folder))
        profile = pq.read_table(
            io.BytesIO(get_bytes(s3, bucket, f"training/{training}/baseline/profile.parquet"))
        )
        names = list(model.plan.aggregates)
        rows = io.BytesIO(get_bytes(s3, bucket, f"training/{training}/train/part-0.parquet"))
        table = pq.read_table(rows, columns=names)
        aggregates = {name: table[name].to_pylist() for name in names}
        usual = replacement.usual(Profile.from_table(profile), aggregates)
        return replacement.of_instance(model, instance, usual)
