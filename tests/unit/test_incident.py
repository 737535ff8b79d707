"""One cause's incidents over a sequence of events; moments are seconds after noon."""

from datetime import UTC, datetime, timedelta

from tidegate.incidents.incident import Incident, Occurrence, happened

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOLD = 600


def at(seconds):
    return (NOON + timedelta(seconds=seconds)).isoformat()


def seen(seconds, change="opens", event=None, **more):
    known = {"kind": "alarm", "cause": "alarm/drift", "what": "drift rings"}
    return Occurrence(event=event or f"{change}-{seconds}", at=at(seconds), change=change, **(known | more))


def after(*events, current=None):
    """The newest incident, and those that were replaced."""
    past = []
    for event in events:
        current, replaced = happened(current, event, HOLD)
        past += [replaced] if replaced else []
    return current, past


def test_what_opens_is_told_once_while_it_is_open():
    found, past = after(seen(0), seen(60), seen(120))
    assert (found.state, found.count, found.untold, past) == ("open", 3, ("opened",), [])
    assert (found.opened, found.last_seen) == (at(0), at(120))


def test_the_same_event_again_changes_nothing():
    first, _ = after(seen(0, event="e"))
    again, _ = happened(first, seen(0, event="e"), HOLD)
    assert again is first


def test_a_hundred_deliveries_of_one_alarm_are_one_incident_seen_once():
    found, past = after(*[seen(0, event="e")] * 100)
    assert (found.count, found.untold, past) == (1, ("opened",), [])


def test_a_recovery_ends_it_and_is_told():
    found, _ = after(seen(0), seen(60, "recovers"))
    assert (found.state, found.recovered, found.untold) == ("recovered", at(60), ("opened", "recovered"))


def test_a_recovery_of_nothing_is_nothing():
    assert after(seen(0, "recovers")) == (None, [])


def test_a_recovery_older_than_what_opened_it_comes_too_late():
    found, _ = after(seen(100), seen(50, "recovers"))
    assert found.state == "open"


def test_one_that_comes_again_within_the_hold_time_is_the_same_incident():
    found, past = after(seen(0), seen(60, "recovers"), seen(60 + HOLD))
    assert (found.state, found.flaps, found.recovered, past) == ("open", 1, None, [])
    assert found.untold[-1] == "reopened"


def test_one_that_comes_again_later_is_another_and_the_first_is_kept():
    first, _ = after(seen(0), seen(60, "recovers"))
    found, [past] = after(seen(61 + HOLD), current=first)
    assert past is first
    assert found.id != first.id and found.untold == ("opened",)


def test_an_alarm_that_is_delivered_after_its_own_recovery_does_not_open_again():
    found, _ = after(seen(0), seen(60, "recovers"), seen(30))
    assert (found.state, found.count) == ("recovered", 2)


def test_evidence_and_columns_gather_without_repeating_and_only_the_newest_stay():
    events = [seen(i, evidence=(f"fact {i // 2}",), columns=("temp",)) for i in range(40)]
    found, _ = after(*events)
    assert found.evidence == tuple(f"fact {i}" for i in range(10, 20))
    assert found.columns == ("temp",)


def run(seconds, change, **more):
    return seen(seconds, change, kind="retraining", cause="retraining/drift-1", **more)


def test_a_run_that_waited_untold_is_told_when_it_starts():
    found, _ = after(run(0, "opens", tell=False, action="waits"))
    assert found.untold == ()
    found, _ = after(run(60, "opens", action="run x"), current=found)
    assert (found.untold, found.action, found.count) == (("opened",), "run x", 2)


def test_what_was_over_before_anybody_heard_of_it_is_recorded_and_told_as_over():
    found, _ = after(run(0, "ends", outcome="rejected"))
    assert (found.state, found.outcome, found.untold) == ("recovered", "rejected", ("recovered",))


def test_a_registration_without_a_decision_is_recorded_and_only_its_end_is_told():
    found, _ = after(run(0, "adds", outcome="registered"))
    assert (found.state, found.untold) == ("open", ())
    found, _ = after(run(60, "ends", outcome="promoted"), current=found)
    assert (found.state, found.outcome, found.untold) == ("recovered", "promoted", ("recovered",))


def test_a_run_whose_end_is_heard_of_before_its_decision_stays_over():
    found, _ = after(run(5, "ends", outcome="skipped"), run(6, "opens", evidence=("drift",)))
    assert (found.state, found.outcome, found.evidence) == ("recovered", "skipped", ("drift",))
    assert found.untold == ("recovered",)


def test_a_run_ends_though_its_decision_is_dated_later():
    found, _ = after(run(6, "opens"), run(5, "ends", outcome="skipped"))
    assert found.state == "recovered"


def test_an_outcome_that_comes_after_the_end_is_added():
    found, _ = after(run(0, "opens"), run(60, "ends", outcome="rejected"), run(90, "ends", outcome="late"))
    assert (found.state, found.recovered, found.outcome) == ("recovered", at(60), "late")
    assert found.untold == ("opened", "recovered")


def test_an_incident_survives_the_way_through_json():
    found, _ = after(seen(0, columns=("temp",)), seen(60, "recovers"))
    assert Incident.from_json(found.to_json()) == found
