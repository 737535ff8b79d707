"""A scikit-learn pipeline behind Flask, in the shape of AWS's own container: gunicorn, one worker, 4 threads.

gunicorn serve_flask:app, with PEER_MODEL naming a joblib file.
"""

import json
import os

import joblib
import pandas as pd
from flask import Flask, Response, request

app = Flask(__name__)
pipeline = joblib.load(os.environ["PEER_MODEL"])


@app.get("/ping")
def ping() -> Response:
    return Response(status=200)


@app.post("/invocations")
def invocations() -> Response:
    frame = pd.DataFrame(json.loads(request.get_data())["instances"])
    found = pipeline.predict_proba(frame)[:, 1].tolist()
    return Response(json.dumps({"predictions": found}), mimetype="application/json")
