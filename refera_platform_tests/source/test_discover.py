"""What a live schema is made of becomes a sources file that declares it, whatever its tables are called."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import duckdb
import pymysql
import pytest
import yaml

from refera_platform.errors import SettingError, SourceError
from refera_platform.lake.lake import Lake
from refera_platform.project.load import load_project
from refera_platform.source.connection import Source
from refera_platform.source.declaration import database_name, source_entry_text
from refera_platform.source.discover import Proposal, propose_tables
from refera_platform.source.mysql.wire import open_wire
from refera_platform.source.table import SourceTable, Strategy
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import declared_tables
from refera_platform_tests.local_stack import captures, source_of


def proposed(stage, database="shop"):
    with source_of(stage) as source:
        return propose_tables(source, database)


@pytest.fixture
def loaded(tmp_path):
    """A function that gives the tables of a project with a written file."""

    def load(written):
        (tmp_path / "models").mkdir(exist_ok=True)
        (tmp_path / "dbt_project.yml").write_text("name: shop\n")
        (tmp_path / "models/sources.yml").write_text(written, encoding="utf-8")
        return load_project(tmp_path).tables

    return load


def by_name(proposals):
    return {proposal.name: proposal for proposal in proposals}


def test_the_sample_is_found_as_it_is_declared(stage, shop):
    proposals = proposed(stage, "classicmodels")
    found = {proposal.name: proposal.table for proposal in proposals}
    for declared in declared_tables():
        assert replace(found[declared.name], about=declared.about) == replace(
            declared, overlap=timedelta(hours=1), amount=(), groupings=()
        ), "which columns make a row's money, and what to group by, only people know"
    order = list(found)
    assert order.index("orderdetails") < order.index("orders") < order.index("customers") < order.index("employees")
    assert order.index("employees") < order.index("offices")
    remarks = by_name(proposals)["employees"].remarks
    assert remarks == (
        "perhaps personal, to drop with private: [...] or to hash with hashed: [...]: 'lastName', 'firstName', 'email'.",
    )


def test_what_is_written_is_read_by_dbt_and_captures(stage, shop, loaded):
    written = source_entry_text("classicmodels", "MariaDB 10.11", proposed(stage, "classicmodels"))
    assert max(map(len, written.splitlines())) <= 110
    (source,) = yaml.safe_load(written)["sources"]
    assert (source["name"], len(source["tables"])) == ("classicmodels", 8)
    tables = tuple(replace(table, strategy=Strategy.COMPARE) for table in loaded(written))
    assert all(came.agrees and came.lake_rows for came in captures(stage, tables, TODAY))
    assert len(Lake(stage).stored_days(tables[0])) == 1


SHAPES = {
    "unique": (
        "create table t (a int not null, b int not null, c int not null unique, unique (a, b))",
        ("c",),
    ),
    "unique pair": ("create table t (a int not null, b int not null, unique (a, b))", ("a", "b")),
    "primary before unique": (
        "create table t (a int not null unique, b int, c int, primary key (b, c))",
        ("b", "c"),
    ),
    "unique with NULLs": ("create table t (a int unique)", None),
    "unique of a part": ("create table t (a varchar(20) not null, unique (a(5)))", None),
    "none": ("create table t (a int)", None),
}


@pytest.mark.parametrize(("made", "key"), SHAPES.values(), ids=SHAPES)
def test_the_key_is_what_the_server_promises(stage, shop, made, key):
    shop.run(made)
    found = by_name(proposed(stage))["t"]
    assert (found.table.key if found.table else None) == key
    assert found.table or "no primary key, and no unique key without NULLs" in found.why


def test_tables_that_are_not_copied_are_left_out_with_the_reason(stage, shop, loaded):
    shop.run("create view seen as select * from offices")
    shop.run("create sequence counting")
    shop.run("create table Offices (id int primary key)")
    shop.run("create table `a/b` (id int primary key)")
    shop.run("create table versions (id int primary key) with system versioning")
    try:
        found = by_name(proposed(stage))
    finally:
        shop.run("drop view seen")
        shop.run("drop sequence counting")
    left_out = {name: proposal.why for name, proposal in found.items() if proposal.table is None}
    assert left_out == {
        "seen": "it is a view: copy the tables that it is made of.",
        "counting": "it is a sequence.",
        "offices": "the table 'Offices' has the same name to an engine that ignores case.",
        "a/b": "it cannot be declared: The declaration of shop.a/b has a table name that cannot be a folder.",
    }
    assert found["versions"].table.strategy is Strategy.COMPARE
    written = source_entry_text("shop", "MariaDB", list(found.values()))
    assert "      # 'seen' is left out: it is a view: copy the tables that it is made of.\n" in written
    assert {table.name for table in loaded(written)} == set(found) - set(left_out)


def test_without_the_log_a_table_is_followed_by_its_cursor_or_compared(stage, shop, loaded):
    shop.run(
        "create table moves (id int primary key, dt_atualizacao datetime not null, updatedAt timestamp not null"
        " default current_timestamp on update current_timestamp, key (dt_atualizacao), key (updatedAt, id))"
    )
    shop.run("create table unindexed (id int primary key, updated_at datetime not null)")
    shop.run("create table empty_ones (id int primary key, updated_at datetime, key (updated_at))")
    with source_of(stage) as source:
        whole = source.server.binlog_settings()
        source.server.binlog_settings = lambda: {**whole, "binlog_row_image": "MINIMAL"}
        found = by_name(propose_tables(source, "shop"))
    moves = found["moves"]
    assert (moves.table.strategy, moves.table.cursor) == (Strategy.CURSOR, "updatedAt")
    assert "binlog_row_image = MINIMAL" in moves.why
    assert "the server moves 'updatedAt' with each change. Deletes are not seen." in moves.why
    for name in ("unindexed", "empty_ones", "orders"):
        assert found[name].table.strategy is Strategy.COMPARE
        assert "no indexed column shows when a row changed" in found[name].why
    tables = {table.name: table for table in loaded(source_entry_text("shop", "MariaDB", list(found.values())))}
    assert tables["moves"] == moves.table


def test_columns_that_cannot_be_copied_or_may_be_personal_are_told(stage, shop):
    shop.run(
        "create table people (cpf char(11) primary key, day date, telefone_celular text, contactFirstName text,"
        " senha text, wide decimal(65,30), description text, zipper int)"
    )
    shop.run("create table days (day date primary key, v int)")
    found = by_name(proposed(stage))
    people = found["people"]
    assert people.table.private == {"day"}
    assert people.remarks == (
        "'day' is not copied: raw rows need this name for themselves.",
        "kept as text, because no Parquet decimal is so wide: 'wide'.",
        "perhaps personal, and in the key, so that it can only be hashed: [...]: 'cpf'.",
        "perhaps personal, to drop with private: [...] or to hash with hashed: [...]: 'telefone_celular',"
        " 'contactFirstName', 'senha'.",
    )
    assert found["days"].table is None
    written = source_entry_text("shop", "MariaDB", list(found.values()))
    assert "              private: [day]\n" in written


def test_tables_that_refer_in_a_circle_still_have_an_order(stage, shop):
    shop.run("create table b (id int primary key, a int)")
    shop.run(
        "create table a (id int primary key, b int, self int, foreign key (b) references b (id), foreign key (self) references a (id))"
    )
    shop.run("alter table b add foreign key (a) references a (id)")
    shop.run("create table child (id int primary key, a int, foreign key (a) references a (id))")
    names = [proposal.name for proposal in proposed(stage)]
    assert len(names) == len(set(names)) == 11
    assert names.index("child") < names.index("a")


HOSTILE = [
    "class",
    "it's",
    'say "hi"',
    "both ' and \"",
    "back\\slash",
    "new\nline",
    "tab\there",
    "{braces}",
    '"""',
    "# hash",
    "São João 🚗",
    "zero\u200bwidth",
    "right\u202eto left",
    "import os",
    "x" * 64,
    "line\u2028end",
    "%s",
    "`tick`",
]


