"""API Gateway's HTTP APIs: routes to functions, behind IAM or tokens."""

from typing import Any, ClassVar

from localcloud import cloud
from localcloud.deploy.api_handler import ApiHandler, Name
from localcloud.deploy.fit import UnfitError
from localcloud.deploy.resource import How, Made, Resource


class Api(ApiHandler):
    type = "AWS::ApiGatewayV2::Api"
    how = How.EXECUTED
    why = "requests to its address reach its functions"
    service = "apigatewayv2"
    creates = "create_api"
    updates = "update_api"
    deletes = "delete_api"
    replaced_by = frozenset({"ProtocolType"})
    kept_only: ClassVar = {"CorsConfiguration": "no CORS headers are sent"}

    def create(self, resource: Resource) -> Made:
        if resource.properties.get("ProtocolType") != "HTTP":
            raise UnfitError("property ProtocolType is not HTTP, and only HTTP APIs have an address here")
        return super().create(resource)

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        id_ = response["ApiId"]
        return Made(id_, {"ApiId": id_, "ApiEndpoint": f"{cloud.current().url}/_aws/execute-api/{id_}"})

    def key(self, resource: Resource) -> dict[str, Any]:
        return {"ApiId": resource.id}

    def tagged(self, resource: Resource) -> str:
        return f"arn:aws:apigateway:{cloud.current().region}::/apis/{resource.id}"


class _Part(ApiHandler):
    """Something that belongs to an API; `identifier` is the member of the response that names it."""

    identifier = ""
    service = "apigatewayv2"
    replaced_by = frozenset({"ApiId"})

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        id_ = response[self.identifier]
        return Made(id_, {self.identifier: id_})

    def key(self, resource: Resource) -> dict[str, Any]:
        return {"ApiId": resource.properties["ApiId"], self.identifier: resource.id}


class Stage(_Part):
    type = "AWS::ApiGatewayV2::Stage"
    how = How.EXECUTED
    why = "the default stage answers at the API's address, others below their name"
    identifier = "StageName"
    creates = "create_stage"
    updates = "update_stage"
    deletes = "delete_stage"
    naming = Name("StageName", 128)
    no_effect: ClassVar = {"AccessLogSettings": "no access log is written"}
    kept_only: ClassVar = {
        "DefaultRouteSettings": "nothing is throttled",
        "RouteSettings": "nothing is throttled",
    }


class Integration(_Part):
    type = "AWS::ApiGatewayV2::Integration"
    how = How.EXECUTED
    why = "invokes its function with payload format 2.0"
    identifier = "IntegrationId"
    creates = "create_integration"
    updates = "update_integration"
    deletes = "delete_integration"


class Route(_Part):
    type = "AWS::ApiGatewayV2::Route"
    how = How.EXECUTED
    why = "requests are matched as API Gateway does, the most specific route first"
    identifier = "RouteId"
    creates = "create_route"
    updates = "update_route"
    deletes = "delete_route"
    exclusive = True


class Authorizer(_Part):
    type = "AWS::ApiGatewayV2::Authorizer"
    how = How.EMULATED
    why = "a token's issuer, audience and lifetime are checked, its signature is not"
    identifier = "AuthorizerId"
    creates = "create_authorizer"
    updates = "update_authorizer"
    deletes = "delete_authorizer"
