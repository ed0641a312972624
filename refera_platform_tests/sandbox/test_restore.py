"""A dump file replaces the local source as a whole, or leaves it as it was."""

import hashlib
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pymysql
import pytest

from refera_platform.errors import LocalStackError
from refera_platform.sandbox import stack
from refera_platform.sandbox.dump import swap
from refera_platform.sandbox.dump.restore import restore_dump
from refera_platform.sandbox.lock import exclusive_lock
from refera_platform.sandbox.servers import mariadb
from refera_platform_tests.sandbox.conftest import COUNTS, REAL_DUMP, Private, command_lines, dump_text

PROVENANCE = {
    "customers": 122,
    "employees": 23,
    "offices": 7,
    "orderdetails": 2996,
    "orders": 326,
    "payments": 273,
    "productlines": 7,
    "products": 110,
}
FOREIGN_KEYS = {
    ("customers", "salesRepEmployeeNumber", "employees"),
    ("employees", "reportsTo", "employees"),
    ("employees", "officeCode", "offices"),
    ("orderdetails", "orderNumber", "orders"),
    ("orderdetails", "productCode", "products"),
    ("orders", "customerNumber", "customers"),
    ("payments", "customerNumber", "customers"),
    ("products", "productLine", "productlines"),
}
RESTORE = """
import pathlib, sys
from refera_platform.sandbox.dump.restore import restore_dump
restore_dump(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), on_step=lambda line: print(line, flush=True))
"""


def foreign_keys(private: Private) -> set[tuple[str, ...]]:
    return set(
        private.ask(
            "select table_name, column_name, referenced_table_name from information_schema.key_column_usage"
            " where table_schema = 'classicmodels' and referenced_table_schema = 'classicmodels'"
        )
    )


def leftovers(private: Private) -> list[str]:
    databases = [name for (name,) in private.ask("show databases like 'classicmodels\\_\\_%'")]
    folders = [folder.name for folder in (private.home / "scratch").glob("*")]
    return databases + folders + [line for line in command_lines().splitlines() if f"{private.home}/scratch/" in line]


@pytest.fixture
def served(private: Private, tmp_path: Path) -> Private:
    """A stack that serves rows of its own, which must stay when a restore fails."""
    if private.rows() != COUNTS:
        other = tmp_path / "before.sql"
        other.write_text(dump_text())
        restore_dump(private.home, other)
    private.ask("update orders set status = 'Before'")
    (private.home / "sample.json").write_text("{}")
    return private


def assert_unchanged(private: Private) -> None:
    assert private.ask("select status from orders") == [("Before",)] * 2
    assert private.rows() == COUNTS
    assert (private.home / "sample.json").exists()
    assert leftovers(private) == []


@pytest.mark.skipif(not REAL_DUMP.exists(), reason="the public sample is not beside the checkout")
def test_the_public_sample_arrives_whole_and_faithful(private: Private) -> None:
    before = hashlib.sha256(REAL_DUMP.read_bytes()).digest()
    read: list[tuple[int, int]] = []
    report = restore_dump(private.home, REAL_DUMP, on_progress=lambda done, total: read.append((done, total)))
    assert hashlib.sha256(REAL_DUMP.read_bytes()).digest() == before
    assert read[-1] == (REAL_DUMP.stat().st_size,) * 2
    assert (report.database, report.tables, report.notes) == ("classicmodels", PROVENANCE, ())
    assert private.rows() == PROVENANCE
    assert foreign_keys(private) == FOREIGN_KEYS
    charset = private.ask("select table_collation from information_schema.tables where table_name = 'customers'")
    assert charset == [("latin1_swedish_ci",)]
    written = [letter for letter in REAL_DUMP.read_text() if not letter.isascii()]
    texts = [value for table in PROVENANCE for row in private.ask(f"select * from {table}") for value in row]
    arrived = [letter for text in texts if isinstance(text, str) for letter in text if not letter.isascii()]
    assert len(written) > 20
    assert sorted(arrived) == sorted(written)


