"""What the world calls: the HTTPS API and its functions."""

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from infra.constructs.alarms import function_error_alarm, prediction_alarms
from infra.constructs.function import Shared
from infra.constructs.inference_api import InferenceApi
from infra.packaging import Sources
from infra.store import Store
from tidegate.config import PipelineConfig


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
        # they are told as incidents, by their events
        function_error_alarm(self, functions, config, name="api-function-errors")
        prediction_alarms(self, config)
        CfnOutput(self, "ApiUrl", value=inference.api.api_endpoint)
