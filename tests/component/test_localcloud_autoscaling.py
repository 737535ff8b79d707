"""Variants follow their load: policies act on measured requests, within limits and cooldowns."""

import json

import pytest
from botocore.exceptions import ClientError
from moto.applicationautoscaling.models import FakeApplicationAutoscalingPolicy
from sagemaker_cloud import SageMakerCloud, tarred, unique, wait_for

from localcloud import autoscaling, cloudwatch
from localcloud.autoscaling.models import _direction
from localcloud.autoscaling.tracking import Policy
from localcloud.sagemaker.runtime import invoke

SERVER = """
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_POST = do_GET

    def log_message(self, *_):
        pass

address = ("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
http.server.ThreadingHTTPServer(address, Handler).serve_forever()
"""
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
METRIC = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
TRACKING = {"TargetValue": 10, "PredefinedMetricSpecification": METRIC}


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    aws = SageMakerCloud(tmp_path_factory.mktemp("images"))
    yield aws
    aws.close()


@pytest.fixture(scope="module")
def make_config(aws):
    image, url = aws.image(SERVER), aws.put("model.tar.gz", tarred(colour="blue"))
    aws.sagemaker.create_model(
        ModelName="model",
        ExecutionRoleArn=aws.role,
        PrimaryContainer={"Image": image, "ModelDataUrl": url},
    )

    def make(instance_type="ml.m5.large", variant="main"):
        name = unique("config")
        member = {
            "VariantName": variant,
            "ModelName": "model",
            "InitialInstanceCount": 1,
            "InstanceType": instance_type,
        }
        aws.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[member])
        return name

    return make


@pytest.fixture
def endpoint(aws, make_config):
    name = unique("endpoint")
    aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=make_config())
    settled(aws, name)
    yield name
    settled(aws, name)
    aws.sagemaker.delete_endpoint(EndpointName=name)
    wait_for(lambda: not aws.sagemaker.list_endpoints(NameContains=name)["Endpoints"])


def settled(aws, name):
    """Its description once it is in service."""

    def look():
        answer = aws.sagemaker.describe_endpoint(EndpointName=name)
        return answer if answer["EndpointStatus"] == "InService" else None

    return wait_for(look, 20)


def count(aws, name):
    cloudwatch.look()
    autoscaling.evaluate()
    (variant,) = settled(aws, name)["ProductionVariants"]
    return variant["CurrentInstanceCount"]


def place(name):
    resource = f"endpoint/{name}/variant/main"
    return {"ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": DIMENSION}


def scaled(aws, name, least=1, most=3, **policy):
    """Register the variant and its policy; the policy's alarms."""
    client = aws.client("application-autoscaling")
    client.register_scalable_target(**place(name), MinCapacity=least, MaxCapacity=most)
    answer = client.put_scaling_policy(
        **place(name),
        PolicyName="load",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={**TRACKING, **policy},
    )
    return [alarm["AlarmName"] for alarm in answer["Alarms"]]


def test_a_variant_grows_after_three_loud_minutes_and_shrinks_after_fifteen_quiet_ones(aws, endpoint):
    alarms = scaled(aws, endpoint, ScaleOutCooldown=60, ScaleInCooldown=120)
    assert [name.rsplit("-", 1)[1] for name in alarms] == ["AlarmHigh", "AlarmLow"]
    loud(aws, endpoint, minutes=2, requests=30)
    assert count(aws, endpoint) == 1  # two minutes are not three
    loud(aws, endpoint, minutes=1, requests=30)
    assert count(aws, endpoint) == 3  # 30 a minute at 10 for each instance
    loud(aws, endpoint, minutes=4, requests=30)
    assert count(aws, endpoint) == 3  # 10 for each: the target is met
    loud(aws, endpoint, minutes=14, requests=3)
    assert count(aws, endpoint) == 3
    loud(aws, endpoint, minutes=1, requests=3)
    assert count(aws, endpoint) == 1


def loud(aws, name, minutes, requests):
    """So many minutes, each with so many requests; a moment into the next one."""
    clock = aws.cloud.clock
    for _ in range(minutes):
        for _ in range(requests):
            assert invoke(name, b"1", {})[0] == 200
        clock.advance(60 - clock.time() % 60 + 1)


