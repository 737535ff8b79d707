"""`tidegate data` as it is typed, on a moto server that has the outputs of a pipeline's stacks."""

import csv
import io
import json
import math
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lake import deliver

from tidegate_cli.commands import data
from tidegate_cli.place import DUMMY, STACKS, Place

DROPS = [f"{number}aaaaaa{'0' * 57}" for number in range(1, 4)]


@pytest.fixture
def place(aws, catalog, monkeypatch):
    """A place whose stacks say where its lake is; the environment of this process says nothing of it."""
    prefix = aws.name("flights")
    cloudformation = aws.client("cloudformation")
    outputs = {
        "LakeBucket": {"Value": catalog.lake_bucket},
        "GlueDatabase": {"Value": catalog.database},
    }
    topic = {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {}}}
    for stack in STACKS:
        template = {"Resources": topic, "Outputs": outputs if stack == "Data" else {}}
        cloudformation.create_stack(StackName=f"{prefix}-{stack}", TemplateBody=json.dumps(template))
    here = Place(name="a server", prefix=prefix, session=boto3.Session(**DUMMY), url=aws.endpoint)
    monkeypatch.setattr(data, "current", lambda options: here)
    return here


@pytest.fixture
def typed(place, command, monkeypatch):
    """Type words after `tidegate data`, in a process without any setting of AWS."""

    def run(*words):
        with monkeypatch.context() as patch:
            for name in ("ENDPOINT_URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "DEFAULT_REGION"):
                patch.delenv(f"AWS_{name}")
            return command("data", *words)

    return run


@pytest.fixture
def states(catalog):
    """Three drops: 2 rows, 1 row with a new column, and 1 row in the place of the first drop's."""
    found = [
        deliver(catalog, DROPS[0], pa.table({"id": [1, 2], "origin": ["JFK", None]}), table="flights"),
        deliver(
            catalog, DROPS[1], pa.table({"id": [3], "origin": ["LGA"], "delay": [60.5]}), table="flights"
        ),
    ]
    catalog.tag("flights", found[0].snapshot_id, "run-1")
    rows = pa.table({"id": [9], "origin": ["EWR"], "delay": [1.0]})
    found.append(deliver(catalog, DROPS[2], rows, table="flights", replaces=[DROPS[0]]))
    deliver(catalog, "f", pa.table({"id": [1]}), table="features_delay")
    return found


def rows_of(text):
    return sorted(csv.reader(io.StringIO(text)))


def test_the_log_lists_the_datasets_states_newest_first(typed, states):
    done = typed("log")
    lines = done.out.splitlines()
    assert (done.code, len(lines)) == (0, 3)
    assert done.err == "place     a server\n"
    for line, state in zip(lines, reversed(states), strict=True):
        assert str(state.snapshot_id) in line and f"drop {state.drop_id[:12]}" in line and "accept" in line
    assert "overwrite" in lines[0] and "-2" in lines[0] and f"replaces {DROPS[0][:12]}" in lines[0]
    assert "+2" in lines[2] and "2 rows" in lines[2] and lines[2].endswith("tags run-1")
    assert len(typed("log", "--limit", "1").out.splitlines()) == 1
    assert typed("log", "features_delay", "-q").err == ""


def test_the_log_as_json_has_ids_as_text(typed, states):
    found = typed("log", "--json").json
    assert (found["ok"], found["table"]) == (True, "flights")
    assert [state["snapshot_id"] for state in found["states"]] == [
        str(s.snapshot_id) for s in reversed(states)
    ]
    assert found["states"][2]["tags"] == ["run-1"] and found["states"][0]["replaces"] == [DROPS[0]]


def test_a_difference_is_told_of_rows_columns_drops_and_figures(typed, states):
    done = typed("diff", "run-1", DROPS[1][:7])
    assert done.code == 0
    assert done.out.splitlines()[2:] == [
        "rows      +1 0, in whole files",
        "column  + delay: double",
        f"state   + {data._line(states[1])}",
        "figures   id: maximum 2 -> 3",
        "figures   origin: maximum JFK -> LGA",
    ]
    back = typed("diff", str(states[1].snapshot_id), "run-1").out
    assert "rows      +0 -1" in back and "column  - delay: double" in back and "state   - " in back


def test_a_difference_without_a_second_state_is_with_the_newest(typed, states):
    found = typed("diff", "run-1", "--json").json
    assert found["after"]["snapshot_id"] == str(states[2].snapshot_id)
    assert (found["added_rows"], found["removed_rows"]) == (2, 2)
    assert [state["drop_id"] for state in found["gained"]] == DROPS[1:]
    assert found["columns"] == [{"before": None, "after": "delay: double"}]


def test_rows_that_differ_are_told_apart_from_those_that_were_only_delivered_again(typed, catalog):
    """An object is overwritten: 1 stays, one of the two 2 goes, 3 changes, 4 is null and stays."""
    first = pa.table({"id": [1, 2, 2, 3, None], "x": [0.5, math.nan, math.nan, 1.0, None]})
    second = pa.table({"id": [None, 2, 3, 1], "x": [None, math.nan, 2.0, 0.5], "new": ["a", "b", "c", "d"]})
    deliver(catalog, DROPS[0], first, table="flights")
    deliver(catalog, DROPS[1], pa.table({"id": [7], "x": [7.0]}), table="flights")
    deliver(catalog, DROPS[2], second, table="flights", replaces=[DROPS[0]])
    lines = typed("diff", DROPS[1][:7], "main", "--rows").out.splitlines()
    assert lines[-4:] == [
        "differ    +1 -2 rows",
        'row     - {"id": 2, "x": null}',
        'row     - {"id": 3, "x": 1.0}',
        'row     + {"id": 3, "x": 2.0}',
    ]
    found = typed("diff", DROPS[1][:7], "main", "--rows", "--limit", "1", "--json").json["rows"]
    assert (found["gained"], found["lost"]) == (1, 2)
    assert (found["gained_rows"], found["lost_rows"]) == ([{"id": 3, "x": 2.0}], [{"id": 2, "x": None}])
    same = typed("diff", "main", "main", "--rows", "--json").json["rows"]
    assert (same["gained"], same["lost"]) == (0, 0)


@pytest.mark.parametrize(
    "words, rows",
    [
        ([], [["3", "LGA", "60.5"], ["9", "EWR", "1"]]),
        (["--as-of", "run-1"], [["1", "JFK"], ["2", ""]]),
        (["--as-of", DROPS[1][:9]], [["1", "JFK", ""], ["2", "", ""], ["3", "LGA", "60.5"]]),
        (["--columns", "delay,id"], [["1", "9"], ["60.5", "3"]]),
        (["--where", "delay > 1 and origin = 'LGA'"], [["3", "LGA", "60.5"]]),
        (["--where", "id > 100"], []),
        (["--limit", "0"], []),
    ],
    ids=lambda value: " ".join(value) if value and isinstance(value[0], str) else "",
)
def test_rows_are_read_as_csv_of_the_state_the_columns_and_the_condition_asked_for(
    typed, states, words, rows
):
    done = typed("read", *words)
    assert done.code == 0
    assert sorted(rows_of(done.out)[: len(rows)]) == rows
    assert f"{len(rows)} rows of flights" in done.err


def test_a_time_names_the_state_that_was_newest_then(typed, states):
    before = states[1].committed_at - timedelta(milliseconds=1)
    for moment in (before.isoformat(), before.isoformat().replace("+00:00", "")):
        assert len(rows_of(typed("read", "--as-of", moment).out)) == 3
    today = typed("read", "--as-of", f"{states[2].committed_at:%Y-%m-%d}")
    assert len(rows_of(today.out)) == 3


def test_rows_as_json_are_one_object_a_line_or_one_object_in_all(typed, states):
    lines = typed("read", "--format", "json", "--as-of", "run-1").out.splitlines()
    rows = [{"id": 1, "origin": "JFK"}, {"id": 2, "origin": None}]
    assert sorted(map(json.loads, lines), key=lambda row: row["id"]) == rows
    found = typed("read", "--json", "--as-of", "run-1").json
    assert (found["ok"], found["state"]["tags"]) == (True, ["run-1"])
    assert sorted(found["rows"], key=lambda row: row["id"]) == rows
    assert typed("read", "--json", "--where", "id = 100").json["rows"] == []


def test_every_type_is_written_in_every_format(typed, catalog, tmp_path):
    row = {
        "when": datetime(2026, 3, 1, 12, 0, 0, 250_000, UTC),
        "day": date(2026, 3, 1),
        "price": Decimal("1.50"),
        "ratio": math.nan,
        "quote": 'a "b", c\nd',
        "legs": [{"port": "JFK", "miles": None}],
        "extras": [("bags", 2)],
        "late": True,
    }
    schema = pa.schema(
        [
            ("when", pa.timestamp("us", "UTC")),
            ("day", pa.date32()),
            ("price", pa.decimal128(10, 2)),
            ("ratio", pa.float64()),
            ("quote", pa.string()),
            ("legs", pa.list_(pa.struct([("port", pa.string()), ("miles", pa.int32())]))),
            ("extras", pa.map_(pa.string(), pa.int32())),
            ("late", pa.bool_()),
        ]
    )
    deliver(catalog, "d1", pa.Table.from_pylist([row], schema), table="flights")
    [found] = typed("read", "--json").json["rows"]
    assert found == {
        "when": "2026-03-01T12:00:00.250000Z",
        "day": "2026-03-01",
        "price": "1.50",
        "ratio": None,
        "quote": 'a "b", c\nd',
        "legs": [{"port": "JFK", "miles": None}],
        "extras": [["bags", 2]],
        "late": True,
    }
    [head, cells] = csv.reader(io.StringIO(typed("read").out))
    told = dict(zip(head, cells, strict=True))
    assert told["quote"] == row["quote"] and told["price"] == "1.50" and told["day"] == "2026-03-01"
    assert json.loads(told["legs"]) == row["legs"] and json.loads(told["extras"]) == [["bags", 2]]
    assert typed("read", "-o", str(tmp_path / "rows.parquet")).code == 0
    [kept] = pq.read_table(tmp_path / "rows.parquet").to_pylist()
    assert math.isnan(kept.pop("ratio")) and kept == {k: v for k, v in row.items() if k != "ratio"}


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.PARQUET", "rows"])
def test_a_file_is_written_in_the_format_that_its_name_says(typed, states, tmp_path, name):
    file = tmp_path / name
    done = typed("read", "-o", str(file), "--json")
    assert (done.json["rows"], done.json["file"]) == (2, str(file))
    body = file.read_bytes()
    assert body.startswith({"rows.jsonl": b"{", "rows.PARQUET": b"PAR1"}.get(name, b'"id"'))
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_file_that_cannot_be_finished_is_not_left_behind(typed, states, tmp_path, monkeypatch):
    old = tmp_path / "rows.csv"
    old.write_text("as before")
    plain = data._rows

    def breaking(*arguments):
        schema, batches = plain(*arguments)

        def some():
            yield next(batches)
            raise OSError("the network went away")

        return schema, some()

    monkeypatch.setattr(data, "_rows", breaking)
    done = typed("read", "-o", str(old))
    assert done.code == 2 and "cause: the network went away" in done.err
    assert [each.name for each in tmp_path.iterdir()] == ["rows.csv"] and old.read_text() == "as before"


@pytest.mark.parametrize(
    "words, says",
    [
        (["read", "--as-of", "run-2"], "error: `flights` has no state `run-2`\n  cause: no tag, snapshot id"),
        (["read", "--as-of", "run-2"], "hint:  did you mean `run-1`?"),
        (["read", "--as-of", "12345"], "error: `flights` has no state `12345`"),
        (["diff", "run-1", "zebra"], "hint:  tidegate data log flights"),
        (["read", "--as-of", "2000-01-01T00:00"], "error: `flights` had no state at 2000-01-01T00:00:00"),
        (["log", "flihgts"], "error: there is no table `flihgts`\n  hint:  did you mean `flights`?"),
        (["log", "zebra"], "hint:  there are features_delay, flights"),
        (["read", "--columns", "id,dealy"], "hint:  its columns are id, origin, delay"),
        (["read", "--where", "dealy > 1"], "hint:  its columns are id, origin, delay"),
        (["read", "--where", "id >"], "error: `flights` cannot be read so\n  cause: "),
        (["read", "--where", "id > 'x'"], "error: `flights` cannot be read so\n  cause: "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_name_of_nothing_could_not_run_and_names_what_is_near(typed, states, words, says):
    done = typed(*words)
    assert (done.code, done.out) == (2, "")
    assert says in done.err


def test_json_and_another_format_do_not_go_together_on_standard_output(typed, states):
    done = typed("read", "--json", "--format", "csv")
    assert done.code == 2 and done.json["error"]["hint"] == "write csv with -o FILE"


def test_before_the_first_drop_it_is_said_what_to_do(typed):
    done = typed("log")
    assert (done.code, "no drop has been recorded yet" in done.err) == (2, True)


def test_several_datasets_have_to_be_told_apart(typed, states, catalog):
    deliver(catalog, "d1", pa.table({"id": [1]}), table="trains")
    assert "hint:  name one: flights, trains" in typed("log").err
    assert typed("log", "trains").code == 0
    assert typed("diff", "main", "--table", "trains").code == 0


def test_a_reader_that_has_seen_enough_is_no_error(place, catalog, aws):
    """`tidegate data read | head -1`: more than a pipe holds, in a process of its own."""
    rows = pa.table({"id": range(200_000), "text": ["x" * 20] * 200_000})
    deliver(catalog, "d1", rows, table="flights")
    script = (
        "import sys; from tidegate_cli.commands import data; from tidegate_cli.main import main\n"
        "from tidegate_cli.place import DUMMY, Place; import boto3\n"
        "here = Place(name='x', prefix=sys.argv[1], session=boto3.Session(**DUMMY), url=sys.argv[2])\n"
        "data.current = lambda options: here\n"
        "main.main(['data', 'read', '-q'])"
    )
    argv = [sys.executable, "-c", script, place.prefix, place.url]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reader:
        assert reader.stdout.readline() == b'"id","text"\n'
        reader.stdout.close()
        assert (reader.stderr.read(), reader.wait(60)) == (b"", 0)