def test_hostile_names_give_yaml_that_says_the_same(stage, shop, loaded):
    made, refused = [], []
    for name in HOSTILE:
        column = name.replace("`", "``")[:60]
        comment = f'{name} """ \' \\\n'.replace("\\", "\\\\").replace("'", "''")
        try:
            shop.run(
                f"create table `{name.replace('`', '``')}` (`{column}` int, v text, primary key (`{column}`)) comment '{comment}'"
            )
        except pymysql.MySQLError:  # what this server does not allow as a name cannot be met
            refused.append(name)
        else:
            made.append(name)
    assert refused == ["São João 🚗"]
    try:
        proposals = [each for each in proposed(stage) if each.name in made]
    finally:
        for name in made:
            shop.run(f"drop table `{name.replace('`', '``')}`")
    written = source_entry_text("shop", 'Maria"""DB\n', proposals)
    tables = {table.name: table for table in loaded(written)}
    assert tables == {each.name: each.table for each in proposals if each.table}
    assert {each.name for each in proposals if each.table is None} == {"back\\slash", "new\nline"}
    assert all(line.isprintable() for line in written.splitlines())


def test_a_comment_of_the_server_is_no_jinja_to_dbt(loaded):
    about = "Orders {{ env_var('HOME') }} {% set x = 1 %} {# gone #} {plain}."
    table = SourceTable(database="shop", name="orders", key=("id",), about=about)
    (read,) = loaded(source_entry_text("shop", "MariaDB", [Proposal(name="orders", table=table, why="so.")]))
    assert read.about == "Orders { { env_var('HOME') }} { % set x = 1 %} { # gone #} {plain}."


