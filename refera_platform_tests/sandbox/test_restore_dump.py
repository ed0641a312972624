"""What a scratch server makes of a file: a dump read whole, or one sentence about what is wrong with it."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from refera_platform.errors import LocalStackError
from refera_platform.sandbox.dump import swap
from refera_platform.sandbox.dump.dump_file import DumpFile
from refera_platform.sandbox.dump.restore import examine_dump
from refera_platform.sandbox.servers import scratch_mariadb
from refera_platform_tests.sandbox.conftest import COUNTS, dump_text

GTIDS = """
SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;
SET @@SESSION.SQL_LOG_BIN= 0;
SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5,
4E11FA47-71CA-11E1-9E33-C80AA9429562:1-9';
SET @@SESSION.SQL_LOG_BIN = @MYSQLDUMP_TEMP_LOG_BIN;
"""
POSITIONS = (
    "CHANGE MASTER TO MASTER_LOG_FILE='mysql-bin.000042', MASTER_LOG_POS=157;\n",
    "CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE='binlog.000002',\n  SOURCE_LOG_POS=157;\n",
    "CHANGE MASTER TO MASTER_USE_GTID=slave_pos;\nSET GLOBAL gtid_slave_pos='0-1-5';\n",
)
"""What --master-data and --source-data of mysqldump and mariadb-dump write ahead of the tables."""


@pytest.fixture(scope="module")
def one_scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[scratch_mariadb.ScratchServer]:
    with scratch_mariadb.open_scratch_server(tmp_path_factory.mktemp("scratch")) as server:
        yield server


@pytest.fixture
def server(one_scratch: scratch_mariadb.ScratchServer) -> scratch_mariadb.ScratchServer:
    """A running scratch server with nothing in it; a start for each broken file would take a minute."""
    with one_scratch.session() as cursor:
        cursor.execute("show databases")
        for (name,) in cursor.fetchall():
            if name not in {"information_schema", "mysql", "performance_schema", "sys"}:
                cursor.execute(f"drop database `{name}`")
        cursor.execute(f"create database {scratch_mariadb.DUMP_DATABASE}")
    return one_scratch


def broken(text: str | bytes, server: scratch_mariadb.ScratchServer, folder: Path) -> str:
    """What is said of a file that cannot be restored."""
    path = folder / "dump.sql"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(LocalStackError) as refused:
        examine_dump(DumpFile.open(path), server)
    assert str(path) in refused.value.problem
    assert len(str(refused.value)) < 600
    assert "\n" not in str(refused.value)
    return str(refused.value).replace(str(path), "DUMP")


def test_a_hostile_dump_harms_nothing(server: scratch_mariadb.ScratchServer, tmp_path: Path) -> None:
    evil = tmp_path / "evil"
    for statement, words in {
        f"\\! touch {evil}": "Unknown command|syntax error",
        f"system touch {evil};": "syntax error",
        f"source {evil};": "syntax error",
        f"\\T {evil}": "Unknown command|syntax error",
        f"SELECT 1 INTO OUTFILE '{evil}';": "FILE privilege",
        "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t;": "not allowed|disabled",
        f"SET GLOBAL general_log_file = '{evil}';": "SUPER",
        "DROP DATABASE mysql;": "Access denied",
        "DROP TABLE mysql.global_priv;": "denied",
        "GRANT ALL ON *.* TO 'eve'@'%' IDENTIFIED BY 'eve';": "Access denied",
        "CREATE USER eve;": "CREATE USER privilege",
        "INSTALL SONAME 'ha_connect';": "denied",
        "SHUTDOWN;": "SHUTDOWN privilege",
        "CREATE DEFINER=root@localhost PROCEDURE dump.p() SET GLOBAL general_log = 1; CALL dump.p();": "definer",
        f"CREATE TABLE t (i int) ENGINE=Aria DATA DIRECTORY='{tmp_path}'; LOCK TABLES x WRITE;": "exist",
    }.items():
        said = broken(f"SELECT 1;\n{statement}\n", server, tmp_path)
        assert re.search(words, said), (statement, said)
    assert [entry.name for entry in tmp_path.iterdir()] == ["dump.sql"]
    with server.session() as cursor:
        cursor.execute("select current_user()")
        assert cursor.fetchone() == ("loader@localhost",)


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ("-- Dump completed", "it ends without the line `-- Dump completed`"),
        ("/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;\n", "it ends without"),
        ("INSERT INTO `payments` VALUES\n(1,'HQ1'", "looks cut off"),
        ("(2,'O\\'Nei", "looks cut off"),
        ("LOCK TABLES `products` WRITE;\n", "it ends without"),
        ("`customers_ibfk_1` FOREIGN KEY", "looks cut off"),
        ("('2','Lisboa','+351','Rua D','2º','','Portugal','1000','EMEA')", "it ends inside a statement"),
        ("-- Host: localhost", "it ends without"),
    ],
)
def test_a_dump_that_was_cut_off_is_refused(
    last: str, reason: str, server: scratch_mariadb.ScratchServer, tmp_path: Path
) -> None:
    text = dump_text()
    cut = text.index(last) + (0 if last.startswith("-- Dump") else len(last))
    said = broken(text[:cut], server, tmp_path)
    assert reason in said
    assert f"at line {text[:cut].count(chr(10)) + (text[cut - 1] != chr(10))}" in said or "broken at line" in said
    assert "unchanged" in said


def test_a_header_of_other_tools_without_its_end_is_a_cut_off_dump(
    server: scratch_mariadb.ScratchServer, tmp_path: Path
) -> None:
    text = dump_text().replace("-- MySQL dump", "-- my own dump").replace("-- Dump completed", "-- the end")
    last = "/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;\n"
    said = broken(text[: text.index(last) + len(last)], server, tmp_path)
    assert "it ends without restoring" in said


def test_rows_that_point_at_rows_which_are_not_there_are_an_incomplete_dump(
    server: scratch_mariadb.ScratchServer, tmp_path: Path
) -> None:
    text = dump_text(comments=False)
    cut = text.index("LOCK TABLES `products`")
    assert "3 rows of orderdetails point at products that are not in it" in broken(text[:cut], server, tmp_path)


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_a_syntax_error_is_named_with_its_line(
    ends: str, server: scratch_mariadb.ScratchServer, tmp_path: Path
) -> None:
    text = dump_text().replace("(101,'2026-01-03'", "(101 '2026-01-03'").replace("\n", ends)
    line = text[: text.index("(101 ")].count("\n") + 1
    assert f"DUMP is broken at line {line}: syntax error near \"'2026-01-03'" in broken(text, server, tmp_path)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [("(101,'2026-01-03", ""), ("(100,'2026-01-03'", "often because a key occurs twice")],
    ids=["quote", "twice"],
)
def test_a_row_that_is_refused_is_named_with_the_line_of_its_statement(
    wrong: str, words: str, server: scratch_mariadb.ScratchServer, tmp_path: Path
) -> None:
    text = dump_text()
    line = text[: text.index("INSERT INTO `orders`")].count("\n") + 1
    said = broken(text.replace("(101,'2026-01-03'", wrong), server, tmp_path)
    assert f"DUMP is broken at line {line}: " in said
    assert words in said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \r\n\n", "is empty"),
        (b"PK\x03\x04rest", "is a zip archive"),
        (b"BZh91AY", "is bzip2-compressed"),
        (b"\xfd7zXZ\0", "is xz-compressed"),
        ("-- MySQL dump".encode("utf-16"), "is UTF-16 text.*--result-file"),
        (b"\x7fELF\x02\x01\0\0\0", "is a binary file"),
        (b"Dear all,\nplease find the dump below.\n", "line 1: syntax error near 'Dear all"),
        (b"-- nothing but a comment\n", "table customers, table employees.* and 4 more are missing"),
        (b"a,b,c\n1,2,3\n", "broken at line 1"),
        (gzip.compress(dump_text().encode())[:-900], "gzip stream ends too early"),
        (gzip.compress(dump_text().encode())[:-5] + b"\0\0\0\0\0", "gzip stream is damaged"),
    ],
    ids=["empty", "blank", "zip", "bzip2", "xz", "utf-16", "program", "letter", "comment", "csv", "cut", "damaged"],
)
def test_a_file_that_is_no_dump_says_what_it_is(
    content: bytes, words: str, server: scratch_mariadb.ScratchServer, tmp_path: Path
) -> None:
    assert re.search(words, broken(content, server, tmp_path))


def test_a_dump_of_another_business_says_what_is_missing(server: scratch_mariadb.ScratchServer, tmp_path: Path) -> None:
    text = dump_text().replace("`payments`", "`payings`").replace("`orderDate`", "`date`")
    assert "table payments, column orders.orderDate are missing" in broken(text, server, tmp_path)


def test_a_dump_with_the_business_twice_is_refused(server: scratch_mariadb.ScratchServer, tmp_path: Path) -> None:
    said = broken(dump_text(database="a") + dump_text(database="b"), server, tmp_path)
    assert "several times, in a and b" in said


def test_a_dump_without_one_row_is_refused(server: scratch_mariadb.ScratchServer, tmp_path: Path) -> None:
    assert "not one row" in broken(dump_text(rows=False), server, tmp_path)


@pytest.mark.parametrize(
    "variant",
    [
        "gzip",
        "no use",
        "no comments",
        "crlf",
        "byte order mark",
        "mysql 8",
        "isam",
        "master position",
        "source position",
        "gtid position",
    ],
)
def test_other_ways_to_write_the_same_dump_are_read(
    variant: str, server: scratch_mariadb.ScratchServer, tmp_path: Path
) -> None:
    mysql8 = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci"
    content = {
        "gzip": gzip.compress(dump_text().encode()),
        "no use": dump_text(use=False).encode(),
        "no comments": dump_text(comments=False).encode(),
        "crlf": dump_text().replace("\n", "\r\n").encode(),
        "byte order mark": b"\xef\xbb\xbf" + dump_text().encode(),
        "mysql 8": dump_text(options=mysql8)
        .replace("\nUSE", f"{GTIDS}\nUSE", 1)
        .replace("'line one", "'utf8mb4_0900_ai_ci line one")
        .encode(),
        "no create": dump_text().replace("CREATE DATABASE", "-- ").encode(),
        "master position": POSITIONS[0].encode() + dump_text().encode(),
        "source position": POSITIONS[1].encode() + dump_text().encode(),
        "gtid position": POSITIONS[2].encode() + dump_text().encode(),
        "isam": dump_text(options="ENGINE=MyISAM DEFAULT CHARSET=latin1").encode(),
    }[variant]
    path = tmp_path / "dump.sql"
    path.write_bytes(content)
    business, notes = examine_dump(DumpFile.open(path), server)
    with server.session(business.database) as cursor:
        assert {
            name: rows for name, (rows, _) in swap.table_totals(cursor, business.database, business.tables).items()
        } == COUNTS
        cursor.execute("select comments from orders where orderNumber = 100")
        assert (cursor.fetchone() or ("",))[0].endswith("line one\r\nline two; -- not a comment")
        cursor.execute("select count(*) from orders where comments like '%0900%'")
        assert cursor.fetchone() == (int(variant == "mysql 8"),)
    assert notes == {
        "mysql 8": ["collations of MySQL 8 became the nearest that MariaDB has", "GTIDs not carried over"],
        "master position": ["the position at which a replica would start not carried over"],
        "source position": ["the position at which a replica would start not carried over"],
        "gtid position": ["the position at which a replica would start and GTIDs not carried over"],
    }.get(variant, [])
    assert business.database == (scratch_mariadb.DUMP_DATABASE if variant == "no use" else "classicmodels")


def test_a_row_that_reads_like_a_statement_about_replication_is_a_row(
    server: scratch_mariadb.ScratchServer, tmp_path: Path
) -> None:
    path = tmp_path / "dump.sql"
    comment = "first line;\nCHANGE MASTER TO nobody"
    path.write_text(dump_text().replace("line one", f"{comment};\nline one"))
    business, notes = examine_dump(DumpFile.open(path), server)
    with server.session(business.database) as cursor:
        cursor.execute("select comments from orders where orderNumber = 100")
        assert (cursor.fetchone() or ("",))[0].startswith(comment)
    assert notes == []
