"""The tables of a statement are known without asking any of them."""

import pytest

from refera_platform.duckdb_session.table_names import read_table_names
from refera_platform.errors import QueryError

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("select 1", set()),
        ("from a", {"a"}),
        ('select * from "A b" as c left join d using (k) where x in (select y from e);', {"A b", "d", "e"}),
        ("with a as (select * from b), c as (from a) select * from c, d", {"b", "d"}),
        ("select * from raw.orders join orders using (id)", {"orders"}),
        ("select * from (select * from a union all select * from b) where day > $day -- from c", {"a", "b"}),
        ("select * from read_csv('/nowhere') as a", set()),
        ("select (select max(x) from a), * exclude (y) from b order by (select z from c)", {"a", "b", "c"}),
        ("select 'it''s' as a from \"it's\"", {"it's"}),
    ],
)
def test_tables_that_a_select_reads(sql, names):
    assert read_table_names(sql) == names


@pytest.mark.parametrize(
    "sql", ["", "selec 1", "drop table a", "insert into a select 1", "select 1; drop table b", "from a; from b"]
)
def test_what_is_no_select_is_refused(sql):
    with pytest.raises(QueryError, match="Parser Error"):
        read_table_names(sql)
