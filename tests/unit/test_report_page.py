"""The page of a drop: what it says, that it is sound HTML, and that nothing of a drop escapes into it."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_drop import DROP, PAST, PLAN, PROFILE, judgement, rendered

from tidegate.contract.plan import Column, ContractPlan
from tidegate.messages.ingestion import Acceptance, ObjectVersion, Reason
from tidegate.profile import profile_batches
from tidegate.report.drop import render
from tidegate.statistics.drift import ReferenceDrift

VOID = {"meta", "link", "br", "input"}
ENDS_BY_ITSELF = {"tr", "td", "th", "thead", "tbody", "li"}  # HTML lets their end tags out
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'--><svg/onload=alert(1)>",
    "=cmd|' /C calc'!A0",
    "&lt;b&gt;",
    "\u202eright to left",
    "a\x00b\ud800c",
    "</title></style></details>",
    "x" * 5000,
]


class Outline(HTMLParser):
    """Text by element, all tags and attributes, and whether every element that must be closed was."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.attributes, self.faults, self.words = [], [], [], [], []
        self.feed(page)
        self.close()
        self.faults += [tag for tag in self.open if tag not in ENDS_BY_ITSELF]

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attributes]

    def handle_endtag(self, tag):
        while self.open and self.open[-1] != tag and self.open[-1] in ENDS_BY_ITSELF:
            self.open.pop()
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"/{tag}")

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.words.append(data)


def cells(page, section):
    """Texts of the cells of each row of a section's tables, without the tables of failing rows in them."""
    found = re.search(f"<section id={section}>.*?</section>", page, re.DOTALL)[0]
    found = re.sub("(?<=</summary>)<table>.*?</table>", "", found)
    rows = re.findall(r"<tr.*?(?=<tr|<tbody|</table)", found, re.DOTALL)
    split = [[cell.partition(">")[2] for cell in re.split("<t[hd]", row)[1:]] for row in rows]
    return [[" ".join(re.sub("<[^>]*>", " ", cell).split()) for cell in row] for row in split]


@pytest.fixture(scope="module")
def page():
    return rendered()


def test_the_page_is_sound_html(page):
    assert Outline(page).faults == []


def test_the_verdict_is_told_in_words_first(page):
    words = " ".join(" ".join(Outline(page).words).split())
    assert words.startswith("weather: quarantined weather: quarantined 4 rows, 1 of 3 rules kept, 2 reasons")


@pytest.mark.parametrize(
    "status, words",
    [
        ("accept", "weather: accepted"),
        ("warn", "weather: accepted with warnings"),
        ("quarantine", "weather: quarantined"),
    ],
)
def test_each_verdict_has_its_own_words(status, words):
    changed = judgement(verdict=replace(judgement().verdict, status=status))
    page = render(changed, PROFILE, drop=DROP, plan=PLAN, history=PAST)
    assert f"<h1>{words}</h1>" in page


def test_the_facts_of_the_drop_are_there_in_utc(page):
    facts = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    assert facts == {
        "Object": "s3://drops/drops/weather/day.csv",
        "Drop": "4f2a",
        "Arrived": "2026-11-27 02:18:11 UTC",
        "Size": "1.5 MB",
        "Rows": "4",
        "Object version": "v7",
        "Contract": "urn:tidegate:weather, version 2.1.0",
        "Contract hash": "0123abcd",
    }


def test_a_persons_word_is_told():
    said = replace(DROP, acceptance=Acceptance(reason="a storm", by="kim", at="2026-11-27T09:00:00Z"))
    page = render(judgement(), PROFILE, drop=said, plan=PLAN, history=PAST)
    assert "<p>Accepted by kim on 2026-11-27 09:00:00 UTC: a storm</p>" in page


def test_parts_of_a_manifest_show_which_rows_came_from_them():
    parts = [
        (ObjectVersion(bucket="b", key=key, version_id="", etag="", size_bytes=2048), rows)
        for key, rows in (("one.csv", 3), ("none.csv", 0), ("two.csv", 1200))
    ]
    page = render(judgement(), PROFILE, drop=DROP, plan=PLAN, history=PAST, parts=parts)
    assert cells(page, "objects")[1:] == [
        ["one.csv", "2 KB", "3", "1 to 3"],
        ["none.csv", "2 KB", "0", "none"],
        ["two.csv", "2 KB", "1,200", "4 to 1,203"],
    ]


