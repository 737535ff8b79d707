"""The app of CDK's own command line: npx cdk synth|diff|deploy -c env=prod -c pipeline=examples/flights."""

import sys
from pathlib import Path

from aws_cdk import App

from infra.app import build
from infra.packaging import staged
from tidegate.errors import ConfigError

app = App()
pipeline = Path(app.node.try_get_context("pipeline") or "examples/flights")
environment = app.node.try_get_context("env") or "dev"
try:
    with staged(pipeline, environment, bundle=True) as sources:
        build(app, sources)
        app.synth()
except ConfigError as error:
    sys.exit(f"error: {error}")
