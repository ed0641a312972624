"""The generated source: the same rows from the same seed, the right sizes, and every awkward fact."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest

from refera_platform.errors import LocalStackError, SettingError
from refera_platform.sandbox import stack
from refera_platform.sandbox.business import history
from refera_platform.sandbox.business.chance import slot, throw
from refera_platform.sandbox.business.orders import COMMENTS, WIDE_COMMENTS
from refera_platform.sandbox.business.schema import TABLE_DEFINITIONS
from refera_platform.sandbox.business.session import SampleAdmin, SampleSession

OPENING = date(2026, 11, 20)
PUBLIC_SAMPLE = Path(__file__).parents[3] / "shared/data/classicmodels/mysqlsampledatabase.sql"
GENERATED = ("offices", "employees", "customers", "products", "orders", "orderdetails", "payments")


def create_sample(admin: SampleAdmin, *, seed: int, scale: float, opening: date) -> None:
    """Create a sample as a whole."""
    list(history.create_sample(admin, seed=seed, scale=scale, opening=opening))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("sample") / "home"
    stack.start_stack(folder)
    yield folder
    stack.stop_stack(folder, wipe=True)


@pytest.fixture(scope="module")
def small(home: Path) -> SampleAdmin:
    """A sample of scale 0.3, which no test writes to."""
    admin = replace(SampleAdmin.from_home(home), database="classicmodels__small")
    create_sample(admin, seed=1, scale=0.3, opening=OPENING)
    return admin


@pytest.fixture(scope="module")
def usual(home: Path) -> SampleAdmin:
    """A sample of scale 1 and another seed, which no test writes to."""
    admin = replace(SampleAdmin.from_home(home), database="classicmodels__usual")
    create_sample(admin, seed=7, scale=1, opening=OPENING)
    return admin


@pytest.fixture
def other(small: SampleAdmin) -> Iterator[SampleAdmin]:
    """A database of the test's own."""
    admin = replace(small, database="classicmodels__other")
    yield admin
    with admin.session() as session:
        session.run(f"drop database if exists {admin.database}")


def rows(admin: SampleAdmin, query: str, *values: object) -> list[tuple[object, ...]]:
    with admin.session() as session:
        session.use(admin.database)
        return session.rows(query, *values)


def checksums(admin: SampleAdmin) -> dict[str, object]:
    """What the server makes of each table's rows."""
    found = rows(admin, f"checksum table {', '.join(TABLE_DEFINITIONS)}")
    return {str(name).partition(".")[2]: checksum for name, checksum in found}


def test_the_same_seed_gives_the_same_rows(small: SampleAdmin, other: SampleAdmin) -> None:
    create_sample(other, seed=1, scale=0.3, opening=OPENING)
    assert checksums(other) == checksums(small)


def test_the_rows_do_not_depend_on_how_they_are_cut_into_chunks(
    small: SampleAdmin, other: SampleAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "CHUNK_ROWS", 7)
    create_sample(other, seed=1, scale=0.3, opening=OPENING)
    assert checksums(other) == checksums(small)


def test_creating_again_replaces_what_was_there(small: SampleAdmin, other: SampleAdmin) -> None:
    create_sample(other, seed=3, scale=0.5, opening=date(2025, 1, 1))
    create_sample(other, seed=1, scale=0.3, opening=OPENING)
    assert checksums(other) == checksums(small)


def test_another_seed_gives_other_rows(small: SampleAdmin, other: SampleAdmin) -> None:
    create_sample(other, seed=2, scale=0.3, opening=OPENING)
    one, two = checksums(small), checksums(other)
    assert [table for table in GENERATED if one[table] == two[table]] == []


PINNED = {
    "select employeeNumber, lastName, firstName, extension from employees order by 1 limit 1": (
        1007,
        "Bouvet",
        "Augustin",
        "x7476",
    ),
    "select customerName, city, postalCode, salesRepEmployeeNumber from customers where customerNumber = 105": (
        "Baron",
        "Riouboeuf",
        "34116",
        1105,
    ),
    "select productCode, productName, quantityInStock, MSRP from products order by 1 limit 1": (
        "S120_1012",
        "Recklinghausen Funicular (Winter)",
        7226,
        Decimal("19.24"),
    ),
    "select * from orders where orderNumber = 10116": (
        10116,
        date(2025, 5, 2),
        date(2025, 5, 16),
        date(2025, 5, 4),
        "Shipped",
        None,
        124,
    ),
    "select * from orderdetails where orderNumber = 10116 and orderLineNumber = 2": (
        10116,
        "S24_1006",
        30,
        Decimal("18.97"),
        2,
    ),
    "select * from payments order by paymentDate, checkNumber limit 1": (
        104,
        "UA9979638",
        date(2025, 1, 11),
        Decimal("21667.04"),
    ),
}


