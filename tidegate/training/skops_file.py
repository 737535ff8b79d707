"""An estimator as a skops file: loaded with a fixed list of types, never by pickle.

The same estimator gives the same bytes: what skops and zip take from the process (object ids, times) is
replaced by counting.
"""

import io
import re
import zipfile
from pathlib import Path
from typing import Any

from tidegate.errors import ArtefactError

# what skops must be told to trust of the models we serve: fixed, never what a file asks for
TRUSTED = (
    "collections.OrderedDict",
    "functools.partial",  # of a function that is itself on a list
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils.validation.check_array",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRegressor",
)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest moment a zip file can name


def dump(estimator: Any) -> bytes:
    """The file's bytes.

    Raises:
        ArtefactError: the estimator holds a type that would not be loaded again.
    """
    from skops.io import dumps

    data = _reproducible(dumps(estimator))
    _refuse_untrusted(data)
    return data


def _refuse_untrusted(data: bytes) -> None:
    from skops.io import get_untrusted_types

    if asked := set(get_untrusted_types(data=data)) - set(TRUSTED):
        raise ArtefactError(
            "the model holds types that are not trusted",
            cause=", ".join(sorted(asked)),
            hint="only types on a fixed list are stored and loaded; use an estimator made of them",
        )


def load(path: Path) -> Any:
    from skops.io import loads
    from skops.io.exceptions import UntrustedTypesFoundException

    data = path.read_bytes()
    try:
        _refuse_untrusted(data)
        return loads(data, trusted=list(TRUSTED))
    except (zipfile.BadZipFile, KeyError, UntrustedTypesFoundException, TypeError, ValueError) as cause:
        raise ArtefactError(
            "the model cannot be loaded", cause=str(cause), hint="only skops files are loaded, never a pickle"
        ) from cause


def _reproducible(data: bytes) -> bytes:
    """The same archive with object ids counted from 1 and no times."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = archive.read("schema.json").decode()
        ids = dict.fromkeys(re.findall(r'"__id__": (\d+)|"([0-9a-f-]+)\.(?:npy|npz|bin)"', schema))
        numbers = {one or other: str(i) for i, (one, other) in enumerate(ids, 1)}
        schema = re.sub(r'("__id__": )(\d+)', lambda m: m[1] + numbers[m[2]], schema)
        schema = re.sub(r'"([0-9a-f-]+)(\.(?:npy|npz|bin))"', lambda m: f'"{numbers[m[1]]}{m[2]}"', schema)
        members = {"schema.json": schema.encode()}
        for name in archive.namelist():
            stem, _, suffix = name.partition(".")
            if name != "schema.json":
                members[f"{numbers.get(stem, stem)}.{suffix}"] = archive.read(name)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in sorted(members):
            target.writestr(zipfile.ZipInfo(name, _EPOCH), members[name], zipfile.ZIP_DEFLATED)
    return out.getvalue()
