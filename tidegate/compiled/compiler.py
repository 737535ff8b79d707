"""From a fitted estimator to the document that `tidegate.compiled.scorer` reads.

Types are matched exactly, by name: a subclass may predict otherwise. What is not on the list is refused, and
then served by scikit-learn itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tidegate.compiled import of_trees
from tidegate.compiled.of_lightgbm import lightgbm
from tidegate.compiled.of_linear import linear
from tidegate.compiled.of_steps import steps_of
from tidegate.compiled.scorer import FORMAT
from tidegate.errors import NotCompilableError
from tidegate.training.encoding import Encoding

BINARY_CLASSES = 2


def compile_model(
    estimator: Any,
    encoding: Encoding,
    *,
    task: str,
    classes: Sequence[str] = (),
    calibration: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The whole document, made of JSON's own types and finite numbers.

    Args:
        task: binary (labels 0 and 1), multiclass (labels are positions in `classes`) or regression.
        calibration: applied to P(label = 1); see `tidegate.compiled.links.calibrator`.

    Raises:
        NotCompilableError: naming the type or setting that is not compiled.
    """
    columns = None
    if task != "regression":
        found = [int(label) for label in estimator.classes_]
        if len(found) < BINARY_CLASSES or (task == "binary" and found != [0, 1]):
            raise NotCompilableError(
                "the model was fitted on other classes than its task has", cause=str(found)
            )
        columns = found if task == "multiclass" and len(found) != len(classes) else None
    return {
        "format": FORMAT,
        "task": task,
        "classes": list(classes),
        "columns": columns,
        **encoding.to_json(),
        "model": model_of(estimator),
        "calibration": None if calibration is None else dict(calibration),
    }


def model_of(estimator: Any) -> dict[str, Any]:
    """The model alone: of two classes P(the second), of more all of them, of a regression the value."""
    name = f"{type(estimator).__module__}.{type(estimator).__name__}"
    parts = name.split(".")
    match parts:
        case ["sklearn", "pipeline", "Pipeline"]:
            return _pipeline(estimator, model_of)
        case ["sklearn", "calibration", "CalibratedClassifierCV"]:
            return _calibrated(estimator)
        case ["sklearn", _, "_hist_gradient_boosting", "gradient_boosting", _]:
            return of_trees.hist_boosting(estimator, _loss_link(estimator))
        case ["sklearn", "ensemble", "_gb", _]:
            return of_trees.boosting(estimator, _loss_link(estimator))
        case ["sklearn", "ensemble", "_forest", kind] if not kind.startswith("RandomTrees"):
            return of_trees.forest(estimator, "identity", _leaf(estimator))
        case ["sklearn", "tree", "_classes", _]:
            return of_trees.tree(estimator, "identity", _leaf(estimator))
        case ["lightgbm", "sklearn", "LGBMClassifier" | "LGBMRegressor"]:
            return lightgbm(estimator)
        case ["sklearn", "linear_model" | "svm", *_, kind] if kind in _LINEAR:
            return linear(estimator, _linear_link(estimator))
    raise NotCompilableError(f"`{name}` is not compiled", hint="it is served by scikit-learn instead")


# Anything here predicts a line or a line's link; others of the same packages do not
_LINEAR_REGRESSORS = (
    *("LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "LassoLars", "LassoLarsCV", "LassoLarsIC"),
    *("ElasticNet", "ElasticNetCV", "Lars", "LarsCV", "OrthogonalMatchingPursuit", "BayesianRidge"),
    *(
        "ARDRegression",
        "HuberRegressor",
        "QuantileRegressor",
        "TheilSenRegressor",
        "SGDRegressor",
        "LinearSVR",
    ),
)
_GENERALISED = ("PoissonRegressor", "GammaRegressor", "TweedieRegressor")
_LINEAR = (*_LINEAR_REGRESSORS, *_GENERALISED, "LogisticRegression", "LogisticRegressionCV", "SGDClassifier")


def _linear_link(model: Any) -> str:
    kind = type(model).__name__
    if kind in _LINEAR_REGRESSORS:
        return "identity"
    if kind in _GENERALISED:
        return _link_name(model._base_loss.link)
    binary = len(model.classes_) == BINARY_CLASSES
    if kind == "SGDClassifier":
        names = {
            "log_loss": ("logistic", "one_against_rest"),
            "modified_huber": ("clipped", "clipped_against_rest"),
        }
        if model.loss not in names:
            raise NotCompilableError(f"an SGDClassifier with loss `{model.loss}` has no probabilities")
        return names[model.loss][0 if binary else 1]
    return "logistic" if binary else "softmax"


def _loss_link(model: Any) -> str:
    return _link_name(model._loss.link)


def _link_name(link: Any) -> str:
    names = {
        "IdentityLink": "identity",
        "LogLink": "exponential",
        "LogitLink": "logistic",
        "HalfLogitLink": "logistic_doubled",
        "MultinomialLogit": "softmax",
    }
    if (name := type(link).__name__) not in names:
        raise NotCompilableError(f"the link `{name}` is not compiled")
    return names[name]


def _leaf(model: Any) -> str:
    """Which of a leaf's values is the prediction: the first, the second, or the vector of them."""
    if not hasattr(model, "classes_"):
        return "first"
    return "second" if len(model.classes_) == BINARY_CLASSES else "vector"


def _pipeline(pipeline: Any, last: Any) -> dict[str, Any]:
    steps: list[dict[str, Any]] = []
    width = int(pipeline.n_features_in_)
    for _, transformer in pipeline.steps[:-1]:
        found, width = steps_of("passthrough" if transformer is None else transformer, width)
        steps += found
    model = last(pipeline.steps[-1][1])
    return {**model, "steps": steps + model["steps"]}


def _calibrated(model: Any) -> dict[str, Any]:
    members = []
    for each in model.calibrated_classifiers_:
        if len(each.estimator.classes_) != len(each.classes):
            raise NotCompilableError("a calibrated model whose folds lack a class is not compiled")
        calibrators = [_calibrator(one) for one in each.calibrators]
        members.append({"model": _response(each.estimator), "calibrators": calibrators})
    return {"kind": "calibrated", "steps": [], "members": members, "link": "identity"}


def _response(estimator: Any) -> dict[str, Any]:
    """What is calibrated: the decision function where there is one, else probabilities."""
    if type(estimator).__name__ == "Pipeline":
        return _pipeline(estimator, _response)
    if hasattr(estimator, "decision_function"):
        if type(estimator).__name__ in ("LinearSVC", "RidgeClassifier", "SGDClassifier", "Perceptron"):
            found = linear(estimator, "logistic")  # of any link: it is taken away again
        else:
            found = model_of(estimator)
        return {**found, "link": "identity"}
    return model_of(estimator)


def _calibrator(fitted: Any) -> dict[str, Any]:
    match type(fitted).__name__:
        case "_SigmoidCalibration":
            return {"kind": "sigmoid", "a": float(fitted.a_), "b": float(fitted.b_)}
        case "IsotonicRegression" if fitted.out_of_bounds == "clip":
            knots = {"x": fitted.X_thresholds_, "y": fitted.y_thresholds_}
            return {"kind": "isotonic"} | {k: np.asarray(v, np.float64).tolist() for k, v in knots.items()}
    raise NotCompilableError(f"the calibrator `{type(fitted).__name__}` is not compiled")
