"""The page of a rollout in a real browser: nothing is asked for, it fits a phone, it can be read."""

from datetime import UTC, datetime, timedelta

import headless_browser
import pytest

from tidegate.messages.deployment import (
    GuardrailEvidence,
    MirrorReport,
    OutcomeEvidence,
    RolloutJudgement,
    RolloutPlan,
    RolloutStep,
    SplitEvidence,
)
from tidegate.report.rollout_page import page
from tidegate.rollout.guardrails import GUARDRAILS
from tidegate.rollout.history import Judged, Rollout

pytestmark = pytest.mark.skipif(
    headless_browser.BROWSER is None, reason="skipped: no chromium or google-chrome on the PATH"
)
PHONE, DESK = (390, 844), (1280, 900)
BEGAN = datetime(2026, 11, 2, tzinfo=UTC)
HOSTILE = (
    "\"><img src=http://127.0.0.1:9/x onerror=\"document.title='run'\"><script>document.title='run'</script>"
)
PLAN = RolloutPlan(
    model_package_arn=HOSTILE,
    model_version=7,
    model_name=HOSTILE,
    config_name="c",
    final_config_name="c",
    candidate_variant=HOSTILE,
    champion_variant="variant-a",
    champion_model_name=None,
    champion_config_name=None,
    manifest_sha256="",
    started=BEGAN.isoformat(),
    steps=tuple(RolloutStep(weight=w, bake_seconds=60, minimum_requests=1000) for w in (0.05, 0.5, 1.0)),
    champion_version=6,
)
MIRROR = MirrorReport(
    requests=20,
    rows=48,
    failed=0,
    invalid=0,
    slow=1,
    flipped=12,
    median_difference=0.004,
    p99_difference=0.09,
    largest_difference=0.2,
    median_ms=3.1,
    p99_ms=9.7,
    evidence=0.4,
    needed=1000.0,
)


def judged(look):
    """The 30 first looks are at the first step; evidence doubles with each of the others."""
    step, evidence = (0, 0.5) if look < 30 else (1, 1.5 ** (look - 30))
    bounds = {"margin": 0.01, "lower": -1 / (look + 1), "upper": 1 / (look + 1)}
    kinds = (
        GuardrailEvidence(name=k, candidate=look, champion=3, evidence=evidence, limit=0.05)
        for k in GUARDRAILS
    )
    judgement = RolloutJudgement(
        decision="wait",
        reason=HOSTILE,
        candidate_requests=20 * look,
        candidate_errors=look,
        champion_requests=400 * look,
        champion_errors=3,
        evidence=evidence,
        totals=(),
        needed=200.0,
        guardrails=tuple(kinds),
        outcomes=OutcomeEvidence(
            champion=500, candidate=400, champion_loss=0.2, candidate_loss=0.21, **bounds
        ),
        split=SplitEvidence(candidate=20, champion=400, evidence=2000.0, needed=1000.0),
    )
    return Judged(step=step, at=BEGAN + timedelta(minutes=look), judgement=judgement)


ROLLOUT = Rollout(
    arn="arn:e",
    status="FAILED",
    state="DeploymentFailed",
    plan=PLAN,
    step=1,
    steps_began=(BEGAN, BEGAN + timedelta(minutes=30)),
    golden_rows=64,
    mirror=MIRROR,
    judgements=tuple(judged(look) for look in range(1, 50)),
    stopped=BEGAN + timedelta(minutes=50),
    began=BEGAN,
    error="CandidateUnfit",
    cause=f"first line\n{HOSTILE}",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with headless_browser.running(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page(ROLLOUT, now=BEGAN), encoding="utf-8")
    return path.as_uri()


def opened(browser, url, size=DESK):
    tab = browser.new_page()
    tab.size(*size, phone=size is PHONE)
    tab.open(url)
    return tab


def test_the_page_asks_for_nothing_and_nothing_of_a_model_runs(browser, file):
    tab = opened(browser, file)
    assert tab.evaluate("document.title") == "Version 7 was rolled back"
    assert tab.evaluate("document.scripts.length") == 0
    assert tab.evaluate("[...document.querySelectorAll('img,iframe,object,embed,form,base')].length") == 0
    assert [entry["entry"]["text"] for entry in tab.told("Log.entryAdded")] == []
    asked = [event["request"]["url"] for event in tab.told("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("data:")] == [file]


@pytest.mark.parametrize("size", [PHONE, DESK, (320, 568)])
def test_the_page_never_scrolls_sideways_and_every_chart_is_seen(browser, file, size):
    tab = opened(browser, file, size)
    assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
    sizes = tab.evaluate(
        "[...document.querySelectorAll('main svg')].map(e => e.getBoundingClientRect())"
        ".map(r => [r.width, r.height])"
    )
    assert len(sizes) == 2 + 2 * 6  # shares and bounds; all kinds and each of five, in two steps
    assert all(wide >= 150 and high >= 25 for wide, high in sizes)
    drawn = tab.evaluate("[...document.querySelectorAll('main svg *')].map(e => e.outerHTML).join()")
    assert "NaN" not in drawn and "undefined" not in drawn


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_the_words_of_charts_have_contrast_in_both_schemes(browser, file, scheme):
    tab = opened(browser, file)
    tab.scheme(scheme)
    pairs = tab.colours("body,h1,h2,h3,th,td,.tag,small,a,.note,dt,svg text")
    assert min(headless_browser.contrast(*pair) for pair in pairs) >= 4.5  # WCAG 2.2 AA of small text


def test_the_stairs_of_the_shares_end_where_the_traffic_was_returned(browser, file):
    tab = opened(browser, file)
    box = "document.querySelector('#steps svg.w path.b').getBBox()"
    dots = "[...document.querySelectorAll('#steps svg.w circle')].map(c => +c.getAttribute('cx'))"
    assert tab.evaluate(f"{box}.width") > 400  # of 480, beside the scale
    assert len(tab.evaluate(dots)) == 49
    right = tab.evaluate(f"{box}.x + {box}.width")
    assert max(tab.evaluate(dots)) < right
