"""The same pipeline behind FastAPI, its body typed by pydantic; see serve_flask."""

import os
from typing import Any

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
pipeline = joblib.load(os.environ["PEER_MODEL"])


class Body(BaseModel):
    instances: list[dict[str, Any]]


@app.get("/ping")
def ping() -> None:
    return None


@app.post("/invocations")
async def invocations(body: Body) -> dict[str, list[float]]:
    return {"predictions": pipeline.predict_proba(pd.DataFrame(body.instances))[:, 1].tolist()}
