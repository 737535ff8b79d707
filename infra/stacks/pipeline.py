"""What runs: the five stages, their machines and functions, and what watches them."""

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_ecr_assets as ecr_assets
from constructs import Construct

from infra.constructs.alarms.failures import (
    dead_letter_alarm,
    function_error_alarm,
    machine_failure_alarm,
)
from infra.constructs.alarms.traffic import traffic_alarms
from infra.constructs.collection import Collection
from infra.constructs.dashboard import dashboard
from infra.constructs.features import Features
from infra.constructs.function import Shared
from infra.constructs.incidents import Incidents
from infra.constructs.ingestion import Ingestion
from infra.constructs.machine import Machine
from infra.constructs.messaging import AlertTopic, queue
from infra.constructs.monitoring import Monitoring
from infra.constructs.roles import SageMakerRoles
from infra.constructs.serving import Serving
from infra.constructs.tracking import Tracking
from infra.constructs.training import Training
from infra.packaging import Sources
from infra.store import Store
from tidegate.settings.config import PipelineConfig
from tidegate.training.estimators import EXTRAS

FEATURES_IN_METADATA = "tidegate:features"  # a feature_plan.FeatureSetPlan


class PipelineStack(Stack):
    """Composition of the stages; what connects two of them is said here."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        config: PipelineConfig,
        store: Store,
        sources: Sources,
        stack_name: str,
    ) -> None:
        super().__init__(scope, id_, stack_name=stack_name, description=f"{config.prefix}: what runs")
        self.config = config
        self.store = store
        # what is deployed, for whoever asks: no function tells it
        self.template_options.metadata = {FEATURES_IN_METADATA: sources.plan.feature_document}
        package = config.training.estimator.partition(".")[0]
        image = ecr_assets.DockerImageAsset(
            self,
            "Image",
            directory=str(sources.image),
            platform=ecr_assets.Platform.LINUX_AMD64,
            build_args={"EXTRA": package} if package in EXTRAS else None,
        )
        shared = Shared.of(config, store=store, code=sources.function_code(), image=image)
        roles = SageMakerRoles(self, "Roles", store=store, image=image)
        self.undelivered = queue(self, "Undelivered", store=store)

        self.ingestion = Ingestion(
            self,
            "Ingestion",
            shared=shared,
            parallel=config.ingestion.parallel,
            undelivered=self.undelivered,
        )
        self.collection = Collection(
            self,
            "Collection",
            shared=shared,
            config=config,
            dataset=sources.plan.contract.dataset,
            undelivered=self.undelivered,
        )
        self.features = Features(
            self,
            "Features",
            shared=shared,
            config=config,
            image_uri=image.image_uri,
            job_role_arn=roles.features.role_arn,
            ingestion_arn=self.ingestion.machine.arn,
            undelivered=self.undelivered,
        )
        self.training = Training(
            self,
            "Training",
            shared=shared,
            config=config,
            image_uri=image.image_uri,
            job_role_arn=roles.job.role_arn,
        )
        self.training.start_on_features(self.features.machine.arn, self.undelivered)
        self.training.free_lock_of_the_stopped(self.undelivered)
        self.tracking = (
            Tracking(
                self,
                "Tracking",
                shared=shared,
                config=config,
                machine=self.training.machine,
                origin=sources.origin,
                undelivered=self.undelivered,
            )
            if config.tracking.enabled
            else None
        )
        self.serving = Serving(
            self,
            "Serving",
            shared=shared,
            config=config,
            serving_role_arn=roles.serving.role_arn,
            undelivered=self.undelivered,
        )
        self.monitoring = Monitoring(
            self,
            "Monitoring",
            shared=shared,
            config=config,
            image_uri=image.image_uri,
            job_role_arn=roles.job.role_arn,
            endpoint=self.serving.endpoint,
            training=self.training.machine,
            undelivered=self.undelivered,
        )
        self.alerts = AlertTopic(self, "Alerts", store=store, email=config.alarms.email).topic
        self.pages = AlertTopic(self, "Pages", store=store, email=config.alarms.page_email).topic
        self.incidents = Incidents(
            self,
            "Incidents",
            shared=shared,
            config=config,
            machines=self.machines,
            alerts=self.alerts,
            undelivered=self.undelivered,
        )
        alarms = self._alarms()
        board = dashboard(self, config=config, endpoint=self.serving.endpoint, alarms=alarms)
        self._outputs(board, sources.plan.contract.dataset)

    @property
    def machines(self) -> dict[str, Machine]:
        return {
            "Ingestion": self.ingestion.machine,
            "Features": self.features.machine,
            "Training": self.training.machine,
            "Deployment": self.serving.deployment,
            "Restoration": self.serving.restoration,
            "Monitoring": self.monitoring.machine,
            "Teardown": self.serving.teardown,
        }

    def _alarms(self) -> list[cloudwatch.Alarm]:
        dead_letters = dead_letter_alarm(self, [self.ingestion.dead_drops, self.undelivered], self.config)
        # the others become incidents by their events; this one tells of those that did not get there
        dead_letters.add_alarm_action(actions.SnsAction(self.alerts))
        machines = [machine.machine for machine in self.machines.values()]
        return [
            *self.monitoring.alarms,
            *self.serving.alarms,
            *self.collection.alarms,
            *traffic_alarms(self, endpoint=self.serving.endpoint, config=self.config),
            dead_letters,
            function_error_alarm(
                self,
                [self.ingestion.receive_drop.function, self.ingestion.record_profile.function],
                self.config,
                what="receive-drop-errors",
            ),
            machine_failure_alarm(self, machines, self.config),
        ]

    def _outputs(self, board: cloudwatch.Dashboard, dataset: str) -> None:
        outputs = {
            "Dataset": dataset,
            "EndpointName": self.serving.endpoint,
            **{f"{name}Machine": machine.arn for name, machine in self.machines.items()},
            "AlertTopic": self.alerts.topic_arn,
            "PageTopic": self.pages.topic_arn,
            "DropQueueUrl": self.ingestion.drops.queue_url,
            "DashboardName": board.dashboard_name,
        }
        if self.tracking:
            outputs["RecordRunFunction"] = self.tracking.function_name
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)