def test_reasons_keep_their_order_and_lead_to_their_column(page):
    listed = re.search("<ol class=why>(.*?)</ol>", page)[1].split("<li>")[1:]
    assert [re.sub("<.*?>", " ", item).split()[0] for item in listed] == ["error", "warning"]
    assert '<code>temp</code> has no value in 1 of 4 rows <a href="#c0">column</a>' in listed[0]
    assert "<tr id=c0><th>temp" in page


def test_broken_rules_come_first_with_what_was_measured(page):
    assert cells(page, "rules") == [
        ["Column", "Rule", "Measured", "Must be", "Holds"],
        ["temp", "has a value", "1 row", "no row", "no: error"],
        ["sky", "has a value", "25%", "&lt; 20%", "no: warning"],
        ["temp", "is at least -40 and at most 60", "0 rows", "no row", "yes"],
    ]


def test_a_rule_that_was_not_judged_says_why():
    asked = replace(judgement().rules[1], is_judged=False, message="`temp` has no values")
    assert cells(rendered(rules=(asked,)), "rules")[1][2:] == ["temp has no values", "no row", "not judged"]


def test_the_first_failing_rows_can_be_unfolded(page):
    assert (
        "<details><summary>1 row</summary><table><thead><tr><th>Row<th>Value<tbody><tr><td>3<td></table>"
        in page
    )


def test_a_figure_out_of_line_is_told_with_its_interval(page):
    heads, temp, rows = cells(page, "history")
    assert heads[0] == "Figure" and rows[0] == "rows"
    # Means 9 9.5 10 10 10.5 11: median 10, MAD 0.5, s = 1.4826 * 0.5 * (1 + 2 / 6) = 0.9884;
    # scipy's t.ppf(0.9987, 5) = 5.5545, and 5.5545 * 0.9884 * sqrt(1 + 1 / 6) = 5.930.
    assert temp[2:] == ["beyond doubt", "34.33", "10", "4.07 to 15.93", "2e-06"]


def test_drift_is_told_for_each_column_with_its_own_limit(page):
    _, temp, sky = cells(page, "drift")
    assert temp == [
        "temp warning from 0.3",
        "warning",
        "0.412",
        "&lt;1e-9",
        "0.250",
        "0.111",
        "0.200",
        "",
        "",
    ]
    assert sky == ["sky", "insufficient", "", "", "", "", "", "", ""]
    assert "<p class=note>Not compared: at.</p>" in page


def test_figures_as_large_as_a_warning_are_bold(page):
    bold = re.findall("<td><b>(.*?)</b>", re.search("<section id=drift>.*?</section>", page)[0])
    assert bold == ["0.412", "0.250", "0.200"]  # Wasserstein 0.111 is below 0.32


def test_each_column_is_described(page):
    temp, sky, at = cells(page, "columns")[1:]
    assert temp[2:7] == ["25%", "0", "3", "1.5", "1.5"]
    assert temp[-3:] == ["99", "34.33", "45.73"]  # mean of 1.5 2.5 99; deviation of the population
    assert sky[2:] == ["25%", "", "2", "blue 66.7%, grey 33.3%"]
    assert at[2:6] == ["0%", "0", "4", "2025-11-27 00:00:00"]


def test_nothing_to_compare_with_is_said():
    page = render(judgement(drifts=(), anomalies=()), PROFILE, drop=DROP, plan=PLAN, history=())
    assert "No drop was accepted before this one" in page
    assert "There is no reference yet" in page
    assert Outline(page).faults == []


def test_a_drop_without_columns_or_reasons_has_a_page():
    empty = ContractPlan(id="p", version="1", dataset="p", hash="", columns=(), rules=())
    nothing = judgement(
        rules=(), drifts=(), anomalies=(), figures={}, verdict=replace(judgement().verdict, reasons=())
    )
    page = render(nothing, profile_batches([]), drop=DROP, plan=empty, history=())
    assert "The drop has no columns." in page and Outline(page).faults == []


def test_columns_of_no_rows_and_nested_columns_have_a_line():
    table = pa.table(
        {
            "none": pa.array([], pa.float64()),
            "many": pa.array([], pa.list_(pa.int64())),
            "text": pa.array([], pa.string()),
        }
    )
    page = rendered(
        profile_batches(table.to_batches() or [pa.RecordBatch.from_pylist([], table.schema)]), drifts=()
    )
    assert [row[0].split()[0] for row in cells(page, "columns")[1:]] == ["none", "many", "text"]
    assert Outline(page).faults == []


