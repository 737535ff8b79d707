"""What goes out at once, what is held, and what becomes one message."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tidegate.incidents.incident import Incident
from tidegate.incidents.post import Clerk, Post, due, handed_in, mine
from tidegate.incidents.sections import IncidentsSection

RULES = IncidentsSection(quiet_hours="22:00-07:00", hold_seconds=600, storm=3)


def moment(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOON = moment("2026-01-01T12:00")


def clerk(now=NOON, owner="me", rules=RULES):
    return Clerk(prefix="p", rules=rules, owner=owner, now=now)


def incident(number=0, *news, kind="alarm", urgent=False, outcome=""):
    return Incident(
        id=f"id{number:06}",
        kind=kind,
        cause=f"{kind}/{number}",
        state="recovered" if news and news[-1] == "recovered" else "open",
        what=f"number {number} rings",
        opened="2026-01-01T12:00:00+00:00",
        last_seen="2026-01-01T12:00:00+00:00",
        urgent=urgent,
        outcome=outcome,
        untold=news or ("opened",),
    )


def subjects(post):
    return [posted.letter.subject for posted in post.outbox]


def test_one_incident_is_one_letter():
    assert subjects(handed_in(Post(), incident(), clerk())) == ["p: number 0 rings"]


def test_the_same_news_from_two_that_handle_it_at_once_is_one_letter():
    post = handed_in(Post(), incident(), clerk(owner="one"))
    assert handed_in(post, incident(), clerk(owner="two")) == post


def test_a_recovery_is_told_when_it_has_held():
    post = handed_in(Post(), incident(0, "recovered"), clerk())
    assert subjects(post) == []
    assert due(post, clerk(NOON + 599)) == post
    assert subjects(due(post, clerk(NOON + 600))) == ["p: recovered: number 0 rings"]


def test_a_flapping_alarm_is_one_letter_and_one_recovery():
    """Opens, and then ten times recovers and opens within the hold time."""
    post, found = Post(), incident()
    for second in range(0, 200, 20):
        post = handed_in(post, found, clerk(NOON + second))
        found = replace(found, untold=("recovered",), spoken=found.spoken + 1)
        post = handed_in(post, found, clerk(NOON + second + 10))
        found = replace(found, untold=("reopened",), spoken=found.spoken + 1)
    assert subjects(post) == ["p: number 0 rings"]
    assert subjects(due(post, clerk(NOON + 1000)))[1:] == ["p: recovered: number 0 rings"]


def test_one_that_opens_again_after_its_recovery_was_told_is_told_again():
    post = due(handed_in(Post(), incident(0, "recovered"), clerk()), clerk(NOON + 600))
    again = replace(incident(0, "reopened"), spoken=1)
    assert subjects(handed_in(post, again, clerk(NOON + 600)))[-1] == "p: again: number 0 rings"


@pytest.mark.parametrize(
    ("time", "quiet"),
    [
        ("2026-01-01T21:59", False),
        ("2026-01-01T22:00", True),
        ("2026-01-02T00:00", True),
        ("2026-01-02T06:59", True),
        ("2026-01-02T07:00", False),
    ],
)
def test_quiet_hours_reach_over_midnight(time, quiet):
    assert clerk(moment(time)).is_quiet is quiet


def test_quiet_hours_within_a_day_and_none_at_all():
    by_day = IncidentsSection(quiet_hours="09:00-10:30")
    assert clerk(moment("2026-01-01T10:29"), rules=by_day).is_quiet
    assert not clerk(moment("2026-01-01T10:30"), rules=by_day).is_quiet
    assert not clerk(rules=IncidentsSection()).is_quiet


def test_the_night_ends_with_one_digest_and_urgent_ones_pass():
    night, morning = moment("2026-01-01T23:00"), moment("2026-01-02T07:00")
    post = Post()
    for number in range(3):
        post = handed_in(post, incident(number, urgent=number == 1), clerk(night))
    assert subjects(post) == ["p: number 1 rings"]
    assert due(post, clerk(morning - 1)) == post
    after = due(post, clerk(morning))
    assert subjects(after)[1:] == ["p: 2 incidents were held back"]
    assert "id000000" in after.outbox[1].letter.body and "id000002" in after.outbox[1].letter.body
    assert due(after, clerk(morning)) == after


def test_one_that_came_and_went_in_the_night_is_one_line():
    night, morning = moment("2026-01-01T23:00"), moment("2026-01-02T07:00")
    post = handed_in(Post(), incident(0, "opened", "recovered"), clerk(night))
    assert subjects(due(post, clerk(morning))) == ["p: recovered: number 0 rings"]


def storm(count, *, seconds=1, urgent=()):
    post = Post()
    for number in range(count):
        post = handed_in(post, incident(number, urgent=number in urgent), clerk(NOON + number * seconds))
    return post


def test_more_than_the_limit_within_a_minute_is_a_storm_told_once():
    post = storm(20)
    told = [f"p: number {number} rings" for number in range(3)]
    assert subjects(post) == [*told, "p: a storm: 4 incidents within a minute"]
    over = due(post, clerk(NOON + 19 + 60))
    assert subjects(over)[-1] == "p: 16 incidents were held back"  # 20, less 3 and the one in the storm's
    assert due(post, clerk(NOON + 19 + 59)) == post


def test_as_many_over_a_longer_time_are_no_storm():
    assert len(subjects(storm(20, seconds=21))) == 20


def test_an_urgent_one_passes_through_a_storm_that_nobody_called_urgent():
    assert subjects(storm(20, urgent=(10, 11)))[4:] == ["p: number 10 rings"]


def test_a_clock_set_back_holds_nothing_for_longer_than_the_hold_time():
    post = handed_in(Post(), incident(0, "recovered"), clerk(NOON + 86400))
    assert subjects(due(post, clerk(NOON))) == ["p: recovered: number 0 rings"]


def test_a_clock_set_back_in_a_storm_ends_it():
    post = storm(20)
    assert subjects(due(post, clerk(NOON - 3600)))[-1] == "p: 16 incidents were held back"


def test_a_letter_is_its_owners_until_it_is_abandoned():
    post = handed_in(Post(), incident(), clerk(owner="one"))
    assert len(list(mine(post, clerk(owner="one")))) == 1
    assert list(mine(post, clerk(NOON + 299, owner="two"))) == []
    assert len(list(mine(post, clerk(NOON + 300, owner="two")))) == 1


def test_an_outcome_of_retraining_is_told_without_a_hold():
    ended = incident(0, "recovered", kind="retraining", outcome="promoted: p/3 serves as variant-b")
    assert subjects(handed_in(Post(), ended, clerk())) == ["p: promoted: p/3 serves as variant-b"]


def test_the_post_survives_the_way_through_json():
    post = storm(20)
    assert Post.from_json(post.to_json()) == post
