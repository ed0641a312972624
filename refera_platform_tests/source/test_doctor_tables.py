"""Each table that cannot be read as it is declared is found, on a real server, and comes with its remedy."""

from dataclasses import replace

import pytest

from refera_platform.source.doctor.finding import Verdict
from refera_platform.source.doctor.tables import examine_tables
from refera_platform.source.table import SourceTable, Strategy
from refera_platform_tests.checkout import declared_tables, find_table
from refera_platform_tests.local_stack import source_of
from refera_platform_tests.source.doctor_findings import account, log_findings, only, troubled
from refera_platform_tests.source.doctor_findings import root as root

KEY = b"0123456789abcdef"


def table(name, **declared):
    return SourceTable(database="classicmodels", name=name, about="A table.", **{"key": ("id",), **declared})


TABLES = {
    "not there": (
        "select 1",
        table("nowhere"),
        "classicmodels.nowhere",
        Verdict.FAIL,
        "does not exist for user",
        "granted SELECT",
    ),
    "no such key": (
        "create table t (n int primary key)",
        table("t"),
        "classicmodels.t",
        Verdict.FAIL,
        "no column id, which the catalogue declares as key",
        "it has n",
    ),
    "no faithful form": (
        "create table t (id int primary key, x xmltype)",
        table("t"),
        "classicmodels.t",
        Verdict.FAIL,
        "no faithful form",
        "mark it private",
    ),
    "no key": (
        "create table t (id int, v int)",
        table("t"),
        "classicmodels.t: key",
        Verdict.WARN,
        "does not promise that id",
        "give the table a primary key",
    ),
    "another key": (
        "create table t (id int, `v'` int primary key)",
        table("t"),
        "classicmodels.t: key",
        Verdict.WARN,
        "does not promise that id",
        'key=("v\'",)',
    ),
    "a key with NULLs": (
        "create table t (id int null unique)",
        table("t"),
        "classicmodels.t: key",
        Verdict.WARN,
        "does not promise",
        "primary key",
    ),
    "a key of a part": (
        "create table t (id varchar(20) not null, unique (id(3)))",
        table("t"),
        "classicmodels.t: key",
        Verdict.WARN,
        "does not promise",
        "primary key",
    ),
    "nothing to hash with": (
        "create table t (id int primary key, v text)",
        table("t", hashed=frozenset({"v"})),
        "classicmodels.t",
        Verdict.FAIL,
        "declares v as hashed, and REFERA_HASH_KEY is not set",
        "openssl rand -hex 32",
    ),
    "a cursor without an index": (
        "create table t (id int primary key, at datetime)",
        table("t", strategy=Strategy.CURSOR, cursor="at"),
        "classicmodels.t: cursor",
        Verdict.WARN,
        "No index begins with at",
        "create index",
    ),
    "a cursor with NULLs": (
        "create table t (id int primary key, at datetime, key (at)) select 7 as id, null as at",
        table("t", strategy=Strategy.CURSOR, cursor="at"),
        "classicmodels.t",
        Verdict.FAIL,
        "1 rows without a at",
        "NOT NULL",
    ),
    "a cursor of text": (
        "create table t (id int primary key, at text)",
        table("t", strategy=Strategy.CURSOR, cursor="at"),
        "classicmodels.t",
        Verdict.FAIL,
        "of type text, which does not grow",
        "strategy compare",
    ),
}


@pytest.mark.parametrize(("made", "declared", "about", "verdict", "found", "remedy"), TABLES.values(), ids=TABLES)
def test_a_table_that_is_not_as_declared_is_found(stage, shop, made, declared, about, verdict, found, remedy):
    if "xmltype" in made:
        made = made.replace("xmltype", "int")
    shop.run(made)
    with source_of(stage) as source:
        if "faithful" in found:  # no type of this server is without one; a newer server has some
            known = source.catalogue_columns
            source.catalogue_columns = lambda table: tuple(
                replace(each, data_type="vector", column_type="vector(3)") if each.name == "x" else each
                for each in known(table)
            )
        (told,) = troubled(examine_tables(source, [declared], b""))
    assert (told.about, told.verdict) == (about, verdict)
    assert found in told.found
    assert remedy in told.remedy


def test_tables_that_are_as_declared_are_well(stage, shop):
    shop.run("create table t (id int primary key, v text, at timestamp not null, key (at, v(3)))")
    declared = table("t", hashed=frozenset({"v"}), strategy=Strategy.CURSOR, cursor="at")
    with source_of(stage) as source:
        findings = list(examine_tables(source, [declared, *declared_tables()], KEY))
    assert troubled(findings) == []
    assert "it is at at=." in only(findings, "classicmodels.t: cursor").found


def test_a_column_that_may_not_be_read_is_found(stage, shop, root):
    grant = "grant select (officeCode) on classicmodels.offices to {account}"
    with account(stage, root, grant) as narrow, source_of(narrow) as source:
        (found,) = troubled(examine_tables(source, [find_table("orders")], b""))
        lacking = only(log_findings(source), "shop: binlog privileges")
    assert (found.about, found.verdict) == ("classicmodels.orders", Verdict.FAIL)
    assert "has no REPLICATION SLAVE and no BINLOG MONITOR" in lacking.found
