"""What the world calls: the HTTPS API and its functions."""

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.constructs.alarms.answers import prediction_alarms
from infra.constructs.alarms.failures import function_error_alarm
from infra.constructs.alarms.page import page_alarm
from infra.constructs.function import Shared
from infra.constructs.inference_api import InferenceApi
from infra.packaging import Sources
from infra.store import Store
from tidegate.settings.config import PipelineConfig


class ApiStack(Stack):
    """Stateless; may be replaced at any time."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        config: PipelineConfig,
        store: Store,
        sources: Sources,
        pages: sns.ITopic,
        stack_name: str,
    ) -> None:
        super().__init__(
            scope, id_, stack_name=stack_name, description=f"{config.prefix}: what the world calls"
        )
        shared = Shared.of(config, store=store, code=sources.function_code())
        inference = InferenceApi(
            self, "Inference", shared=shared, config=config, predict_code=sources.predict_code()
        )
        functions = [each.function for each in inference.functions]
        # told as incidents, by their events
        alarms = [
            function_error_alarm(self, functions, config, what="api-function-errors"),
            *prediction_alarms(self, config),
        ]
        # here, in the stack that is deployed last: the others' alarms are there by then
        page = page_alarm(self, config)
        page.node.add_dependency(*alarms)
        page.add_alarm_action(actions.SnsAction(pages))
        page.add_ok_action(actions.SnsAction(pages))
        CfnOutput(self, "ApiUrl", value=inference.api.api_endpoint)