def test_limits_hold_at_once_and_a_schedule_moves_them(aws, endpoint):
    scaled(aws, endpoint, least=2, most=3)
    assert count(aws, endpoint) == 2
    aws.client("application-autoscaling").put_scheduled_action(
        **place(endpoint),
        ScheduledActionName="night",
        Schedule="cron(0 22 * * ? *)",
        Timezone="Europe/Berlin",
        ScalableTargetAction={"MinCapacity": 1, "MaxCapacity": 1},
    )
    assert count(aws, endpoint) == 2
    aws.cloud.clock.advance(24 * 3600 + 60)
    assert count(aws, endpoint) == 1


def test_without_requests_nothing_scales_in_as_nothing_is_measured(aws, endpoint):
    scaled(aws, endpoint, most=2, ScaleOutCooldown=0, ScaleInCooldown=0)
    loud(aws, endpoint, minutes=3, requests=15)
    assert count(aws, endpoint) == 2
    aws.cloud.clock.advance(3600)
    assert count(aws, endpoint) == 2


def test_a_variant_that_scales_is_deregistered_before_it_goes_or_changes_its_instances(
    aws, endpoint, make_config
):
    alarms = scaled(aws, endpoint)
    for other in (make_config(instance_type="ml.m5.xlarge"), make_config(variant="next")):
        with pytest.raises(ClientError, match="must be deregistered as scalable targets"):
            aws.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=other)
    client = aws.client("application-autoscaling")
    client.deregister_scalable_target(**place(endpoint))
    found = client.describe_scaling_policies(
        ServiceNamespace="sagemaker", ResourceId=place(endpoint)["ResourceId"]
    )
    assert found["ScalingPolicies"] == []
    assert aws.client("cloudwatch").describe_alarms(AlarmNames=alarms)["MetricAlarms"] == []
    aws.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=make_config("ml.m5.xlarge"))
    settled(aws, endpoint)


def test_a_policy_that_is_just_being_put_asks_for_nothing():
    policy = FakeApplicationAutoscalingPolicy(
        "123456789012",
        "us-east-1",
        "p",
        "sagemaker",
        "endpoint/e/variant/v",
        DIMENSION,
        "TargetTrackingScaling",
        TRACKING,
    )
    assert policy.alarms == []  # as moto makes it, and as a look of the ticker may find it
    assert _direction(policy) is None


def test_what_cannot_scale_is_refused_by_name(aws, endpoint):
    client = aws.client("application-autoscaling")
    with pytest.raises(ClientError, match="No endpoint/variant found"):
        client.register_scalable_target(**place("nobody"), MinCapacity=1, MaxCapacity=2)
    policy = {"PolicyName": "load", "PolicyType": "TargetTrackingScaling"}
    with pytest.raises(ClientError, match="No scalable target registered"):
        client.put_scaling_policy(
            **place(endpoint), **policy, TargetTrackingScalingPolicyConfiguration=TRACKING
        )
    client.register_scalable_target(**place(endpoint), MinCapacity=1, MaxCapacity=2)
    other = {
        "TargetValue": 50,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget"},
    }
    with pytest.raises(ClientError, match="only"):
        client.put_scaling_policy(**place(endpoint), **policy, TargetTrackingScalingPolicyConfiguration=other)
    client.deregister_scalable_target(**place(endpoint))


@pytest.mark.parametrize(
    "direction, instances, invocations, wanted",
    [("out", 2, 25, 5), ("out", 2, 10.1, 3), ("in", 4, 2.5, 1), ("in", 4, 8.9, 4), ("in", 3, 0, 1)],
)
def test_the_count_brings_one_instance_back_to_the_target(direction, instances, invocations, wanted):
    assert Policy(10, 60, 300, scales_in=True).wanted(direction, instances, invocations) == wanted


def test_scaling_in_may_be_switched_off_and_cooldowns_are_by_direction():
    policy = Policy.of(json.loads('{"TargetValue": 10, "ScaleOutCooldown": 60, "ScaleInCooldown": 300}'))
    assert [policy.may_act("out", 59), policy.may_act("out", 60)] == [False, True]
    assert [policy.may_act("in", 299), policy.may_act("in", 300)] == [False, True]
    assert not Policy.of({"TargetValue": 10, "DisableScaleIn": True}).may_act("in", 1e9)
