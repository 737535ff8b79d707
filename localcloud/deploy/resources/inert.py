"""Types that are accepted whole and have no effect on this machine."""

from localcloud.deploy.resource import Handler, How, Made, Resource


class Inert(Handler):
    """Accepted whole, without effect."""

    def create(self, resource: Resource) -> Made:
        return Made(resource.generated(128))

    def update(self, resource: Resource, before: Resource) -> Made:
        return resource.made

    def delete(self, resource: Resource) -> None:
        """There is nothing to delete."""


class Budget(Inert):
    type = "AWS::Budgets::Budget"
    how = How.INERT
    why = "nothing costs money here"


class Metadata(Inert):
    type = "AWS::CDK::Metadata"
    how = How.INERT
    why = "tells the CDK's authors which constructs are used; nobody asks here"