def test_every_value_of_a_dump_arrives(private: Private, dump: Path) -> None:
    (private.home / "sample.json").write_text("{}")
    seen: list[str] = []
    report = restore_dump(
        private.home, dump, lambda *_: seen.append(command_lines()), lambda _: seen.append(command_lines())
    )
    assert report.tables == private.rows() == COUNTS
    assert report.rows == sum(COUNTS.values())
    assert private.ask(
        "select customerName, contactLastName, contactFirstName, city, creditLimit from customers"
        " where customerNumber = 2"
    ) == [("O'Neill; & \\Sons", "O'Neill", '"Pat"', "Auckland  ", None)]
    assert private.ask("select customerName, city from customers where customerNumber = 1") == [
        ("Ateliê São João", "São Paulo")
    ]
    assert private.ask("select comments from orders where orderNumber = 100") == [
        ("line one\r\nline two; -- not a comment",)
    ]
    assert private.ask("select image from productlines where productLine = 'Barcos'") == [(b"\0'\n\x1a\xc3\xa9",)]
    assert private.ask("select image from productlines where productLine = 'Aviões'") == [(b"\xff\0\xc3(\xfe",)]
    assert not (private.home / "sample.json").exists()
    assert leftovers(private) == []
    database = private.address.mariadb
    assert any(f"{private.home}/scratch/restore-" in each for each in seen)
    for account in (database.admin, database.reader, database.root):
        assert not [each for each in seen if account.password in each]


def test_a_second_restore_replaces_the_first_and_whatever_else_was_there(served: Private, dump: Path) -> None:
    served.ask(
        "create table of_mine (customerNumber int, foreign key (customerNumber) references customers (customerNumber))"
    )
    restore_dump(served.home, dump)
    assert served.rows() == COUNTS
    assert {status for (status,) in served.ask("select status from orders")} == {"In Process", "Shipped"}
    assert foreign_keys(served) == FOREIGN_KEYS
    with pytest.raises(pymysql.IntegrityError):
        served.ask("delete from customers where customerNumber = 1")
    with pytest.raises(pymysql.IntegrityError):
        served.ask("insert into payments values (77, 'x', '2026-01-01', 1)")
    assert served.ask("select count(*) from orders", served.address.mariadb.reader) == [(2,)]


def test_the_names_of_database_and_tables_and_further_objects_do_not_matter(private: Private, tmp_path: Path) -> None:
    text = dump_text(database="shop")
    for table in ("customers", "orders", "orderdetails"):
        text = text.replace(f"`{table}`", f"`{table.title()}`")
    extra = """
CREATE TABLE `regions` (`id` int PRIMARY KEY);
ALTER TABLE `offices` ADD `region` int, ADD CONSTRAINT `to_regions` FOREIGN KEY (`region`) REFERENCES `regions` (`id`);
/*!50001 CREATE ALGORITHM=UNDEFINED DEFINER=`boss`@`%` SQL SECURITY DEFINER VIEW `busy` AS SELECT * FROM `Orders` */;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`boss`@`%`*/ /*!50003 TRIGGER `t` BEFORE INSERT ON `Orders`
FOR EACH ROW BEGIN SET NEW.status = 'x'; END */;;
CREATE DEFINER=`boss`@`%` PROCEDURE `p`() BEGIN SELECT 1; END ;;
DELIMITER ;
"""
    path = tmp_path / "shop.sql"
    path.write_text(
        (
            text[: text.index("/*!40103 SET TIME_ZONE=@OLD")]
            + extra
            + text[text.index("/*!40103 SET TIME_ZONE=@OLD") :]
        ).replace("\n", "\r\n")
    )
    report = restore_dump(private.home, path)
    assert report.database == "shop"
    assert private.rows() == COUNTS
    assert set(report.notes) == {
        "1 view not carried over",
        "1 trigger not carried over",
        "1 routine not carried over",
        "table shop.regions not carried over",
        "foreign key to_regions of offices not carried over: it points at shop.regions",
    }
    assert foreign_keys(private) == FOREIGN_KEYS
    private.ask("update orders set status = 'still mine' where orderNumber = 100")