@pytest.mark.parametrize("query", PINNED, ids=lambda query: re.findall("from ([a-z]+)", query)[0])
def test_seed_one_gives_these_rows_on_every_machine_and_release(small: SampleAdmin, query: str) -> None:
    assert rows(small, query) == [PINNED[query]]


def test_every_run_of_numbers_takes_each_slot_once(small: SampleAdmin) -> None:
    with small.session() as session:
        session.use(small.database)
        session.set_variables(seed="1")
        for size in (25, 45, 50):
            slots = session.column(f"select {slot('x', 'seq', size)} from seq_0_to_{2 * size - 1} order by seq")
            assert sorted(slots[:size]) == sorted(slots[size:]) == list(range(size)) != slots[:size]


def test_two_topics_of_one_number_are_not_correlated(small: SampleAdmin) -> None:
    with small.session() as session:
        session.use(small.database)
        session.set_variables(seed="1")
        (pairs,) = session.column(
            f"select count(distinct {throw('one', 'seq')} % 16, {throw('two', 'seq')} % 16) from seq_1_to_5000"
        )
    assert pairs == 256


BOUNDS = {
    "offices": ((7, 7), (7, 7)),
    "employees": ((13, 17), (21, 25)),
    "customers": ((35, 39), (118, 126)),
    "productlines": ((7, 7), (7, 7)),
    "products": ((55, 65), (105, 115)),
    "orders": ((93, 105), (316, 336)),
    "orderdetails": ((750, 1000), (2700, 3300)),
    "payments": ((65, 95), (245, 300)),
}


@pytest.mark.parametrize("table", TABLE_DEFINITIONS)
def test_a_sample_is_about_as_large_as_its_scale_says(small: SampleAdmin, usual: SampleAdmin, table: str) -> None:
    for admin, (least, most) in zip((small, usual), BOUNDS[table], strict=True):
        (count,) = rows(admin, f"select count(*) from {table}")[0]
        assert isinstance(count, int)
        assert least <= count <= most


def test_every_comment_arrives_as_it_was_written(usual: SampleAdmin) -> None:
    found = {str(row[0]) for row in rows(usual, "select distinct cast(comments as binary) from orders")}
    written = {text.encode() for text in ("", *COMMENTS, *WIDE_COMMENTS)}
    assert found == {str(text) for text in written} | {"None"}


def test_every_reference_is_kept(usual: SampleAdmin) -> None:
    references = rows(
        usual,
        "select table_name, column_name, referenced_table_name, referenced_column_name"
        " from information_schema.key_column_usage"
        " where table_schema = database() and referenced_table_name is not null",
    )
    assert len(references) == 8
    for child, column, parent, key in references:
        orphans = f"select 1 from {child} c left join {parent} p on p.{key} = c.{column}"
        assert rows(usual, f"{orphans} where c.{column} is not null and p.{key} is null") == []


def test_history_ends_the_day_before_opening(usual: SampleAdmin) -> None:
    dates = rows(
        usual,
        "select min(orderDate), max(orderDate), max(shippedDate), max((select max(paymentDate) from payments)),"
        " min(datediff(shippedDate, orderDate)), min(datediff(requiredDate, orderDate)) from orders",
    )
    first, *last, quickest, soonest = dates[0]
    assert date(2024, 11, 20) <= first <= date(2024, 12, 1)  # type: ignore[operator]
    assert last[0] == date(2026, 11, 19)
    assert all(day < OPENING for day in last)  # type: ignore[operator]
    assert (quickest, soonest) == (1, 7)


def test_line_numbers_of_an_order_count_from_one(usual: SampleAdmin) -> None:
    assert not rows(
        usual,
        "select orderNumber from orderdetails group by orderNumber having min(orderLineNumber) <> 1"
        " or max(orderLineNumber) <> count(*) or count(distinct orderLineNumber) <> count(*)",
    )


