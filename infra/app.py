"""The CDK app: one stage with three stacks for one pipeline in one environment.

`synth` is what the command, the tests and `python -m infra.app` call; `build` is what `app.py` calls for the
CDK's own command line. The result depends on the checkout and the pipeline's folder alone: no network, no
clock, no account, no environment variable.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from infra.packaging import CHECKOUT, Sources, staged
from tidegate.errors import ConfigError

if TYPE_CHECKING:
    from aws_cdk import App  # importing it starts node: not before the arguments are read

# of the places where constructs are made: they name temporary folders of this machine
NO_TRACES = ("aws:cdk:disable-creation-stack-traces", "aws:cdk:disable-stack-trace")


def synth(pipeline: Path, environment: str, outdir: Path, *, bundle: bool = False) -> Path:
    """Write the cloud assembly into `outdir` and return it.

    Args:
        bundle: put the dependencies into the functions' zip, by uv. An assembly without them is for reading,
            and for running where they are installed.

    Raises:
        ConfigError: the pipeline cannot be used.
    """
    with staged(pipeline, environment, bundle=bundle) as sources:
        from aws_cdk import App

        app = App(
            outdir=str(outdir),
            context=json.loads((CHECKOUT / "cdk.json").read_text(encoding="utf-8"))["context"],
            analytics_reporting=False,
            builtin_cloud_formation_validation=False,  # seconds; cfn-lint's tests find more
            tree_metadata=False,
        )
        build(app, sources)
        app.synth()
    return outdir


def build(app: "App", sources: Sources) -> None:
    """Add the stage of the pipeline's environment to `app`.

    Raises:
        ConfigError: an alarm has no runbook.
    """
    from aws_cdk import Stage, Tags

    from infra.constructs.alarms import runbooks
    from infra.stacks.api import ApiStack
    from infra.stacks.data import DataStack
    from infra.stacks.pipeline import PipelineStack

    config = sources.plan.config
    stage = Stage(app, config.environment)
    for switch in NO_TRACES:
        stage.node.set_context(switch, True)
    Tags.of(stage).add("pipeline", config.pipeline.name)
    Tags.of(stage).add("environment", config.environment)
    data = DataStack(stage, "Data", config=config, stack_name=f"{config.prefix}-Data")
    running = PipelineStack(
        stage,
        "Pipeline",
        config=config,
        store=data.store,
        sources=sources,
        stack_name=f"{config.prefix}-Pipeline",
    )
    ApiStack(
        stage,
        "Api",
        config=config,
        store=data.store,
        sources=sources,
        alerts=running.alerts,
        pages=running.pages,
        stack_name=f"{config.prefix}-Api",
    )
    runbooks.require(stage, config)


def main(arguments: list[str] | None = None) -> int:
    """Synthesize; one JSON line on stdout, or the three lines of a ConfigError on stderr and 2."""
    parser = argparse.ArgumentParser(prog="python -m infra.app", description="Synthesize one pipeline.")
    parser.add_argument("--pipeline", type=Path, required=True, help="folder with a pipeline.toml")
    parser.add_argument("--env", required=True, help="a table [environments.NAME] of it")
    parser.add_argument("--out", type=Path, required=True, help="folder of the cloud assembly")
    parser.add_argument("--bundle", action="store_true", help="package the functions' dependencies")
    given = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        assembly = synth(given.pipeline, given.env, given.out, bundle=given.bundle)
    except ConfigError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    templates = assembly.glob("**/*.template.json")
    resources = sum(len(json.loads(template.read_text())["Resources"]) for template in templates)
    seconds = round(time.monotonic() - started, 3)
    told = {"assembly": str(assembly), "resources": resources, "seconds": seconds}
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