@pytest.mark.parametrize(
    "overlap", [timedelta(hours=1), timedelta(minutes=10), 500], ids=["hours", "part of an hour", "a number"]
)
def test_an_overlap_is_read_as_it_was_proposed(loaded, overlap):
    table = SourceTable(
        database="shop",
        name="t",
        key=("id",),
        strategy=Strategy.CURSOR,
        cursor="at",
        overlap=overlap,
        about="A table.",
    )
    assert loaded(source_entry_text("shop", "MariaDB", [Proposal(name="t", table=table, why="so.")])) == (table,)


def test_a_schema_without_tables_is_named(stage, shop, loaded):
    shop.run("set foreign_key_checks = 0")
    for table in declared_tables():
        shop.run(f"drop table {table.name}")
    with pytest.raises(SourceError, match="User refera_reader sees no table of schema classicmodels"):
        proposed(stage)
    assert loaded(source_entry_text("shop", "MariaDB", [Proposal(name="v", why="it is a view.")])) == ()


@pytest.mark.parametrize(
    ("schema", "name"),
    [("Shop-2 (old)", "shop_2_old"), ("2shop", "db_2shop"), ("classicmodels", "classicmodels")],
)
def test_a_schema_gets_a_name_that_is_a_folder(schema, name):
    assert database_name(schema) == name
    assert SourceTable(database=name, name="t", key=("id",), about="A table.").database == name


def test_a_schema_without_a_letter_needs_a_name():
    with pytest.raises(SettingError, match="--schema-name"):
        database_name("日本")


def test_an_account_that_cannot_read_the_log_gets_no_log(stage, shop, home):
    admin = replace(stage.databases["classicmodels"], **admin_of(home))
    with closing(open_wire(admin)) as wire, closing(duckdb.connect()) as connection:
        found = propose_tables(Source(connection, wire, admin, b""), "shop")
    assert {each.table.strategy for each in found if each.table} == {Strategy.COMPARE}
    assert "The account has no REPLICATION SLAVE" in found[0].why


def admin_of(home):
    from refera_platform.sandbox import stack

    account = stack.stack_status(home).address.mariadb.admin
    return {"user": account.user, "password": account.password}
