"""One line of SQL means what the many meant."""

import pytest

from tidegate.columns.sql_text import one_line


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1\n   from\tsource", "select 1 from source"),
        ("  select 1 ;\n", "select 1"),
        ("select 1 -- the rest of the line\n from source", "select 1 from source"),
        ("select /* all\n of it */ 1", "select 1"),
        ("select 'a  b -- no comment'", "select 'a  b -- no comment'"),
        ("select 'it''s  /* text */'", "select 'it''s  /* text */'"),
        ('select "a  ;-- b" from  source', 'select "a  ;-- b" from source'),
        (r"select e'a\'  b'  from source", r"select e'a\'  b' from source"),
        ("select $$a  ' b$$  from source", "select $$a  ' b$$ from source"),
        ("select $t$a  $$ b$t$  , 1", "select $t$a  $$ b$t$ , 1"),
        ("select a--b", "select a"),
        ("", ""),
    ],
)
def test_white_space_and_comments_go_texts_stay(sql, expected):
    assert one_line(sql) == expected
    assert one_line(expected) == expected
