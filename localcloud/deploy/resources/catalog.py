"""Glue's data catalog: databases and tables."""

from typing import Any

from localcloud.deploy.api_handler import ApiHandler
from localcloud.deploy.fit import UnfitError
from localcloud.deploy.resource import How, Made, Resource


class Database(ApiHandler):
    type = "AWS::Glue::Database"
    how = How.EMULATED
    why = "kept and answered; catalog permissions are not checked"
    service = "glue"
    creates = "create_database"
    updates = "update_database"
    rewrites = True
    deletes = "delete_database"
    exclusive = True

    def request(self, resource: Resource) -> dict[str, Any]:
        given = {"Name": self._name(resource), **resource.properties["DatabaseInput"]}
        return {**resource.properties_except("DatabaseName"), "DatabaseInput": given}

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        return Made(self._name(resource))

    def key(self, resource: Resource) -> dict[str, Any]:
        return {"Name": resource.id}

    def must_replace(self, changed: set[str], resource: Resource) -> bool:
        return "CatalogId" in changed or self._name(resource) != resource.id

    def _name(self, resource: Resource) -> str:
        properties = resource.properties
        given = properties.get("DatabaseName") or properties["DatabaseInput"].get("Name")
        return str(given or resource.generated(255, lower=True))


class Table(ApiHandler):
    type = "AWS::Glue::Table"
    how = How.EMULATED
    why = "kept with its versions; a commit on a stale version is refused, as Iceberg needs"
    service = "glue"
    creates = "create_table"
    updates = "update_table"
    rewrites = True
    deletes = "delete_table"
    replaced_by = frozenset({"CatalogId", "DatabaseName", "OpenTableFormatInput"})
    exclusive = True

    def create(self, resource: Resource) -> Made:
        if "OpenTableFormatInput" in resource.properties:
            raise UnfitError(
                "property OpenTableFormatInput is not honoured here: no Iceberg metadata is written"
            )
        return super().create(resource)

    def request(self, resource: Resource) -> dict[str, Any]:
        given = {"Name": resource.generated(255, lower=True), **resource.properties["TableInput"]}
        return {**resource.properties_except("Name"), "TableInput": given}

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        return Made(str(self.request(resource)["TableInput"]["Name"]))

    def key(self, resource: Resource) -> dict[str, Any]:
        return {"DatabaseName": resource.properties["DatabaseName"]}

    def doomed(self, resource: Resource) -> dict[str, Any]:
        return {**self.key(resource), "Name": resource.id}

    def must_replace(self, changed: set[str], resource: Resource) -> bool:
        renamed = self.request(resource)["TableInput"]["Name"] != resource.id
        return renamed or super().must_replace(changed, resource)
