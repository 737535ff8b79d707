"""Golden rows asked of the server's own model before it calls itself healthy.

Their answers are the fitted estimator's, written when the model was trained. Whoever computes something else
here, by another library, processor or damaged code, must not get any traffic.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.compiled.scorer import FEWEST_ROWS
from tidegate.errors import ArtefactError
from tidegate.serving.answers import distance
from training_jobs.serving.invocation import Invocation, RefusedError

TOLERANCE = 1e-9  # other processors differ in the last bits


def warm_up(invocation: Invocation, rows: Sequence[Mapping[str, Any]]) -> None:
    """Answer golden rows one by one and together; the first answers also import and allocate.

    Together they are repeated until they are so many that arrays answer them: that is other code, and it
    imports numpy, for which no request should wait.

    Raises:
        ArtefactError: an answer is not the one that is written beside its instance.
    """
    together = list(rows) * -(-FEWEST_ROWS // max(len(rows), 1))
    batches = [[row] for row in rows] + ([together] if together else [])
    for batch in batches:
        body = json.dumps({"instances": [row["instance"] for row in batch], "vectors": True}).encode()
        try:
            given = json.loads(invocation(body)[0])["predictions"]
            apart = [distance(row["answer"], one) for row, one in zip(batch, given, strict=True)]
        except (RefusedError, KeyError, TypeError, ValueError) as cause:
            raise _wrong(f"{type(cause).__name__}: {cause}") from cause
        if max(apart) > TOLERANCE:
            raise _wrong(f"an answer differs by {max(apart):.3g} from the trained model's")


def _wrong(cause: str) -> ArtefactError:
    return ArtefactError(
        "the model does not answer its golden rows as it did when it was trained",
        cause=cause[:500],
        hint="serve with the image that trained, on the same kind of processor",
    )
