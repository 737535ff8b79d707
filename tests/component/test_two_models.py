"""Champion and candidate of two versions of a view behind one request, in containers as in SageMaker."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import json
import shutil

import pytest
from serving_account import FLIGHTS, VERSIONS, account, call, model, plan, request  # noqa: F401
from test_predict import DEPARTURE, FLIGHT
from test_training_jobs import Jobs, plan_document

from tidegate.aws import feature_sets
from tidegate.aws.state import State
from tidegate.feature_store.feature_file import compile_feature_set
from tidegate.feature_store.feature_plan import FeatureSetPlan


@pytest.fixture
def trained(tmp_path_factory):
    """The artefact of the example's features, or of its `features.py` as `change` leaves it."""

    def train(run, change=lambda text: text):
        folder = tmp_path_factory.mktemp("image")
        code = folder / "pipeline" / "features.py"
        shutil.copytree(FLIGHTS, code.parent)
        code.write_text(change(code.read_text()))
        features = compile_feature_set(code, "flight_delay")
        (code.parent / "plan.json").write_text(json.dumps({**plan_document(), "features": features}))
        jobs = Jobs(folder, tmp_path_factory)
        root, done = jobs.train(purpose="final", run=run)
        assert done.code == 0, done.err
        return jobs, root / "model", FeatureSetPlan.from_json(features)

    return train


def test_each_model_sees_its_own_version_in_the_same_request(trained, account, call, model):
    champion_jobs, champion, _ = trained("run-1")
    jobs, candidate, theirs = trained("run-2", lambda text: text.replace('window="7d"', 'window="9d"'))
    version = next(view.version for view in theirs.views if view.name == "carrier_delay")
    assert version != VERSIONS["carrier_delay"]

    feature_sets.put(account.s3, account.lake, theirs)
    state = State(account.dynamodb, account.state)
    for variant, run, hash_ in (
        ("variant-a", "run-1", plan().features.hash),
        ("variant-b", "run-2", theirs.hash),
    ):
        state.record_variant(variant, version=int(run[-1]), arn="arn", run=run, feature_set=hash_)
    account.put_online("carrier_delay|UA", "carrier_delay", DEPARTURE, carrier_delay_rate_7d=0.25)
    account.put_online("carrier_delay|UA", version, DEPARTURE, carrier_delay_rate_7d=0.75)

    seen, told = {}, {}
    with champion_jobs.serve(champion) as one, jobs.serve(candidate) as other:
        for variant, container in (("variant-a", one), ("variant-b", other)):
            model.variant = variant
            model.answer = lambda _, to=container: to.invoke(model.bodies[-1])
            told[variant] = json.loads(call("predict", request(FLIGHT))["body"])
            [vector] = one_answer(container, model)["vectors"]
            seen[variant] = dict(zip(theirs.features, vector, strict=True))["carrier_delay_rate_7d"]
    assert seen == {"variant-a": 0.25, "variant-b": 0.75}
    assert {variant: answer["model_version"] for variant, answer in told.items()} == {
        "variant-a": 1,
        "variant-b": 2,
    }
    assert told["variant-b"]["features"] == {"stale": [], "missing": ["origin_delay_rate_7d"], "failed": []}
    assert model.requests[0][2] == model.requests[1][2]  # whoever answers


def one_answer(container, model):
    """What the container says to the request that Predict sent last."""
    status, answer = container.invoke(model.bodies[-1])
    assert status == 200
    return answer
