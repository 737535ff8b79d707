"""The page of a drop in a real browser: nothing of a drop runs, nothing is asked for, it fits a phone."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import headless_browser
import pyarrow as pa
import pytest

from tidegate.contract.plan import Column, ContractPlan, Rule
from tidegate.ingestion.figures import Figure, PastDrop
from tidegate.ingestion.rule_results import RuleResult
from tidegate.ingestion.verdict import Judgement
from tidegate.messages.ingestion import Drop, ObjectVersion, Reason, Verdict
from tidegate.profile import profile_batches
from tidegate.report.drop import render
from tidegate.statistics.drift import ColumnDrift, ReferenceDrift

pytestmark = pytest.mark.skipif(
    headless_browser.BROWSER is None, reason="skipped: no chromium or google-chrome on the PATH"
)

HOSTILE = (
    "<script>document.title='run'</script>",
    "\"><img src='{address}/image' onerror=\"document.title='run'\">",
    "'><svg onload=alert(1)><a href=javascript:alert(1)>",
    "</script></style></title><link rel=stylesheet href={address}/style>",
    "=cmd|' /C calc'!A0",
    "\u202egnp.egami\u202c",
    "supercalifragilistic" * 40,
    "👩‍🚀🌊 naïve",
    "{{7*7}}${{7*7}}`ls`",
    "+1+1",
)
PHONE, DESK = (390, 844), (1280, 900)
NAMES = [f"plain_{index:02d}" for index in range(12)]


def hostile_page(address):
    """A page with hostile text in every place that takes text of a drop."""
    texts = [text.replace("{address}", address) for text in HOSTILE]
    names = [*texts, *NAMES]
    columns = dict.fromkeys(texts, texts * 12) | {
        name: [float((i * 7 + at) % 50) for i in range(120)] for at, name in enumerate(NAMES)
    }
    profile = profile_batches(pa.table(columns).to_batches())
    plan = ContractPlan(
        id=texts[0],
        version=texts[1],
        dataset=texts[2],
        hash=texts[3],
        columns=tuple(Column(name=name, type="string") for name in names),
        rules=tuple(
            Rule(kind="pattern", columns=(name,), pattern=texts[index % len(texts)])
            for index, name in enumerate(names)
        ),
    )
    figures = {(name, "mean"): Figure(value=1.0, tested=1.0, scale=1.0) for name in names}
    rules = tuple(
        RuleResult(
            rule=rule,
            measured=index,
            holds=False,
            failed_rows=index,
            first_rows=tuple(range(1, len(texts) + 1)),
            first_values=tuple(texts),
        )
        for index, rule in enumerate(plan.rules)
    )
    drifts = ReferenceDrift(
        against=texts[1],
        reference=profile,
        columns=tuple(
            ColumnDrift(column=name, status="warning", effect=index / 10, ks=0.1, wasserstein=0.2)
            for index, name in enumerate(names)
        ),
    )
    verdict = Verdict(
        status="quarantine",
        rows=120,
        reasons=tuple(Reason(rule="x", column=t, severity="error", message=f"`{t}` {t}") for t in texts),
        profile_key="",
        report_key="",
        checks=len(rules),
        checks_failed=len(rules),
    )
    judgement = Judgement(verdict=verdict, rules=rules, anomalies=(), drifts=(drifts,), figures=figures)
    drop = Drop(
        bucket=texts[0],
        key=texts[1],
        version_id=texts[2],
        etag="",
        size_bytes=1,
        drop_id=texts[3],
        dataset=texts[6],
    )
    past = [PastDrop(drop_id=texts[0], arrived_at="", figures=figures)] * 6
    parts = [
        (ObjectVersion(bucket="b", key=text, version_id="", etag="", size_bytes=1), 12) for text in texts
    ]
    return render(judgement, profile, drop=drop, plan=plan, history=past, parts=parts)


@pytest.fixture(scope="module")
def served():
    """(address, paths asked for, the page's HTML): a server of that page that writes down every request."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = page.encode() if self.path == "/page" else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{server.server_port}"
    page = hostile_page(address)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield address, asked, page
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with headless_browser.running(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture(scope="module")
def file(served, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(served[2], encoding="utf-8")
    return path.as_uri()


def opened(browser, url, size=DESK):
    page = browser.new_page()
    page.size(*size, phone=size is PHONE)
    page.open(url)
    return page


def test_the_page_asks_for_nothing_and_nothing_of_a_drop_runs(browser, served):
    address, asked, _ = served
    page = opened(browser, f"{address}/page")
    assert page.evaluate("document.title").endswith(": quarantined")
    assert page.evaluate("document.scripts.length") == 1
    assert page.evaluate("[...document.querySelectorAll('img,iframe,object,embed,form,base')].length") == 0
    assert page.evaluate("[...document.querySelectorAll('*')].filter(e => e.onload || e.onerror).length") == 0
    assert page.told("Page.javascriptDialogOpening") == []
    assert page.told("Runtime.exceptionThrown") == []
    assert [entry["entry"]["text"] for entry in page.told("Log.entryAdded")] == []
    requests = [event["request"]["url"] for event in page.told("Network.requestWillBeSent")]
    assert [url for url in requests if not url.startswith("data:")] == [f"{address}/page"]
    assert asked == ["/page"]


def test_the_policy_stops_what_would_slip_through(browser, served, tmp_path):
    address, asked, html = served
    before = len(asked)
    slipped = f"<img src={address}/slip><script>document.title='run'</script><p style='color:red' onclick=1>x"
    broken = tmp_path / "slipped.html"
    broken.write_text(html.replace("<main>", f"<main>{slipped}", 1), encoding="utf-8")
    page = opened(browser, broken.as_uri())
    assert page.evaluate("document.title").endswith(": quarantined")
    assert len(asked) == before
    assert len(page.told("Log.entryAdded")) >= 2  # the browser names what it refused


@pytest.mark.parametrize("size", [PHONE, DESK, (320, 568)])
def test_the_page_never_scrolls_sideways(browser, file, size):
    page = opened(browser, file, size)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    wide = "[...document.querySelectorAll('.box')].filter(b => b.scrollWidth > b.clientWidth).length"
    if size is not DESK:
        assert page.evaluate(wide) >= 3  # the tables do, inside their boxes


@pytest.mark.parametrize("scheme, expected", [("light", "dark on light"), ("dark", "light on dark")])
def test_text_has_contrast_in_both_schemes(browser, file, scheme, expected):
    page = opened(browser, file)
    page.scheme(scheme)
    colours = page.colours("body,h1,h2,th,td,.tag,small,a,.note,dt")
    ratios = [headless_browser.contrast(*pair) for pair in colours]
    assert min(ratios) >= 4.5  # WCAG 2.2 AA of small text
    ink, ground = map(headless_browser.luminance, colours[0])
    assert ("dark on light" if ink < ground else "light on dark") == expected


COLUMN = "[...document.querySelectorAll('#{section} tbody tr:not(details *)')].filter(r => !r.hidden)"


def cells(page, section, index):
    rows = COLUMN.replace("{section}", section)
    return page.evaluate(f"{rows}.map(r => r.cells[{index}] ? r.cells[{index}].textContent : '')")


def test_a_header_sorts_up_and_then_down_with_numbers_as_numbers(browser, file):
    page = opened(browser, file)
    click = "document.querySelectorAll('#drift th button')[2].click()"
    page.evaluate(click)
    up = [float(text) for text in cells(page, "drift", 2)]
    assert up == sorted(up) and up[-1] == 2.1
    assert (
        page.evaluate("document.querySelectorAll('#drift thead th')[2].getAttribute('aria-sort')")
        == "ascending"
    )
    page.evaluate(click)
    assert [float(text) for text in cells(page, "drift", 2)] == up[::-1]


def test_cells_without_a_value_sort_last_both_ways(browser, file):
    page = opened(browser, file)
    for _ in range(2):
        page.evaluate("document.querySelectorAll('#columns th button')[12].click()")
        means = cells(page, "columns", 12)
        assert all(means[: len(NAMES)]) and not any(means[len(NAMES) :])


def test_thousands_and_percent_sort_by_their_size(browser, file):
    page = opened(browser, file)
    page.evaluate(
        "document.querySelectorAll('#rules tbody tr:not(details *)').forEach((r, i) => "
        "r.cells[3].textContent = ['1,200', '90%', '<1e-9', '~11', '-5'][i] || '')"
    )
    page.evaluate("document.querySelectorAll('#rules th button')[3].click()")
    assert cells(page, "rules", 3)[:6] == ["-5", "<1e-9", "~11", "90%", "1,200", ""]


def test_a_header_is_reached_and_pressed_by_the_keyboard(browser, file):
    page = opened(browser, file)
    page.evaluate("document.querySelector('#drift th button').focus()")
    page.press("Enter", "\r")
    plain = [name for name in cells(page, "drift", 0) if name in NAMES]
    assert plain == NAMES
    assert page.evaluate("document.querySelector('#drift thead th').getAttribute('aria-sort')") == "ascending"
    page.press("Enter", "\r")
    assert [name for name in cells(page, "drift", 0) if name in NAMES] == NAMES[::-1]


def test_the_filter_keeps_the_rows_that_hold_its_words(browser, file):
    page = opened(browser, file)
    page.evaluate(
        "{const box = document.querySelector('#columns input'); box.value = 'PLAIN_1';"
        "box.dispatchEvent(new Event('input'))}"
    )
    assert [name.removesuffix("double") for name in cells(page, "columns", 0)] == ["plain_10", "plain_11"]


def test_without_its_script_the_page_shows_everything(browser, file):
    page = browser.new_page()
    page.send("Emulation.setScriptExecutionDisabled", value=True)
    page.size(*PHONE, phone=True)
    page.open(file)
    document = page.send("DOM.getDocument", depth=-1)["root"]
    found = page.send("DOM.querySelectorAll", nodeId=document["nodeId"], selector="#columns tbody tr")
    assert len(found["nodeIds"]) == len(HOSTILE) + len(NAMES)
    buttons = page.send("DOM.querySelectorAll", nodeId=document["nodeId"], selector="button, input")
    assert buttons["nodeIds"] == []


def test_values_are_shown_as_they_are_written(browser, file):
    page = opened(browser, file)
    shown = page.evaluate("document.querySelector('#rules details').textContent")
    for text in (
        "=cmd|' /C calc'!A0",
        "<script>document.title='run'</script>",
        "\\u202egnp.egami\\u202c",
        "+1+1",
    ):
        assert text in shown


def test_paper_shows_whole_tables(browser, file):
    page = opened(browser, file)
    page.send("Emulation.setEmulatedMedia", media="print")
    heights = page.evaluate(
        "[...document.querySelectorAll('.box')].map(b => [b.scrollHeight, b.clientHeight])"
    )
    assert all(whole <= shown + 1 for whole, shown in heights)
