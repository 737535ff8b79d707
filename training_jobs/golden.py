"""Golden rows: instances with the candidate's answers, asked again before it gets any traffic."""

from typing import Any

from tidegate import looked_up
from tidegate.artefact import Artefact
from tidegate.looked_up import MISSING, VIEWS
from tidegate.prediction import of_instances
from training_jobs.rows import Rows

GOLDEN_ROWS = 20


def golden(model: Artefact, rows: Rows) -> list[dict[str, Any]]:
    """The instances with the model's answers."""
    found = instances(model, rows)
    answers = model.task.answers(of_instances(model, found).predictions)
    return [{"instance": instance, "answer": answer} for instance, answer in zip(found, answers, strict=True)]


def instances(model: Artefact, rows: Rows) -> list[dict[str, Any]]:
    """Spread over the test rows, and one of them without its aggregates."""
    plan = model.plan
    step = max(1, rows.table.num_rows // GOLDEN_ROWS)
    positions = list(range(0, rows.table.num_rows, step))[:GOLDEN_ROWS]
    picked = rows.table.select(list(model.types)).take(positions).to_pylist()
    found: list[dict[str, Any]] = [
        {
            **{name: _json(row[name]) for name in plan.request},
            VIEWS: looked_up.fresh(plan, row, int(rows.moments[position])),
        }
        for row, position in zip(picked, positions, strict=True)
    ]
    if found:
        found.append(found[0] | {VIEWS: {view.version: MISSING for view in plan.views}})
    return found


def _json(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
