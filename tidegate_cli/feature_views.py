"""Every version of a view: what is computed of it, and who needs it."""

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tidegate_cli import feature_sets, model
from tidegate_cli.failure import CommandError
from tidegate_cli.place import Place

if TYPE_CHECKING:
    from tidegate.aws.state import ViewState
    from tidegate.feature_store.feature_plan import FeatureSetPlan, ViewPlan

MAY_SERVE = ("Approved", "PendingManualApproval")


@dataclass(frozen=True, kw_only=True)
class ViewVersion:
    """One line of the list. `plan` is None for rows whose definition nobody has kept."""

    version: str
    plan: "ViewPlan | None"
    state: "ViewState | None"  # None: never computed
    needed_by: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        plan = self.plan
        return {
            "version": self.version,
            "source": plan and plan.source.dataset,
            "window_seconds": plan and plan.window_seconds,
            "every_seconds": plan and plan.every_seconds,
            "ttl_seconds": plan and plan.ttl_seconds,
            "outputs": plan and list(plan.outputs),
            "state": self.state and asdict(self.state),
            "needed_by": list(self.needed_by),
        }


@dataclass(frozen=True)
class Need:
    """Somebody who needs a feature set; `plan` is None where it is not kept."""

    who: str
    hash: str
    plan: "FeatureSetPlan | None"


def listed(place: Place) -> list[ViewVersion]:
    """All versions that are computed or needed: what is needed first, in the order of the feature set."""
    plans: dict[str, ViewPlan] = {}
    needed: dict[str, list[str]] = defaultdict(list)
    for need in needs(place):
        for view in need.plan.views if need.plan else ():
            plans.setdefault(view.version, view)
            needed[view.version].append(need.who)
    states = computed(place)
    return [
        ViewVersion(
            version=version,
            plan=plans.get(version),
            state=states.get(version),
            needed_by=tuple(needed[version]),
        )
        for version in dict.fromkeys([*plans, *sorted(states)])
    ]


def needs(place: Place) -> list[Need]:
    """The deployed pipeline, the models in the endpoint's variants, and packages that may yet serve."""
    deployed = feature_sets.deployed(place)
    who = [("deployed", deployed.hash)]
    champion = model.champion(place)
    serving = {share.variant for share in model.traffic(place)}
    seen = set()
    for variant in sorted(serving):
        item = model.state(place, f"variant#{variant}")
        if item is None:
            continue
        role = "champion" if champion and champion.variant == variant else "candidate"
        seen.add(item["model_package_arn"])
        who.append((f"{role} {item['model_version']}", _hash(place, item)))
    for package in model.packages(place):
        arn, status = package["ModelPackageArn"], package.get("ModelApprovalStatus", "")
        if status in MAY_SERVE and arn not in seen:
            hash_ = feature_sets.hash_of_package(place, arn) or ""
            who.append((f"version {package['ModelPackageVersion']}", hash_))
    plans = {deployed.hash: deployed}
    return [Need(name, hash_, _kept(place, hash_, plans)) for name, hash_ in who]


def computed(place: Place) -> "dict[str, ViewState]":
    """What is computed of each version that ever was."""
    from tidegate.aws.state import State

    return State(place.client("dynamodb"), place.outputs["StateTable"]).views()


def _hash(place: Place, variant: dict[str, Any]) -> str:
    known = variant.get("feature_set_hash")
    return str(known or feature_sets.hash_of_package(place, variant["model_package_arn"]) or "")


def _kept(place: Place, hash_: str, plans: "dict[str, FeatureSetPlan]") -> "FeatureSetPlan | None":
    if hash_ and hash_ not in plans:
        try:
            plans[hash_] = feature_sets.kept(place, hash_)
        except CommandError:
            return None
    return plans.get(hash_)
