"""What each look of the monitoring machine published: the state of such an alarm is what the last look found.

Between two looks there is no datapoint, and none is needed: missing data keeps the state (`ignore`), so that
an alarm neither falls back to OK before the next look nor rings anew with each, however far apart they are.
Before the first look the state is INSUFFICIENT_DATA, which nobody is told.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.constructs.alarms import periods
from infra.constructs.alarms.make import alarm, own_metric
from tidegate.settings.config import PipelineConfig

SECONDS_PER_HOUR = 3600
DRIFT = "model-monitor-drift"


@dataclass(frozen=True, kw_only=True)
class Watched:
    """One metric of looks and what it may not exceed."""

    what: str
    metric: str
    above: float
    text: str


def look_alarms(scope: Construct, *, endpoint: str, config: PipelineConfig) -> list[cloudwatch.Alarm]:
    """One for each question that a look answers: the worst of many columns, never one alarm a column."""
    period = Duration.seconds(periods.of_looks(config))
    return [
        alarm(
            scope,
            "".join(word.capitalize() for word in watched.what.removeprefix("model-monitor-").split("-")),
            config=config,
            what=watched.what,
            text=watched.text,
            metric=own_metric(watched.metric, {"Endpoint": endpoint}, "Maximum", period),
            threshold=watched.above,
            missing=cloudwatch.TreatMissingData.IGNORE,
        )
        for watched in (*_of_the_model(config), *_of_what_it_gets(config))
    ]


def _of_the_model(config: PipelineConfig) -> Iterator[Watched]:
    alarms, monitoring = config.alarms, config.monitoring
    yield Watched(
        what=DRIFT,
        metric="DriftedFeatureCount",
        above=0,
        text="Requests differ from the champion's training data: see monitoring/ in the lake",
    )
    yield Watched(
        what="model-monitor-prediction-drift",
        metric="PredictionDriftScore",
        above=monitoring.psi_threshold,
        text="The champion predicts otherwise than on its test rows",
    )
    yield Watched(
        what="model-monitor-domain",
        metric="DomainAuc",
        above=alarms.domain_auc,
        text="A classifier tells requests from training rows, where no single column may",
    )
    yield Watched(
        what="model-monitor-attribution",
        metric="AttributionDrift",
        above=alarms.attribution_drift,
        text="Features matter in another order than they did in training",
    )
    yield Watched(
        what="model-monitor-quality",
        metric="QualityBreaches",
        above=0,
        text="Outcomes say that the champion is worse than its evaluation promised",
    )
    yield Watched(
        what="model-monitor-estimate",
        metric="EstimateBreaches",
        above=0,
        text="Before outcomes came, the champion's own probabilities promise less than its evaluation did",
    )
    yield Watched(
        what="model-age",
        metric="ModelAgeDays",
        above=alarms.model_age_days,
        text=f"The champion was trained more than {alarms.model_age_days:g} days ago",
    )


def _of_what_it_gets(config: PipelineConfig) -> Iterator[Watched]:
    alarms = config.alarms
    yield Watched(
        what="features-skew",
        metric="FeatureSkewMax",
        above=alarms.feature_skew,
        text=f"A feature is not what training would have seen in over {alarms.feature_skew:.1%} of vectors",
    )
    yield Watched(
        what="features-age",
        metric="FeatureAgeSeconds",
        above=alarms.feature_age_hours * SECONDS_PER_HOUR,
        text=f"No features of a view were recorded for more than {alarms.feature_age_hours:g} hours",
    )
    yield Watched(
        what="requests-out-of-contract",
        metric="OutOfContractShare",
        above=alarms.out_of_contract_share,
        text=f"More than {alarms.out_of_contract_share:.1%} of requests break a rule of the contract",
    )
    yield Watched(
        what="captures-unreadable",
        metric="UnreadableRecords",
        above=0,
        text="Captured records could not be read and are not watched",
    )
    yield Watched(
        what="labels-suspicious",
        metric="SuspiciousLabels",
        above=0,
        text="Outcomes disagree with themselves, or with training and the answers alike",
    )
    yield Watched(
        what="labels-contradict",
        metric="LabelContradictions",
        above=alarms.label_contradictions,
        text="Outcomes were told that contradict earlier ones of the same predictions",
    )
