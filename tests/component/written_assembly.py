"""Cloud assemblies written by hand, deployed into the local cloud of this process."""

import json
import uuid

from localcloud.deploy import deploy_assembly

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


class App:
    """A cloud assembly on disk; every stack it gets is named for this test alone."""

    def __init__(self, folder):
        self.folder = folder
        self.prefix = f"t{uuid.uuid4().hex[:6]}"
        self._artifacts = {}

    def stack(self, id_, resources, *, needs=(), files=None, **sections):
        """Write a stack `<prefix>-<id>`; writing it again replaces its template."""
        template = {"Resources": resources, **sections}
        (self.folder / f"{id_}.template.json").write_text(json.dumps(template))
        (self.folder / f"{id_}.assets.json").write_text(json.dumps({"files": files or {}}))
        self._artifacts[f"{id_}.assets"] = {
            "type": "cdk:asset-manifest",
            "properties": {"file": f"{id_}.assets.json"},
        }
        self._artifacts[id_] = {
            "type": "aws:cloudformation:stack",
            "properties": {"templateFile": f"{id_}.template.json", "stackName": self.name(id_)},
            "dependencies": [f"{id_}.assets", *needs],
        }
        (self.folder / "manifest.json").write_text(json.dumps({"artifacts": self._artifacts}))

    def name(self, id_):
        return f"{self.prefix}-{id_}"

    def deploy(self):
        return deploy_assembly(self.folder)


def changes(deployment):
    return {change.logical_id: change.change.value for change in deployment.changes}


def physical(deployment, logical_id):
    return next(each.physical_id for each in deployment.resources if each.logical_id == logical_id)


def function(**properties):
    code = {"ZipFile": "def handler(event, context): return event"}
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": code,
            "Handler": "index.handler",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Runtime": "python3.13",
            **properties,
        },
    }
