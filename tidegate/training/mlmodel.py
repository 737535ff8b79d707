"""The `MLmodel` file of an artefact: MLflow's description of a model, so that its tools can show this one.

The flavor is our own: MLflow can read signature and facts of such a model, and cannot load it by unpickling.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

KINDS = {"string": "string", "timestamp": "datetime", "date": "datetime", "boolean": "boolean"}
OUTPUTS: Mapping[str, list[dict[str, Any]]] = {
    "binary": [{"name": "probability", "type": "double", "required": True}],
    "multiclass": [
        {"name": "label", "type": "string", "required": True},
        {"name": "probabilities", "type": "map", "values": {"type": "double"}, "required": True},
    ],
    "regression": [{"name": "value", "type": "double", "required": True}],
}


def text(*, run: str, task: str, types: Mapping[str, str], flavor: Mapping[str, Any], digest: str) -> str:
    """YAML of the model; the same for the same model, so it holds no time of making.

    Args:
        types: instance member -> its type.
        flavor: facts of the flavor `tidegate`, of texts and numbers.
        digest: what the model's id is made of.
    """
    inputs = [
        {"name": name, "type": KINDS.get(kind, "double"), "required": False} for name, kind in types.items()
    ]
    document = {
        "artifact_path": "model",
        "flavors": {"tidegate": dict(flavor)},
        "model_uuid": uuid5(NAMESPACE_URL, digest).hex,
        "run_id": run,
        "signature": {
            # schemas are JSON inside of the YAML, as MLflow writes them
            "inputs": json.dumps(inputs),
            "outputs": json.dumps(OUTPUTS[task]),
            "params": None,
        },
        "utc_time_created": "1970-01-01 00:00:00",
    }
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """YAML's block form; scalars as in JSON, which YAML contains."""
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield f"{'  ' * depth}{name}:"
            yield from _lines(value, depth + 1)
        else:
            yield f"{'  ' * depth}{name}: {json.dumps(value)}"
