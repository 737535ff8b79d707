"""The page of a drop, from its judgement."""

from collections.abc import Sequence

from tidegate.contract.plan import ContractPlan
from tidegate.ingestion.figures import PastDrop
from tidegate.ingestion.verdict import Judgement
from tidegate.messages.ingestion import Drop, ObjectVersion
from tidegate.profile import Profile
from tidegate.report.content import report_data
from tidegate.report.page import page


def render(
    judgement: Judgement,
    profile: Profile,
    *,
    drop: Drop,
    plan: ContractPlan,
    history: Sequence[PastDrop],
    parts: Sequence[tuple[ObjectVersion, int]] = (),
) -> str:
    """The page as one HTML document.

    Args:
        judgement: the verdict in full and all that led to it.
        profile: of the whole drop.
        drop: what arrived.
        plan: the contract it was judged by.
        history: accepted drops, newest first.
        parts: objects of a manifest and how many rows each gave, in the order of the rows.
    """
    return page(report_data(judgement, profile, drop=drop, plan=plan, past=history, parts=parts))