def test_many_reasons_are_cut_and_said_to_be():
    reasons = tuple(Reason(rule="x", column=None, severity="error", message=f"m{i}") for i in range(130))
    page = rendered(verdict=replace(judgement().verdict, reasons=reasons))
    assert "m99" in page and "m100" not in page
    assert "30 more in the verdict&#x27;s JSON" in page or "30 more in the verdict's JSON" in page


def hostile_page(texts):
    written = [text.encode(errors="replace").decode() for text in texts]  # Arrow takes no half characters
    columns = dict.fromkeys(dict.fromkeys(written), written)
    profile = profile_batches(pa.table(columns).to_batches())
    base = judgement()
    reasons = tuple(
        Reason(rule="r", column=text, severity="error", message=f"`{text}` {text}") for text in texts
    )
    rule = replace(base.rules[0], first_rows=tuple(range(1, len(texts) + 1)), first_values=tuple(texts))
    drift = tuple(replace(base.drifts[0].columns[1], column=text) for text in texts)
    changed = judgement(
        verdict=replace(base.verdict, reasons=reasons),
        rules=(rule,),
        drifts=(ReferenceDrift(against=texts[0], reference=profile, columns=drift),),
    )
    drop = replace(
        DROP,
        key=texts[0],
        dataset=texts[-1],
        acceptance=Acceptance(reason=texts[0], by=texts[-1], at=texts[0]),
    )
    plan = replace(PLAN, id=texts[0], version=texts[-1])
    return render(changed, profile, drop=drop, plan=plan, history=PAST)


PLAIN = Outline(rendered())


def assert_harmless(page):
    outline = Outline(page)
    assert outline.faults == []
    assert outline.tags.count("script") == 1 and outline.tags.count("style") == 1
    assert set(outline.tags) <= set(PLAIN.tags)
    names = {(tag, name) for tag, name, _ in outline.attributes}
    assert not {
        (tag, name) for tag, name in names if name.startswith("on") or name in ("src", "style", "action")
    }
    links = {value for _, name, value in outline.attributes if name == "href"}
    assert all(re.fullmatch(r"#\w+|data:,", link) for link in links), links
    page.encode()  # half characters could not be written
    assert not re.search("[\x00-\x08\u202a-\u202e\u2066-\u2069]", page)


def test_hostile_names_and_values_stay_text():
    page = hostile_page(HOSTILE)
    assert_harmless(page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "\\u202eright to left" in page
    assert "x" * 600 not in page


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=4, unique=True))
def test_no_text_whatever_becomes_markup(texts):
    assert_harmless(hostile_page(texts))


def test_the_policy_allows_only_the_style_and_script_of_the_page(page):
    [policy] = re.findall('Content-Security-Policy content="(.*?)"', page)
    assert policy.startswith("default-src 'none'; ")
    for name in ("style", "script"):
        body = re.search(f"<{name}>(.*?)</{name}>", page, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
        assert "unsafe" not in policy


def test_no_address_is_asked_for(page):
    assert not re.search(r"https?:|//[a-z]|url\(|@import", page.replace("s3://drops", ""))


def test_the_script_is_small(page):
    assert len(re.search("<script>(.*?)</script>", page, re.DOTALL)[1]) <= 1200


def test_pictures_have_titles_and_tables_names(page):
    pictures = re.findall("<svg role=img.*?</svg>", page)
    assert len(pictures) == 2 + 3  # two figures over time, three columns
    assert all("<title>" in picture for picture in pictures)
    assert page.count("<table data-tools") == page.count('role=region aria-label="') - 1


def test_a_wide_drop_shows_all_its_columns():
    names = [f"column_{index}" for index in range(200)]
    wide = profile_batches(pa.table({name: [1.0, 2.0] for name in names}).to_batches())
    plan = replace(PLAN, columns=tuple(Column(name=name, type="number") for name in names), rules=())
    page = render(judgement(rules=(), drifts=()), wide, drop=DROP, plan=plan, history=())
    assert [row[0].split()[0] for row in cells(page, "columns")[1:]] == names


def test_the_baseline_is_named_beside_the_pictures(page):
    assert "<span class=key></span> the champion&#x27;s training rows" in page
