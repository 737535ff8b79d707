"""Behind BentoML: `bentoml serve serve_bentoml:Service`, the pipeline or, with PEER_SCORER, our own scorer.

PEER_MODEL names a joblib file; PEER_SCORER an artefact's folder, PEER_PATH what is added to the module path.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import bentoml


def scorer() -> Any:
    sys.path += os.environ["PEER_PATH"].split(os.pathsep)
    from tidegate.serving.row_model import RowModel
    from training_jobs.serving.invocation import Invocation

    ask = Invocation(RowModel.read(Path(os.environ["PEER_SCORER"])))
    return lambda rows: json.loads(ask(json.dumps({"instances": rows}).encode())[0])["predictions"]


def pipeline() -> Any:
    import joblib
    import pandas as pd

    found = joblib.load(os.environ["PEER_MODEL"])
    return lambda rows: found.predict_proba(pd.DataFrame(rows))[:, 1].tolist()


@bentoml.service(workers=1, traffic={"timeout": 10})
class Service:
    def __init__(self) -> None:
        self.predict = scorer() if "PEER_SCORER" in os.environ else pipeline()

    @bentoml.api(route="/invocations")
    def invocations(self, instances: list[dict[str, Any]]) -> dict[str, Any]:
        return {"predictions": self.predict(instances)}
