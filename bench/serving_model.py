"""What is served in bench.serving: 100 trees on 14 numbers and 6 categories, for us and for everybody else.

The fitted trees are the same. Others get a scikit-learn pipeline that takes a DataFrame, as a user would
write it; we get the artefact that a training job writes.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from tidegate.compiled.attempt import attempt
from tidegate.feature_store.feature_file import compile_feature_set
from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.training import artefact
from tidegate.training.encoding import Encoding
from tidegate.training.task import Task

ROWS = 20_000
NUMBERS = [f"n{i}" for i in range(14)]
LEVELS = {f"c{i}": levels for i, levels in enumerate((3, 5, 8, 12, 20, 30))}
COLUMNS = [*NUMBERS, *LEVELS]
AT = "2013-01-01T00:00:00Z"
CODE = f"""
from tidegate.features import FeatureSet, Label, Source

source = Source("made", event_ts="at", known_ts="known")
names = {COLUMNS}
made = FeatureSet(
    name="made", label=Label("y", source=source, sql="y"),
    request=["at", *names], transforms=[], features=names,
)
"""


@dataclass(frozen=True)
class Served:
    """The model in both forms, and requests for it."""

    pipeline: Pipeline
    joblib: Path
    artefact: Path
    records: list[dict[str, Any]]

    def body(self, rows: int, first: int = 0) -> bytes:
        return json.dumps({"instances": self.records[first : first + rows]}).encode()


def made(folder: Path) -> Served:
    """Train, compile and write both forms to `folder`."""
    data, label = _data()
    numbers = ("numbers", "passthrough", NUMBERS)
    texts = ("texts", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), list(LEVELS))
    model = HistGradientBoostingClassifier(
        max_iter=100, random_state=0, early_stopping=False, categorical_features=list(range(14, 20))
    )
    pipeline = Pipeline([("columns", ColumnTransformer([numbers, texts])), ("model", model)]).fit(data, label)
    joblib.dump(pipeline, folder / "model.joblib")
    encoding = Encoding.fit({name: data[name].to_numpy() for name in COLUMNS})
    matrix = pipeline[0].transform(data)
    tried = attempt(pipeline[-1], encoding, Task("binary"), matrix)
    if tried.document is None:
        raise SystemExit(str(tried.parity))
    records = [{"at": AT, **row} for row in data[:1000].to_dict("records")]
    said = pipeline.predict_proba(data[:20])[:, 1].tolist()
    code = folder / "features.py"
    code.write_text(CODE)
    artefact.write(
        folder / "artefact",
        estimator=pipeline[-1],
        task=Task("binary"),
        encoding=encoding,
        compiled=tried.document,
        plan=FeatureSetPlan.from_json(compile_feature_set(code, "made")),
        types={"at": "timestamp", **dict.fromkeys(NUMBERS, "number"), **dict.fromkeys(LEVELS, "string")},
        code=code,
        run="bench",
        facts={},
        golden=[
            {"instance": row, "answer": {"probability": p}} for row, p in zip(records[:20], said, strict=True)
        ],
    )
    return Served(pipeline, folder / "model.joblib", folder / "artefact", records)


def _data() -> tuple[pd.DataFrame, Any]:
    draw = np.random.default_rng(0)
    data = pd.DataFrame({name: draw.normal(size=ROWS) for name in NUMBERS})
    for name, levels in LEVELS.items():
        values = np.array([f"v{j}" for j in range(levels)], dtype=object)
        data[name] = pd.Series(values[draw.integers(0, levels, ROWS)], dtype=object)
    logit = (
        data.n0 + data.n1 * data.n2 / 2 - 0.7 * (data.c1 == "v2") + 0.4 * (data.c4 == "v7") - data.n3.clip(0)
    )
    return data, (draw.random(ROWS) < 1 / (1 + np.exp(-logit))).astype(np.int8)
