"""Columns that come, go, widen or change their kind: the table goes on exactly, or stops by name."""

import re
from datetime import date, timedelta
from decimal import Decimal

import duckdb
import pytest

from refera_platform.errors import LakeError
from refera_platform.lake.lake import raw_rows
from refera_platform.lake.schema_drift import SchemaChange, common_type, detect_schema_change
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import find_table
from refera_platform_tests.ingest.test_query_based import state_of
from refera_platform_tests.local_stack import captured, source_of

YESTERDAY = TODAY - timedelta(days=1)


def test_a_new_column_goes_on_as_a_new_schema_version(stage, lake, shop):
    captured(stage, "offices", YESTERDAY)
    shop.run("alter table offices add column opened date default null")
    shop.run("update offices set opened = '2001-02-03' where officeCode = '1'")
    found = captured(stage, "offices", TODAY)
    assert found.state.schema_version == 2
    assert dict(found.added) == {"u": 1}
    assert state_of(stage, lake, "offices", '"officeCode", opened') == {("1", date(2001, 2, 3)), ("2", None)}
    shop.run("alter table offices drop column opened")
    assert captured(stage, "offices", TODAY).state.schema_version == 3


def test_a_column_that_changed_its_kind_stops_its_table_by_name(stage, lake, shop):
    captured(stage, "offices", YESTERDAY)
    shop.run("alter table offices modify column territory int")
    with pytest.raises(
        LakeError,
        match=r"Column territory of classicmodels.offices was VARCHAR .* INTEGER .*`refera resnapshot classicmodels.off",
    ):
        captured(stage, "offices", TODAY)
    assert list(lake.stored_days(find_table("offices"))) == [YESTERDAY]


@pytest.mark.parametrize(
    ("was", "now", "value", "kind"),
    [
        pytest.param("int", "bigint", 9007199254740995, "BIGINT", id="wider"),
        pytest.param("bigint", "int", 7, "BIGINT", id="narrower stays wide"),
        pytest.param("int", "int unsigned", 4294967295, "BIGINT", id="unsigned"),
        pytest.param("bigint unsigned", "bigint", -(2**63), "DECIMAL(20,0)", id="signed"),
        pytest.param("bigint", "bigint unsigned", 2**64 - 1, "DECIMAL(20,0)", id="unsigned and of eight bytes"),
        pytest.param("int", "decimal(12,2)", Decimal("9999999999.99"), "DECIMAL(12,2)", id="with digits"),
        pytest.param("decimal(12,2)", "bigint unsigned", 2**64 - 1, "DECIMAL(22,2)", id="without digits"),
        pytest.param("decimal(10,2)", "decimal(20,4)", Decimal("9999999999999999.9999"), "DECIMAL(20,4)", id="decimal"),
        pytest.param("decimal(10,4)", "decimal(12,2)", Decimal("9999999999.99"), "DECIMAL(14,4)", id="other digits"),
    ],
)
def test_a_column_that_widens_keeps_its_past_and_its_present_exactly(stage, lake, shop, was, now, value, kind):
    shop.run(f"alter table offices add column n {was} default 5")
    captured(stage, "offices", YESTERDAY)
    shop.run(f"alter table offices modify n {now} default 5")
    shop.run("update offices set n = %s where officeCode = '2'", (value,))
    found = captured(stage, "offices", TODAY)
    assert found.agrees
    assert found.state.columns["n"] == kind
    with source_of(stage) as source:
        url = lake.stored_days(find_table("offices"))[TODAY].url
        rows = source.connection.execute(f"select typeof(n), n from {raw_rows([url])}").fetchall()
    assert rows == [(kind, value)]
    assert state_of(stage, lake, "offices", '"officeCode", n') == {("1", 5), ("2", value)}


def test_a_flag_that_becomes_a_bit_goes_on(stage, lake, shop):
    shop.run("alter table offices add column n tinyint(1) default 1")
    captured(stage, "offices", YESTERDAY)
    shop.run("alter table offices modify n bit(1)")
    shop.run("update offices set n = 0 where officeCode = '2'")
    found = captured(stage, "offices", TODAY)
    assert (found.agrees, found.reconcile_result.first, found.state.columns["n"]) == (True, "", "SMALLINT")
    assert state_of(stage, lake, "offices", '"officeCode", n') == {("1", 1), ("2", 0)}


def test_a_column_without_a_common_type_stops_its_table_also_when_it_was_gone_for_a_while(stage, lake, shop):
    shop.run("alter table offices add column n bigint default -1")
    captured(stage, "offices", YESTERDAY)
    shop.run("alter table offices drop column n")
    assert captured(stage, "offices", TODAY).removed_columns == ("n",)
    shop.run("alter table offices add column n date")
    with pytest.raises(LakeError, match=r"Column n of classicmodels.offices was BIGINT and is DATE at the source"):
        captured(stage, "offices", TODAY)


EXACT = ["TINYINT", "BIGINT", "UTINYINT", "UBIGINT", "DECIMAL(12,2)", "DECIMAL(38,0)", "DECIMAL(38,38)"]


@pytest.mark.parametrize("was", EXACT)
@pytest.mark.parametrize("now", EXACT)
def test_a_common_type_holds_the_extremes_of_both(was, now):
    both = common_type(was, now)
    assert both == common_type(now, was)
    with duckdb.connect() as connection:
        for kind in (was, now) if both else ():
            digits = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind)
            most = "9" * (int(digits[1]) - int(digits[2])) + "." + "9" * int(digits[2]) if digits else EXTREMES[kind]
            most = most.rstrip(".")
            sql = f"select cast(cast(cast('{most}' as {kind}) as {both}) as {kind}) = cast('{most}' as {kind})"
            assert connection.execute(sql).fetchone() == (True,)
    apart = {"DECIMAL(38,38)"} & {was, now} or {was, now} == {"DECIMAL(12,2)", "DECIMAL(38,0)"}
    assert (both is None) == (was != now and bool(apart))


EXTREMES = {
    "TINYINT": "-128",
    "BIGINT": "-9223372036854775808",
    "UTINYINT": "255",
    "UBIGINT": "18446744073709551615",
}


def test_what_came_changed_and_is_gone_is_told_by_name():
    was, now = {"a": "INTEGER", "b": "DATE", "c": "VARCHAR"}, {"a": "BIGINT", "c": "VARCHAR", "d": "BLOB"}
    found = detect_schema_change(was, now)
    assert found == SchemaChange(added=("d",), changed=("a: INTEGER → BIGINT",), gone=("b",))
    assert found.description == "The table was altered: d added; a: INTEGER → BIGINT."
    assert detect_schema_change(was, dict(reversed(was.items()))) == SchemaChange()
    assert detect_schema_change(None, now).description == ""
