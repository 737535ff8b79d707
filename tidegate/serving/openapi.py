"""The API as an OpenAPI 3.1 document: from contract, features and task, so it says what is checked.

Pure standard library. See https://spec.openapis.org/oas/v3.1.1.
"""

from typing import Any

from tidegate.plan import Plan
from tidegate.serving.outcomes import MAX_CLASS_CHARACTERS, MAX_OUTCOMES
from tidegate.serving.predict_request import MAX_BODY_BYTES, MAX_KEY_CHARACTERS
from tidegate.serving.request_checks import MAX_ROWS
from tidegate.serving.request_schema import row_schema
from tidegate.settings.config import ServingSection, TaskName

Document = dict[str, Any]
STRING = {"type": "string"}
NUMBER = {"type": "number"}
NAMES = {"type": "array", "items": STRING}
ID = {"type": "string", "pattern": "^[0-9A-Za-z-]{1,64}$"}
_REFUSALS = {
    400: "the body is not JSON",
    409: "another outcome was told before",
    413: f"more than {MAX_ROWS} rows or {MAX_BODY_BYTES} bytes",
    422: "fields that break the contract, each named; nothing of a batch is taken",
    503: "nobody answers; ask again after `Retry-After` seconds",
}


def document(plan: Plan, example: Document | None = None) -> Document:
    """The whole document; its server is wherever it was fetched from.

    Args:
        example: of a row.
    """
    config = plan.config
    security = _security(config.serving)
    components: Document = {"schemas": _schemas(plan)}
    if security:
        components["securitySchemes"] = security
    return {
        "openapi": "3.1.0",
        "info": {
            "title": config.pipeline.name,
            "version": plan.features.hash[:16],
            "description": f"Predicts `{plan.features.label.name}` ({config.training.task}). "
            f"The version of this document, `{plan.features.hash[:16]}`, is that of the features.",
        },
        "servers": [{"url": "./"}],
        **({"security": [{name: [] for name in security}]} if security else {}),
        "paths": {
            "/predict": {"post": _with_gateway(_predict(example), config.serving)},
            "/feedback": {"post": _with_gateway(_feedback(config.training.task), config.serving)},
        },
        "components": components,
    }


def _predict(example: Document | None) -> Document:
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "The same key and body give the same `inference_id`.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARACTERS, "pattern": r"^[!-~]+$"},
    }
    return {
        "operationId": "predict",
        "summary": "Predict one row, or a batch",
        "description": f"A batch has up to {MAX_ROWS} rows and {MAX_BODY_BYTES >> 20} MiB. It is answered or "
        "refused as a whole, by one variant or one fallback, and has one `inference_id`: outcomes are joined "
        "to predictions of one row alone.",
        "parameters": [key],
        "requestBody": _json_body({"anyOf": [_ref("Row"), _ref("Batch")]}, example),
        "responses": {"200": _answer("the predictions, in the order of the rows", "Predictions")}
        | _refusals(400, 413, 422, 503),
    }


def _feedback(task: TaskName) -> Document:
    outcome = {"binary": 1, "multiclass": "a", "regression": 12.5}[task]
    example = {"inference_id": "0b6c7f1e-9a57-4c55-a0a1-1f2e3d4c5b6a", "outcome": outcome}
    return {
        "operationId": "feedback",
        "summary": "Tell the outcome of a prediction, or of many",
        "description": "Once or again: the same outcome is kept once, another one is refused. A batch has up "
        f"to {MAX_OUTCOMES} outcomes and an answer for each, in its order; send it again if no answer comes.",
        "requestBody": _json_body({"anyOf": [_ref("Outcome"), _ref("OutcomeBatch")]}, example),
        "responses": {
            "202": _answer("the outcome is kept", "Kept"),
            "207": _answer("of a batch: what became of each outcome", "KeptBatch"),
            **_refusals(400, 409, 422),
            "413": _answer(f"more than {MAX_OUTCOMES} outcomes", "Refusal"),
        },
    }


