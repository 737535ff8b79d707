"""DynamoDB: tables, in both of CloudFormation's spellings."""

from collections.abc import Mapping
from typing import Any, ClassVar

from localcloud import cloud
from localcloud.deploy import tags
from localcloud.deploy.fit import UnfitError, call
from localcloud.deploy.resource import Handler, How, Made, Resource

_SEPARATE = {"PointInTimeRecoverySpecification", "TimeToLiveSpecification"}
_UPDATABLE = {
    "AttributeDefinitions",
    "BillingMode",
    "DeletionProtectionEnabled",
    "ProvisionedThroughput",
    "SSESpecification",
    "StreamSpecification",
    "TableClass",
}


class Table(Handler):
    type = "AWS::DynamoDB::Table"
    how = How.EXECUTED
    why = "items, conditions, transactions, indexes and streams"
    named_by = "TableName"
    no_effect: ClassVar = {"ContributorInsightsSpecification": "nothing is measured"}
    kept_only: ClassVar = {
        "TimeToLiveSpecification": "items past their time stay, as they may for days in AWS"
    }

    def create(self, resource: Resource) -> Made:
        properties = self.table(resource)
        name = resource.name("TableName", 255)
        request = {key: value for key, value in properties.items() if key not in _SEPARATE}
        request["TableName"] = name
        made = call("dynamodb", "create_table", **request)["TableDescription"]
        self._set_separate(name, properties, {})
        attributes = {"Arn": made["TableArn"], "TableId": made.get("TableId", "")}
        if stream := made.get("LatestStreamArn"):
            attributes["StreamArn"] = stream
        return Made(name, attributes)

    def update(self, resource: Resource, before: Resource) -> Made:
        new, old = self.table(resource), self.table(before)
        changed = {name for name in new.keys() | old.keys() if new.get(name) != old.get(name)}
        request = {name: new[name] for name in changed & _UPDATABLE & new.keys()}
        if "StreamSpecification" in changed - new.keys():
            request["StreamSpecification"] = {"StreamEnabled": False}
        for index in _index_updates(old, new):
            definitions = new["AttributeDefinitions"]
            call(
                "dynamodb",
                "update_table",
                TableName=resource.id,
                AttributeDefinitions=definitions,
                GlobalSecondaryIndexUpdates=[index],
            )
        if request.keys() - {"AttributeDefinitions"}:
            call("dynamodb", "update_table", TableName=resource.id, **request)
        self._set_separate(resource.id, new, old)
        tags.change("dynamodb", resource.made.attributes["Arn"], old.get("Tags"), new.get("Tags"))
        made = call("dynamodb", "describe_table", TableName=resource.id)["Table"]
        attributes = dict(resource.made.attributes)
        if stream := made.get("LatestStreamArn"):
            attributes["StreamArn"] = stream
        return Made(resource.id, attributes)

    def delete(self, resource: Resource) -> None:
        call("dynamodb", "delete_table", TableName=resource.id)

    def must_replace(self, changed: set[str], resource: Resource) -> bool:
        kept = _UPDATABLE | _SEPARATE | {"GlobalSecondaryIndexes", "Tags", "Replicas"} | self.no_effect.keys()
        return bool(changed - kept)

    def table(self, resource: Resource) -> dict[str, Any]:
        """The properties as parameters of CreateTable, and those that are set apart from it."""
        properties = resource.properties_except("TableName", *self.no_effect)
        if "StreamSpecification" in properties:
            properties["StreamSpecification"] = {"StreamEnabled": True, **properties["StreamSpecification"]}
        if "SSESpecification" in properties:
            wanted = dict(properties["SSESpecification"])
            properties["SSESpecification"] = {"Enabled": wanted.pop("SSEEnabled"), **wanted}
        for index in properties.get("GlobalSecondaryIndexes", []):
            if "ContributorInsightsSpecification" in index:
                raise UnfitError(
                    "property GlobalSecondaryIndexes.ContributorInsightsSpecification is not honoured here"
                )
        return properties

    def _set_separate(self, name: str, new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
        lifetime, lived = (each.get("TimeToLiveSpecification") for each in (new, old))
        if lifetime != lived:
            wanted = lifetime or {**(lived or {}), "Enabled": False}
            call("dynamodb", "update_time_to_live", TableName=name, TimeToLiveSpecification=wanted)
        recovery, recovered = (each.get("PointInTimeRecoverySpecification") for each in (new, old))
        if recovery != recovered:
            wanted = recovery or {"PointInTimeRecoveryEnabled": False}
            call(
                "dynamodb",
                "update_continuous_backups",
                TableName=name,
                PointInTimeRecoverySpecification=wanted,
            )


class GlobalTable(Table):
    """One table, since there is one region here."""

    type = "AWS::DynamoDB::GlobalTable"
    how = How.EXECUTED
    why = "a table of this region; " + Table.why

    def table(self, resource: Resource) -> dict[str, Any]:
        properties = super().table(resource)
        replicas = properties.pop("Replicas")
        here = cloud.current().region
        if [replica["Region"] for replica in replicas] != [here]:
            raise UnfitError(f"property Replicas names other regions than {here}")
        own = dict(replicas[0])
        del own["Region"]
        for index in own.pop("GlobalSecondaryIndexes", []):
            if index.keys() - {"IndexName", "ContributorInsightsSpecification"}:
                raise UnfitError(f"index {index['IndexName']} of the replica has settings of its own")
        for name in self.no_effect:
            own.pop(name, None)
        taken = {"DeletionProtectionEnabled", "PointInTimeRecoverySpecification", "TableClass", "Tags"}
        if unknown := own.keys() - taken:
            raise UnfitError(f"property Replicas.{min(unknown)} is not honoured here")
        return {**properties, **own}


def _index_updates(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One at a time, as DynamoDB wants them; an index that changed is made anew."""
    before, after = (
        {index["IndexName"]: index for index in table.get("GlobalSecondaryIndexes", [])}
        for table in (old, new)
    )
    gone = [name for name, index in before.items() if after.get(name) != index]
    fresh = [index for name, index in after.items() if before.get(name) != index]
    return [{"Delete": {"IndexName": name}} for name in gone] + [{"Create": index} for index in fresh]