@pytest.mark.parametrize("kind", ["VIRTUAL", "STORED"])
def test_generated_columns_and_columns_of_several_character_sets_arrive(
    kind: str, private: Private, tmp_path: Path
) -> None:
    text = dump_text().replace(
        "  `amount` decimal(10,2) NOT NULL,",
        f"  `amount` decimal(10,2) NOT NULL,\n  `paid` int GENERATED ALWAYS AS (year(`paymentDate`)) {kind},\n"
        "  `polish` varchar(9) CHARACTER SET latin2 DEFAULT 'łódź',\n  `greek` varchar(9) CHARACTER SET greek,",
    )
    path = tmp_path / "generated.sql"
    path.write_text(
        text.replace(
            "INTO `payments` VALUES",
            "INTO `payments` (customerNumber, checkNumber, paymentDate, amount) VALUES",
        )
    )
    assert restore_dump(private.home, path).notes == ()
    assert private.ask("select paid, polish, greek from payments") == [(2026, "łódź", None)]


def test_a_copy_that_differs_in_one_value_is_seen(served: Private) -> None:
    tables = {"orders": "orders", "payments": "payments"}
    with (
        closing(mariadb.connect_mariadb(served.address.mariadb, served.address.mariadb.admin)) as connection,
        connection.cursor() as cursor,
    ):
        before = swap.table_totals(cursor, "classicmodels", tables)
        assert swap.table_totals(cursor, "classicmodels", tables) == before
        cursor.execute("update orders set comments = '' where comments is null")
        after = swap.table_totals(cursor, "classicmodels", tables)
        connection.rollback()
    assert after["payments"] == before["payments"]
    assert after["orders"] != before["orders"]


def test_a_dump_that_fails_leaves_what_was_there(served: Private, dump: Path) -> None:
    dump.write_text(dump_text()[:-2000])
    with pytest.raises(LocalStackError, match="the local source is unchanged"):
        restore_dump(served.home, dump)
    assert_unchanged(served)


def test_a_restore_killed_on_its_way_leaves_what_was_there_and_the_next_one_cleans_up(
    served: Private, dump: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RESTORE, str(served.home), str(dump)], stdout=subprocess.PIPE
    ) as killed:
        assert killed.stdout is not None
        while b"Copying" not in killed.stdout.readline():
            assert killed.poll() is None
        killed.send_signal(signal.SIGKILL)
    assert served.rows() == COUNTS
    assert served.ask("select status from orders") == [("Before",)] * 2
    assert leftovers(served) != []
    restore_dump(served.home, dump)
    assert leftovers(served) == []
    assert ("Shipped",) in served.ask("select status from orders")


@pytest.mark.parametrize("exchanged", [True, False])
def test_a_restore_killed_around_the_exchange_is_finished_or_undone_by_the_next_start(
    served: Private, exchanged: bool
) -> None:
    served.ask(f"create database {swap.INCOMING_DATABASE}")
    served.ask(f"create database {swap.OUTGOING_DATABASE}")
    served.ask(f"create table {swap.OUTGOING_DATABASE if exchanged else swap.INCOMING_DATABASE}.orders (i int)")
    stack.start_stack(served.home)
    assert leftovers(served) == []
    assert (served.home / "sample.json").exists() is not exchanged


def test_a_session_that_reads_the_source_is_waited_for_but_not_for_ever(
    served: Private, dump: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "LOCK_SECONDS", 1)
    reader = served.address.mariadb
    with (
        closing(
            pymysql.connect(
                unix_socket=reader.socket,
                user=reader.reader.user,
                password=reader.reader.password,
                database="classicmodels",
            )
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("start transaction with consistent snapshot")
        cursor.execute("select * from orders")
        with pytest.raises(LocalStackError, match="somebody is reading it"):
            restore_dump(served.home, dump)
    stack.start_stack(served.home)
    assert_unchanged(served)


def test_a_path_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalStackError, match=r"There is no file .*nowhere\.sql"):
        restore_dump(tmp_path / "home", tmp_path / "nowhere.sql")
    with pytest.raises(LocalStackError, match="is a folder"):
        restore_dump(tmp_path / "home", tmp_path)
    assert not (tmp_path / "home").exists()


def test_two_restores_at_once_do_not_mix(private: Private, dump: Path) -> None:
    before = private.rows()
    with (
        exclusive_lock(private.home / swap.RESTORE_LOCK_FILE, timeout_seconds=0, busy_message=""),
        pytest.raises(LocalStackError, match="Another restore is running"),
    ):
        restore_dump(private.home, dump)
    assert private.rows() == before
