"""Writes a joblib pipeline as an MLflow model for `mlflow models serve`: save_mlflow.py MODEL FOLDER."""

import sys

import joblib
import mlflow.sklearn

mlflow.sklearn.save_model(
    joblib.load(sys.argv[1]),
    sys.argv[2],
    pyfunc_predict_fn="predict_proba",
    serialization_format="cloudpickle",
)
