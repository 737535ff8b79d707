"""DescribeApi: what the API takes and answers, as OpenAPI and as a page for people.

Invoked by  GET /openapi.json and GET /docs of the HTTP API (payload format 2.0)
Takes       nothing
Returns     200 and the document, or the page
Raises      nothing on purpose
Needs       PIPELINE_DIR, where both were written at synthesis
"""

import os
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
folder = Path(os.environ["PIPELINE_DIR"])
document = (folder / "openapi.json").read_text(encoding="utf-8")
page = (folder / "api.html").read_text(encoding="utf-8")
# the page is one file: nothing else is fetched, and nothing but its own style runs
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    if event["rawPath"].rstrip("/").endswith("/docs"):
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY}
        return {"statusCode": 200, "headers": headers, "body": page}
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": document}
