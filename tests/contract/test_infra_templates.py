"""What an owner of the account would look for in the synthesized templates."""

import json
import re

import pytest
from synthesized import REPOSITORY, Templates, listed

# Service Authorization Reference: actions that know no resources
WITHOUT_RESOURCES = {
    *("xray:PutTraceSegments", "xray:PutTelemetryRecords"),
    *("xray:GetSamplingRules", "xray:GetSamplingTargets"),
    *("logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery"),
    *("logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies"),
    "logs:DescribeLogGroups",
    *("cloudwatch:PutMetricData", "cloudwatch:GetMetricData", "cloudwatch:DescribeAlarms"),
    *("sagemaker:ListEndpointConfigs", "sagemaker:ListModels", "sagemaker:ListModelPackages"),
    "ecr:GetAuthorizationToken",
}
STATEFUL = (
    "AWS::S3::Bucket",
    "AWS::DynamoDB::Table",
    "AWS::Glue::Database",
    "AWS::SageMaker::ModelPackageGroup",
    "AWS::KMS::Key",
)


def allowed(templates: Templates) -> list[tuple[str, dict]]:
    """Every statement of an identity policy, with the policy it stands in."""
    return [
        (id_, statement)
        for id_, policy in templates.of("AWS::IAM::Policy").items()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def test_no_role_may_do_anything_by_a_wildcard(any_templates):
    wild = [(id_, a) for id_, s in allowed(any_templates) for a in listed(s["Action"]) if "*" in a]
    assert allowed(any_templates) and wild == []


def test_roles_have_no_managed_policies_and_no_inline_ones(any_templates):
    for id_, role in any_templates.of("AWS::IAM::Role").items():
        assert not {"ManagedPolicyArns", "Policies"} & role["Properties"].keys(), id_


def test_a_statement_on_everything_holds_only_actions_that_know_no_resources(any_templates):
    for id_, statement in allowed(any_templates):
        if "*" in listed(statement["Resource"]):
            assert set(listed(statement["Action"])) <= WITHOUT_RESOURCES, id_


def test_roles_are_assumed_by_one_service_each(any_templates):
    for id_, role in any_templates.of("AWS::IAM::Role").items():
        [statement] = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert re.fullmatch(
            r"(lambda|states|sagemaker|events)\.amazonaws\.com", statement["Principal"]["Service"]
        ), id_


def test_a_role_is_passed_to_sagemaker_only_and_is_one_of_its_own(any_templates):
    sagemaker_roles = {
        id_
        for id_, role in any_templates.of("AWS::IAM::Role").items()
        if "sagemaker" in json.dumps(role["Properties"]["AssumeRolePolicyDocument"])
    }
    passing = [s for _, s in allowed(any_templates) if "iam:PassRole" in listed(s["Action"])]
    # of jobs, features, serving, and the MLflow App, which CloudFormation passes; by four machines
    assert len(sagemaker_roles) == 4 and len(passing) == 4
    for statement in passing:
        assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
        assert statement["Resource"]["Fn::GetAtt"][0] in sagemaker_roles


def test_every_function_and_machine_has_a_role_of_its_own(any_templates):
    resources = [
        *any_templates.of("AWS::Lambda::Function").values(),
        *any_templates.of("AWS::StepFunctions::StateMachine").values(),
    ]
    roles = [any_templates.role_of(r, "Role" if "Role" in r["Properties"] else "RoleArn") for r in resources]
    assert len(roles) == 42 and len(set(roles)) == len(roles)


def test_buckets_are_versioned_private_and_encrypted(any_templates):
    buckets = any_templates.of("AWS::S3::Bucket")
    assert len(buckets) == 2
    for bucket in buckets.values():
        properties = bucket["Properties"]
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert "BucketEncryption" in properties


def test_nothing_is_reached_without_tls(any_templates):
    guarded = [
        policy["Properties"][member]
        for kind, member in (
            ("AWS::S3::BucketPolicy", "Bucket"),
            ("AWS::SQS::QueuePolicy", "Queues"),
            ("AWS::SNS::TopicPolicy", "Topics"),
        )
        for policy in any_templates.of(kind).values()
        for s in policy["Properties"]["PolicyDocument"]["Statement"]
        if s["Effect"] == "Deny" and s["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    ]
    kept = ("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SNS::Topic")
    everything = {id_ for kind in kept for id_ in any_templates.of(kind)}
    assert {part["Ref"] for value in guarded for part in listed(value)} == everything


def test_no_resource_policy_lets_a_stranger_in(any_templates):
    kinds = ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
    for policy in (p for kind in kinds for p in any_templates.of(kind).values()):
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                assert statement["Principal"].keys() == {"Service"}
                assert "aws:Source" in json.dumps(statement["Condition"])


def test_drops_reach_the_function_through_a_queue_that_loses_nothing(templates):
    [mapping] = templates.of("AWS::Lambda::EventSourceMapping").values()
    assert mapping["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    queue_id = mapping["Properties"]["EventSourceArn"]["Fn::GetAtt"][0]
    queue = templates.of("AWS::SQS::Queue")[queue_id]["Properties"]
    function_id = mapping["Properties"]["FunctionName"]["Ref"]
    function = templates.of("AWS::Lambda::Function")[function_id]["Properties"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
    assert queue["VisibilityTimeout"] == 6 * function["Timeout"]


def test_every_rule_keeps_what_it_cannot_deliver(any_templates):
    rules = any_templates.of("AWS::Events::Rule")
    targets = [target for rule in rules.values() for target in rule["Properties"]["Targets"]]
    assert len(rules) == 16 and all("DeadLetterConfig" in target for target in targets)


def test_the_buckets_events_reach_eventbridge_without_a_custom_resource(any_templates):
    wired = [
        bucket["Properties"]["NotificationConfiguration"]
        for bucket in any_templates.of("AWS::S3::Bucket").values()
        if "NotificationConfiguration" in bucket["Properties"]
    ]
    assert wired == [{"EventBridgeConfiguration": {"EventBridgeEnabled": True}}]
    types = {r["Type"] for stack in any_templates.stacks.values() for r in stack["Resources"].values()}
    assert not [kind for kind in types if kind.startswith("Custom::")]


@pytest.mark.parametrize(("environment", "policy"), [("dev", "Delete"), ("prod", "Retain")])
def test_data_outlives_the_stack_where_the_configuration_says_so(request, environment, policy):
    templates = request.getfixturevalue("templates" if environment == "dev" else "templates_prod")
    kept = [resource for kind in STATEFUL for resource in templates.of(kind).values()]
    assert len(kept) == 8
    assert {resource["DeletionPolicy"] for resource in kept} == {policy}
    assert {resource["UpdateReplacePolicy"] for resource in kept} == {policy}


def test_production_data_can_be_restored_and_its_stack_not_deleted(assembly_prod, templates_prod):
    for table in templates_prod.of("AWS::DynamoDB::Table").values():
        recovery = table["Properties"]["PointInTimeRecoverySpecification"]
        assert recovery == {"PointInTimeRecoveryEnabled": True}
    manifest = json.loads((assembly_prod / "assembly-prod" / "manifest.json").read_text())
    stacks = [a for a in manifest["artifacts"].values() if a["type"] == "aws:cloudformation:stack"]
    protected = [s["properties"]["stackName"] for s in stacks if s["properties"].get("terminationProtection")]
    assert protected == ["flights-prod-Data"]


def test_the_signing_key_signs_for_jobs_and_verifies_for_the_preflight_only(any_templates):
    [key] = [
        resource["Properties"]
        for resource in any_templates.of("AWS::KMS::Key").values()
        if resource["Properties"].get("KeyUsage") == "SIGN_VERIFY"
    ]
    assert key["KeySpec"] == "ECC_NIST_P256"
    using = {
        action: (id_, statement)
        for id_, statement in allowed(any_templates)
        for action in listed(statement["Action"])
        if action in ("kms:Sign", "kms:Verify")
    }
    assert using["kms:Sign"][0].startswith("RolesJob")
    assert using["kms:Verify"][0].startswith("ServingPreflightCandidate")
    for _, statement in using.values():
        assert len(listed(statement["Action"])) == 1 and "SigningKey" in json.dumps(statement["Resource"])


def test_every_early_end_of_training_frees_its_lock(templates):
    [rule] = [
        resource["Properties"]
        for id_, resource in templates.of("AWS::Events::Rule").items()
        if id_.startswith("TrainingTrainingStopped")
    ]
    assert rule["EventPattern"]["source"] == ["aws.states"]
    detail = rule["EventPattern"]["detail"]
    assert set(detail["status"]) == {"ABORTED", "TIMED_OUT", "FAILED"}  # what ends without its last states
    [machine] = detail["stateMachineArn"]
    assert machine["Ref"].startswith("TrainingMachine") or "Training" in machine["Ref"]
    assert "FreeTrainingLock" in json.dumps(rule["Targets"][0]["Arn"])


def test_every_log_has_an_end(any_templates):
    logs = any_templates.of("AWS::Logs::LogGroup")
    assert len(logs) == 43 and all(log["Properties"]["RetentionInDays"] for log in logs.values())


def test_the_logical_ids_of_what_is_kept_never_change(templates):
    """Another id is another resource: an empty one. Change this list only with a migration."""
    resources = templates.stacks["Data"]["Resources"].items()
    assert {id_: r["Type"] for id_, r in resources if r["Type"] in STATEFUL} == {
        "Drops4D66B0FE": "AWS::S3::Bucket",
        "Lake5F1B88EA": "AWS::S3::Bucket",
        "LedgerB7379752": "AWS::DynamoDB::Table",
        "OnlineD2D46C5D": "AWS::DynamoDB::Table",
        "State1C20CC9A": "AWS::DynamoDB::Table",
        "Catalog": "AWS::Glue::Database",
        "Packages": "AWS::SageMaker::ModelPackageGroup",
        "SigningKeyEEFC2790": "AWS::KMS::Key",
    }


def test_the_outputs_that_the_command_reads_are_there(any_templates):
    outputs = {name: set(stack["Outputs"]) for name, stack in any_templates.stacks.items()}
    assert outputs["Data"] >= {
        *("DropsBucket", "LakeBucket", "LedgerTable", "OnlineTable", "StateTable"),
        *("GlueDatabase", "ModelPackageGroup"),
    }
    assert outputs["Pipeline"] >= {
        *("IngestionMachine", "FeaturesMachine", "TrainingMachine"),
        *("DeploymentMachine", "RestorationMachine", "MonitoringMachine", "TeardownMachine"),
        *("Dataset", "EndpointName", "AlertTopic", "PageTopic", "DropQueueUrl", "DashboardName"),
    }
    assert outputs["Api"] >= {"ApiUrl"}


def test_the_stack_says_which_features_it_carries(templates):
    found = templates.stacks["Pipeline"]["Metadata"]["tidegate:features"]
    assert [view["name"] for view in found["views"]] == ["carrier_delay", "origin_delay"]
    assert len(found["hash"]) == 64


def test_alarms_of_the_monitoring_and_alarms_that_roll_back_have_the_names_others_look_for(templates):
    alarms = {
        a["Properties"]["AlarmName"]: a["Properties"] for a in templates.of("AWS::CloudWatch::Alarm").values()
    }
    assert {name for name in alarms if name.startswith("flights-dev-model-monitor-")} == {
        f"flights-dev-model-monitor-{what}"
        for what in ("drift", "prediction-drift", "domain", "attribution", "quality", "estimate")
    }
    assert {name for name in alarms if name.startswith("flights-dev-variant-")} == {
        *("flights-dev-variant-a-errors", "flights-dev-variant-a-latency"),
        *("flights-dev-variant-b-errors", "flights-dev-variant-b-latency"),
    }
    drift = alarms["flights-dev-model-monitor-drift"]
    assert (drift["Namespace"], drift["MetricName"]) == ("Tidegate", "DriftedFeatureCount")
    assert drift["Dimensions"] == [{"Name": "Endpoint", "Value": "flights-dev-endpoint"}]
    assert (drift["Period"], drift["Threshold"], drift["EvaluationPeriods"]) == (10, 0, 1)
    skew = alarms["flights-dev-features-skew"]
    assert (skew["Namespace"], skew["MetricName"], skew["Threshold"]) == ("Tidegate", "FeatureSkewMax", 0.01)
    assert (skew["Dimensions"], skew["Period"]) == (drift["Dimensions"], 10)
    # 200 ms of [alarms] are 200,000 microseconds, AWS's unit of ModelLatency
    assert alarms["flights-dev-variant-a-latency"]["Threshold"] == 200_000


@pytest.mark.parametrize(
    ("what", "part", "whole", "rings"),
    [
        ("stale", "StaleFeatures", "FeaturesLookedUp", ("GreaterThanThreshold", 0.1)),
        ("failed", "FailedFeatures", "FeaturesLookedUp", ("GreaterThanThreshold", 0.01)),
        ("null", "NullFeatures", "FeaturesLookedUp", ("GreaterThanThreshold", 0.25)),
        ("coverage", "EntitiesFound", "EntitiesLookedUp", ("LessThanThreshold", 0.9)),
    ],
)
def test_alarms_of_features_watch_shares_of_what_predict_counts(templates, what, part, whole, rings):
    [alarm] = [
        resource["Properties"]
        for resource in templates.of("AWS::CloudWatch::Alarm").values()
        if resource["Properties"]["AlarmName"] == f"flights-dev-features-{what}"
    ]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == rings
    queries = {query["Id"]: query for query in alarm["Metrics"]}
    metrics = {id_: query["MetricStat"]["Metric"] for id_, query in queries.items() if "MetricStat" in query}
    ids = {metric["MetricName"]: id_ for id_, metric in metrics.items()}
    [expression] = [query["Expression"] for query in queries.values() if "Expression" in query]
    assert ids.keys() == {part, whole}
    assert expression == f"IF({ids[whole]} >= 50, {ids[part]} / {ids[whole]})"
    # as powertools names the function's pipeline: see POWERTOOLS_SERVICE_NAME
    for metric in metrics.values():
        assert metric["Namespace"] == "Tidegate"
        assert metric["Dimensions"] == [{"Name": "service", "Value": "flights-dev"}]


def test_the_environment_of_a_package_names_its_features():
    machine = json.loads((REPOSITORY / "step_functions" / "training.asl.json").read_text())
    request = machine["States"]["RegisterCandidate"]["Arguments"]
    [container] = request["InferenceSpecification"]["Containers"]
    named = container["Environment"]["FEATURE_SET_HASH"]
    assert named == request["CustomerMetadataProperties"]["feature_set_hash"]


def test_a_function_whose_failure_its_machine_passes_over_is_told_by_an_alarm(templates):
    watched = [
        metric["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Ref"]
        for resource in templates.of("AWS::CloudWatch::Alarm").values()
        if resource["Properties"].get("AlarmName") == "flights-dev-receive-drop-errors"
        for metric in resource["Properties"]["Metrics"]
        if "MetricStat" in metric
    ]
    assert [id_[:20] for id_ in sorted(watched)] == ["IngestionReceiveDrop", "IngestionRecordProfi"]


def test_missing_data_raises_no_alarm_and_only_what_incidents_cannot_tell_has_an_action(any_templates):
    alarms = [a["Properties"] for a in any_templates.of("AWS::CloudWatch::Alarm").values()]
    assert {alarm["TreatMissingData"] for alarm in alarms} == {"notBreaching", "ignore"}
    # what looks publish, by Endpoint alone, stays as the last look found it until the next
    looks = [a for a in alarms if [d["Name"] for d in a.get("Dimensions", [])] == ["Endpoint"]]
    assert looks == [alarm for alarm in alarms if alarm["TreatMissingData"] == "ignore"]
    acting = [alarm["AlarmName"] for alarm in alarms if alarm.get("AlarmActions")]
    assert [name.partition("-")[2].partition("-")[2] for name in acting] == ["dead-letters"]


def test_a_person_is_paged_on_a_topic_of_its_own_by_names_of_alarms_that_are_there(any_templates):
    alarms = {a["Properties"]["AlarmName"] for a in any_templates.of("AWS::CloudWatch::Alarm").values()}
    [page] = any_templates.of("AWS::CloudWatch::CompositeAlarm").values()
    named = re.findall(r'"([^"]+)"', page["Properties"]["AlarmRule"])
    assert len(named) == 6 and set(named) <= alarms
    [topic] = page["Properties"]["AlarmActions"]
    assert page["Properties"]["OKActions"] == [topic]  # who was woken is told when it is over
    told = [
        json.dumps(a["Properties"].get("AlarmActions"))
        for a in any_templates.of("AWS::CloudWatch::Alarm").values()
    ]
    assert json.dumps(topic) not in told
    assert "Pages" in json.dumps(topic)


def test_what_looks_publish_is_on_the_dashboard(templates):
    [board] = templates.of("AWS::CloudWatch::Dashboard").values()
    drawn = json.dumps(board["Properties"]["DashboardBody"])
    watched = {
        a["Properties"]["MetricName"]
        for a in templates.of("AWS::CloudWatch::Alarm").values()
        if a["Properties"]["TreatMissingData"] == "ignore"
    }
    # what is 0 or 1, or a count of mishaps, is seen in the state of its alarm
    mishaps = {"QualityBreaches", "EstimateBreaches", "UnreadableRecords", "LabelContradictions"}
    mishaps |= {"SuspiciousLabels"}
    assert [name for name in watched - mishaps if name not in drawn] == []
    assert "alarm:flights-dev-page" in drawn
    assert {"RealizedQuality", "LabelCoverage", "FallbackShare"} <= set(re.findall(r"\w+", drawn))


def test_traffic_stops_only_while_a_look_told_that_a_model_serves(templates):
    alarms = {
        a["Properties"]["AlarmName"]: a["Properties"] for a in templates.of("AWS::CloudWatch::Alarm").values()
    }
    stopped, unusual = alarms["flights-dev-traffic-stopped"], alarms["flights-dev-traffic-unusual"]
    periods = {q["MetricStat"]["Period"] for q in stopped["Metrics"] if "MetricStat" in q}
    # 60 minutes of [alarms], in two halves
    assert (periods, stopped["EvaluationPeriods"], stopped["DatapointsToAlarm"]) == ({1800}, 2, 2)
    names = {q["MetricStat"]["Metric"]["MetricName"] for q in stopped["Metrics"] if "MetricStat" in q}
    assert names == {"ModelAgeDays", "Predictions", "FailedPredictions"}
    [band] = [q for q in unusual["Metrics"] if q["Id"] == unusual["ThresholdMetricId"]]
    assert re.fullmatch(r"ANOMALY_DETECTION_BAND\(\w+, 3\)", band["Expression"])
    assert unusual["ComparisonOperator"] == "LessThanLowerOrGreaterThanUpperThreshold"


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_what_the_api_answers_is_signed_for_and_what_describes_it_in_production_too(request, environment):
    templates = request.getfixturevalue("templates" if environment == "dev" else "templates_prod")
    routes = [r["Properties"] for r in templates.of("AWS::ApiGatewayV2::Route").values()]
    kinds = {route["RouteKey"]: route["AuthorizationType"] for route in routes}
    described = "NONE" if environment == "dev" else "AWS_IAM"  # serving.public_docs
    asked = dict.fromkeys(("POST /predict", "POST /feedback"), "AWS_IAM")
    assert kinds == {**asked, "GET /openapi.json": described, "GET /docs": described}


def test_the_api_is_logged_and_throttled(any_templates):
    [stage] = any_templates.of("AWS::ApiGatewayV2::Stage").values()
    assert stage["Properties"]["AccessLogSettings"]["DestinationArn"]
    assert stage["Properties"]["DefaultRouteSettings"]["ThrottlingRateLimit"] > 0
    limits = {"ThrottlingRateLimit": 200, "ThrottlingBurstLimit": 400}
    assert stage["Properties"]["RouteSettings"] == {"POST /predict": limits, "POST /feedback": limits}


def test_templates_name_no_account_no_region_and_no_folder(assembly, assembly_prod):
    for folder in (assembly, assembly_prod):
        for file in folder.rglob("*.json"):
            if "asset." not in str(file.relative_to(folder)):
                text = file.read_text()
                assert not re.search(r"\b\d{12}\b", text), file.name
                assert not re.search(r"\b(us|eu|ap)-[a-z]+-\d\b", text), file.name
                assert str(REPOSITORY) not in text, file.name
