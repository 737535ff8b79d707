"""SQL that may answer differently tomorrow, elsewhere or in another order of rows is refused."""

import pytest

from tidegate.columns.duck import connect
from tidegate.feature_store.sql_purity import impurity, looks_beyond_its_row

COLUMNS = ("carrier", "delay", "seen")
ORDER = "depends on the order of rows"


@pytest.mark.parametrize(
    "sql",
    [
        "select carrier, avg(delay) from source group by carrier",
        "with late as (select * from source where delay > 15) select count(*) from late",
        "from source select carrier, max(delay) filter (seen > '2013-01-01') group by carrier",
        "select last(delay order by seen), arg_max(delay, seen), list(delay order by seen)[1] from source",
        "select quantile_cont(delay, 0.5), count(distinct seen), mode(seen order by seen) from source",
        "select carrier, sum(delay) over (partition by carrier) from source",
        "select carrier from source qualify row_number() over (partition by carrier order by seen) = 1",
        "select distinct on (carrier) carrier, delay from source order by carrier, seen",
        "select carrier from source where delay in (select delay from source order by seen limit 3)",
        "select carrier, unnest([1, 2]) from source, range(3), (values (1)) v(a)",
        "select carrier, geomean(delay), wavg(delay, 2), age(seen, seen), hour(seen) from source",
        "select carrier, case when delay is null then 1 end, coalesce(delay, 0), delay::int from source",
        "select a.carrier from source a asof join source b on a.seen >= b.seen union all select 'x'",
    ],
)
def test_an_answer_from_the_rows_alone_is_accepted(sql):
    with connect() as connection:
        assert impurity(connection, sql, COLUMNS) is None


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        pytest.param("select now() from source", "`now` answers differently", id="now"),
        pytest.param("select NOW() from source", "`now` answers differently", id="capitals"),
        pytest.param("select main.now() from source", "`now` answers differently", id="in a schema"),
        pytest.param("select current_date from source", "`current_date` reads the clock", id="date"),
        pytest.param("select current_timestamp from source", "reads the clock", id="timestamp"),
        pytest.param("select current_localtimestamp() from source", "answers differently", id="local"),
        pytest.param("select age(seen) from source", "`age` answers differently", id="age until today"),
        pytest.param("select ago(interval 1 day) from source", "`ago`: `current_timestamp`", id="macro"),
        pytest.param("select random() from source", "`random` answers differently", id="random"),
        pytest.param("select uuid() from source", "`uuid` answers differently", id="uuid"),
        pytest.param("select nextval('s') from source", "`nextval` answers differently", id="sequence"),
        pytest.param("select pg_sleep(1) from source", "`pg_sleep`: `sleep_ms`", id="effect of a macro"),
        pytest.param("select current_setting('threads') from source", "answers differently", id="setting"),
        pytest.param("select * from read_csv('x')", "`read_csv` reads what is not in `source`", id="csv"),
        pytest.param("select * from source, read_parquet('x')", "`read_parquet` reads", id="joined"),
        pytest.param("select (select max(a) from glob('*') t(a)) from source", "`glob` reads", id="glob"),
        pytest.param("select * from 'x.parquet'", "it reads `x.parquet`", id="file by name"),
        pytest.param("select * from information_schema.tables", "it reads `tables`", id="other schema"),
        pytest.param("select * from other.source", "it reads `source`; it may", id="source elsewhere"),
        pytest.param("select * from query('select 1')", "`query` reads", id="text as SQL"),
        pytest.param("with source as (select 1 as carrier) from source", "of its own `source`", id="shadow"),
        pytest.param("select first(delay) from source", f"`first` without `order by`: the result {ORDER}"),
        pytest.param("select any_value(delay) from source", ORDER, id="any_value"),
        pytest.param("select list(delay) from source", ORDER, id="list"),
        pytest.param("select string_agg(distinct carrier) from source", ORDER, id="string_agg"),
        pytest.param("select mode(delay) from source", ORDER, id="mode of ties"),
        pytest.param("select json_group_array(delay) from source", ORDER, id="macro over string_agg"),
        pytest.param("select row_number() over () from source", ORDER, id="row_number"),
        pytest.param("select lag(delay) over (partition by carrier) from source", ORDER, id="lag"),
        pytest.param("select carrier from source limit 3", f"`limit` without `order by`: the result {ORDER}"),
        pytest.param("select distinct on (carrier) carrier, delay from source", ORDER, id="distinct on"),
        pytest.param("select * from source positional join source", ORDER, id="positional join"),
        pytest.param("select * from source using sample 3", "a sample", id="sample"),
        pytest.param("select * from source tablesample 10%", "a sample", id="tablesample"),
        pytest.param("select reservoir_quantile(delay, 0.5) from source", "use quantile_cont", id="chance"),
        pytest.param(
            "select list_aggregate(list(delay order by seen), 'approx_quantile', 0.5) from source",
            "use quantile_cont",
            id="chance by name",
        ),
        pytest.param("select 1; select 2", "it is 2 statements", id="two"),
        pytest.param("delete from source", "it is no plain SELECT", id="delete"),
        pytest.param("pivot source on carrier using sum(delay)", "it is no plain SELECT", id="pivot"),
        pytest.param("summarize source", "it reads a show ref", id="summarize"),
        pytest.param("selct 1", 'syntax error at or near "selct"', id="syntax"),
    ],
)
def test_is_refused(sql, told):
    with connect() as connection:
        assert told in impurity(connection, sql, COLUMNS)


def test_a_column_may_be_called_as_a_clock():
    with connect() as connection:
        assert impurity(connection, "select current_date from source", ["Current_Date"]) is None


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select delay > 15 from source", False),
        ("select case when delay is null then 1 else 0 end from source", False),
        ("select lead(delay) over (order by seen) from source", True),
        ("select avg(delay) from source", True),
        ("select (select max(delay) from source) from source", True),
    ],
)
def test_a_look_beyond_its_row_is_noticed(sql, expected):
    with connect() as connection:
        assert looks_beyond_its_row(connection, sql) is expected
