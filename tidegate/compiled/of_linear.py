"""Linear models of scikit-learn: coefficients, intercepts, and the link that makes predictions of them."""

from typing import Any

import numpy as np

from tidegate.errors import NotCompilableError

FLOAT64_MAX = float(np.finfo(np.float64).max)


def linear(model: Any, link: str) -> dict[str, Any]:
    """Anything with `coef_` and `intercept_` of one output or one for each class."""
    coefficients = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
    if coefficients.shape[0] != 1 and link in ("identity", "exponential"):
        raise NotCompilableError(f"a {type(model).__name__} of several outputs is not compiled")
    intercepts = np.broadcast_to(np.asarray(model.intercept_, dtype=np.float64), coefficients.shape[:1])
    return {
        "kind": "linear",
        "steps": [check(nan=False, limit=FLOAT64_MAX)],
        "coefficients": coefficients.tolist(),
        "intercepts": intercepts.tolist(),
        "link": link,
    }


def check(*, nan: bool, limit: float, columns: list[int] | None = None) -> dict[str, Any]:
    """What scikit-learn's validation refuses of all columns, or of these."""
    return {"kind": "check", "nan": nan, "limit": limit, "columns": columns}