def test_a_payment_or_two_of_a_day_pay_one_order(usual: SampleAdmin) -> None:
    unexplained = """
        with owed as (
            select customerNumber, sum(quantityOrdered * priceEach) as total
            from orders join orderdetails using (orderNumber) group by orderNumber, customerNumber
        )
        select * from payments as p
        where not exists (select 1 from owed as o where o.customerNumber = p.customerNumber and total = p.amount)
        and not exists (
            select 1 from owed as o join payments as q using (customerNumber)
            where o.customerNumber = p.customerNumber and q.paymentDate = p.paymentDate
            and total = p.amount + q.amount
        )
    """
    assert rows(usual, unexplained) == []


def test_december_sells_more_than_february(usual: SampleAdmin) -> None:
    assert rows(usual, "select 1 from orders having sum(month(orderDate) = 12) > sum(month(orderDate) = 2)")


def test_the_history_is_dated_before_opening_in_the_binary_log(home: Path, other: SampleAdmin) -> None:
    with other.session() as session:
        file, position, *_ = session.rows("show master status")[0]
    create_sample(other, seed=1, scale=0.3, opening=OPENING)
    stamps = binlog_stamps(home, file, position)
    assert len(stamps) > 50
    assert max(stamps) < datetime.combine(OPENING, time(), UTC).timestamp()


def binlog_stamps(home: Path, file: str, position: int) -> list[int]:
    """The stamps of all events from a position on, read from the log file itself."""
    log = (home / "mariadb" / "data" / file).read_bytes()
    stamps = []
    while position < len(log):
        stamps.append(int.from_bytes(log[position : position + 4], "little"))
        position += int.from_bytes(log[position + 9 : position + 13], "little")
    return stamps


@pytest.mark.parametrize("scale", [0, -1, float("nan"), 20_000])
def test_a_scale_that_no_sample_has_is_refused(other: SampleAdmin, scale: float) -> None:
    with pytest.raises(LocalStackError, match="choose a scale above 0"):
        create_sample(other, seed=1, scale=scale, opening=OPENING)


def test_two_cannot_create_at_once(other: SampleAdmin) -> None:
    refused = pytest.raises(LocalStackError, match="wait until they are done")
    with other.session() as session, session.exclusive(other.database), refused:
        create_sample(other, seed=1, scale=0.3, opening=OPENING)


def test_an_account_without_a_server_says_so_without_its_password(small: SampleAdmin) -> None:
    gone = replace(small, port=1)
    with pytest.raises(LocalStackError, match="does not answer") as error, gone.session():
        pass
    assert small.password not in str(error.value) + repr(gone)


def test_a_home_without_a_stack_is_told_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="refera up"):
        SampleAdmin.from_home(tmp_path)


def test_the_tables_have_the_shape_of_the_public_sample(small: SampleAdmin, other: SampleAdmin) -> None:
    if not PUBLIC_SAMPLE.exists():
        pytest.skip(f"the public sample is not at {PUBLIC_SAMPLE}")
    dump = PUBLIC_SAMPLE.read_text(encoding="utf-8")
    with other.session() as session:
        session.run(f"create database {other.database}")
        session.use(other.database)
        session.run("set foreign_key_checks = 0")
        for statement in re.findall(r"^CREATE TABLE .*?;", dump, re.DOTALL | re.MULTILINE):
            session.run(statement)
        assert shape(session, small.database) == shape(session, other.database)


def shape(session: SampleSession, database: str) -> list[list[tuple[object, ...]]]:
    """Columns, keys and foreign keys of all tables."""
    return [
        session.rows(
            "select table_name, ordinal_position, column_name, column_type, is_nullable, column_default"
            " from information_schema.columns where table_schema = %s order by 1, 2",
            database,
        ),
        session.rows(
            "select table_name, index_name, seq_in_index, column_name, non_unique"
            " from information_schema.statistics where table_schema = %s order by 1, 2, 3",
            database,
        ),
        session.rows(
            "select table_name, constraint_name, column_name, referenced_table_name, referenced_column_name"
            " from information_schema.key_column_usage where table_schema = %s order by 1, 2, 3",
            database,
        ),
    ]
