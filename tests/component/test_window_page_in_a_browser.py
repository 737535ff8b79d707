"""The page of a monitoring window in a real browser: it asks for nothing, fits a phone, reads in the dark."""

import headless_browser
import pyarrow as pa
import pytest
from test_report_in_a_browser import DESK, HOSTILE, PHONE, opened

from tidegate.monitoring.page import Alarm, AlarmChange, Documents, Earlier, Window, render
from tidegate.profile import profile_batches

pytestmark = pytest.mark.skipif(
    headless_browser.BROWSER is None, reason="skipped: no chromium or google-chrome on the PATH"
)
RUN = "20260301100000-abcd"
WIDE = 200


def realised(status="kept"):
    return {"rows": 400, "status": status, "value": 0.7, "low": 0.65, "high": 0.75}


def documents():
    """Two hundred columns, hostile texts in every place that takes text, sixty windows."""
    texts = [text.replace("{address}", "https://example.invalid") for text in HOSTILE]
    names = [*texts, *(f"plain_{n:03d}" for n in range(WIDE - len(texts)))]
    columns = {name: [float((i * 7 + n) % 50) for i in range(100)] for n, name in enumerate(names)}
    profile = profile_batches(pa.table(columns).to_batches())
    drift = [
        {"column": name, "status": "alarm" if n < 5 else "stable", "psi": n / 100, "effect": n / 200}
        | {"adjusted_p": 0.01, "ks": 0.1, "unseen_share": None}
        for n, name in enumerate(names)
    ]
    windows = [
        {"run": f"202602{1 + n // 24:02d}{n % 24:02d}0000-aaaa", "predictions": 600, "labelled": 400}
        | {"coverage": 0.66, "lag_median_seconds": 60.0, "lag_95_seconds": None, "realised": realised()}
        for n in range(60)
    ]
    labels = {"predictions": 600, "labelled": 400, "coverage": 0.66, "contradicted": 1, "early": 0}
    quality = {
        "metric": texts[0],
        "promised": {"value": 0.71, "low": 0.66, "high": 0.75},
        "margin": 0.02,
        "realised": realised("breach"),
        "windows": windows,
        "slices": [{"column": text, "value": text, "realised": realised()} for text in texts],
        "models": [{"model": text, "realised": realised()} for text in texts[:2]],
        "labels": labels,
        "estimate": {"status": "kept", "reason": texts[1], "value": 0.69, "low": 0.6, "high": 0.7},
    }
    wrong = [{"feature": text, "differing": 1, "rate": 0.1, "causes": {text: 1}} for text in texts]
    broken = [{"feature_name": text, "constraint_check_type": text, "description": text} for text in texts]
    return Documents(
        window=Window(
            run=RUN,
            pipeline=texts[2],
            start="2026-03-01T09:00:00+00:00",
            end="2026-03-01T10:00:00+00:00",
            records=600,
            ready=True,
            reason=texts[3],
            model_run=texts[1],
            model_version=3,
        ),
        measurement={
            "metrics": [{"MetricName": "DriftScoreMax", "Value": 0.4}],
            "summary": {"drifted": drift[:5], "prediction": None},
            "columns": drift,
            "out_of_contract": dict.fromkeys(texts, 1),
        },
        quality=quality,
        skew={"rows": 10, "features": wrong},
        operations={"variants": {text: {"p99_ms": 1.5, text: text} for text in texts}},
        decision={"action": texts[0], "reason": texts[4], "evidence": [{text: text} for text in texts]},
        violations={"violations": broken},
        requests=profile,
        baseline=profile,
        earlier=tuple(
            Earlier(
                run=each["run"],
                worst_psi=0.1,
                prediction_psi=None,
                drifted=False,
                prediction_drifted=False,
                estimate=0.7,
            )
            for each in windows[:30]
        ),
        alarms=tuple(Alarm(name=t, state="ALARM", since="", reason=t, description=t) for t in texts),
        changes=tuple(AlarmChange(name=t, at="", summary=t) for t in texts),
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("window") / "report.html"
    path.write_text(render(documents()), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with headless_browser.running(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


def test_the_page_asks_for_nothing_and_nothing_of_a_document_runs(browser, file):
    page = opened(browser, file)
    assert page.evaluate("document.title").endswith(": needs a look")
    assert page.evaluate("document.scripts.length") == 1
    assert page.evaluate("[...document.querySelectorAll('img,iframe,object,embed,form,base')].length") == 0
    assert page.told("Page.javascriptDialogOpening") == []
    assert page.told("Runtime.exceptionThrown") == []
    assert [entry["entry"]["text"] for entry in page.told("Log.entryAdded")] == []
    asked = [event["request"]["url"] for event in page.told("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("data:")] == [file]
    assert page.evaluate("document.querySelectorAll('#features tbody tr').length") == WIDE


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_the_page_never_scrolls_sideways(browser, file, size):
    page = opened(browser, file, size)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    # the course of quality is drawn at a width that can be read, and scrolls inside its box on a phone
    assert page.evaluate("document.querySelector('#quality svg.t').getBoundingClientRect().width") >= 600


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_both_schemes(browser, file, scheme):
    page = opened(browser, file)
    page.scheme(scheme)
    colours = page.evaluate(
        "[...document.querySelectorAll('body,h1,h2,th,td,.tag,small,a,.note,dt,svg text')].map(e => {"
        "const ground = n => getComputedStyle(n).backgroundColor; let back = e;"
        "while (ground(back) === 'rgba(0, 0, 0, 0)') back = back.parentNode;"
        "return [e.tagName === 'text' ? getComputedStyle(e).fill : getComputedStyle(e).color, ground(back)]})"
    )
    assert min(headless_browser.contrast(*pair) for pair in colours) >= 4.5


def test_a_column_is_found_by_the_filter(browser, file):
    page = opened(browser, file)
    page.evaluate(
        "{const box = document.querySelector('#features input'); box.value = 'PLAIN_007';"
        "box.dispatchEvent(new Event('input'))}"
    )
    shown = page.evaluate(
        "[...document.querySelectorAll('#features tbody tr')].filter(r => !r.hidden).length"
    )
    assert shown == 1