def _schemas(plan: Plan) -> Document:
    task = plan.config.training.task
    degraded = {"enum": [None, "fallback", "last-good", "default"]}
    lacks = dict.fromkeys(("stale", "missing", "failed"), NAMES)
    field = _object({"field": STRING, "message": STRING})
    error = _object({"what": STRING}, optional={"cause": STRING, "hint": STRING, "inference_id": ID})
    error["properties"]["fields"] = {"type": "array", "items": field}
    outcome = _object(
        {"inference_id": ID, "outcome": _outcome(task)},
        optional={
            "observed_at": {"anyOf": [{**STRING, "format": "date-time", "minLength": 20}, {"type": "null"}]}
        },
    )
    return {
        "Row": row_schema(plan.features, plan.contract),
        "Batch": _batch("instances", "Row", MAX_ROWS),
        "Predictions": _object(
            {
                "inference_id": ID,
                "variant": {"type": ["string", "null"]},
                "model_version": {"type": ["integer", "null"]},
                "degraded": {**degraded, "description": "who answered for the endpoint; null when it did"},
                "predictions": {"type": "array", "items": _prediction(task), "minItems": 1},
                "features": {**_object(lacks), "description": "columns without a value in some row"},
            }
        ),
        "Outcome": outcome,
        "OutcomeBatch": _batch("outcomes", "Outcome", MAX_OUTCOMES),
        "Kept": _object({"inference_id": ID}),
        "KeptBatch": _object(
            {
                "results": {
                    "type": "array",
                    "items": _object(
                        {
                            "inference_id": ID,
                            "status": {"enum": [202, 409], "description": "as of this outcome alone"},
                        }
                    ),
                }
            }
        ),
        "Refusal": _object({"error": error}),
        "Message": _object({"message": STRING}),
    }


def _batch(name: str, schema: str, most: int) -> Document:
    """An object of nothing but a list."""
    listed = {"type": "array", "items": _ref(schema), "minItems": 1, "maxItems": most}
    return {**_object({name: listed}), "additionalProperties": False}


def _prediction(task: TaskName) -> Document:
    share = {"type": "number", "minimum": 0, "maximum": 1}
    if task == "binary":
        return _object({"probability": share})
    if task == "regression":
        return _object({"value": NUMBER})
    return _object({"label": STRING, "probabilities": {"type": "object", "additionalProperties": share}})


def _outcome(task: TaskName) -> Document:
    if task == "binary":
        return {"enum": [0, 1]}
    return NUMBER if task == "regression" else {**STRING, "minLength": 1, "maxLength": MAX_CLASS_CHARACTERS}


def _security(serving: ServingSection) -> Document:
    if serving.auth == "iam":
        scheme = {"type": "apiKey", "in": "header", "name": "Authorization"}
        told = {"description": "AWS Signature Version 4", "x-amazon-apigateway-authtype": "awsSigv4"}
        return {"iam": {**scheme, **told}}
    if serving.auth == "jwt":
        url = f"{(serving.jwt_issuer or '').rstrip('/')}/.well-known/openid-configuration"
        return {"jwt": {"type": "openIdConnect", "openIdConnectUrl": url}}
    return {}


def _with_gateway(operation: Document, serving: ServingSection) -> Document:
    """An operation with what API Gateway answers before a function is asked."""
    denied = {
        "iam": {"403": "not signed, or not allowed"},
        "jwt": {"401": "no valid token", "403": "no scope"},
    }
    told = {**denied.get(serving.auth, {}), "429": "more requests than the route may have"}
    answers = {status: _answer(words, "Message") for status, words in told.items()}
    return {**operation, "responses": dict(sorted({**operation["responses"], **answers}.items()))}


def _refusals(*statuses: int) -> Document:
    return {str(status): _answer(_REFUSALS[status], "Refusal") for status in statuses}


def _answer(what: str, schema: str) -> Document:
    return {"description": what, "content": {"application/json": {"schema": _ref(schema)}}}


def _json_body(schema: Document, example: Document | None) -> Document:
    shown = {} if example is None else {"example": example}
    return {"required": True, "content": {"application/json": {"schema": schema, **shown}}}


def _ref(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: Document, *, optional: Document | None = None) -> Document:
    properties = {**required, **(optional or {})}
    return {"type": "object", "properties": properties, "required": list(required)}
