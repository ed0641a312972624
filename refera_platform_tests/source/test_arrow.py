"""Columns given to DuckDB arrive as they are, and bytes that are no text never arrive at all."""

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import nanoarrow as na
import numpy as np
import pytest

from refera_platform.errors import SourceError
from refera_platform.source import arrow

pytestmark = pytest.mark.unit

CENTS = np.array([-123, 0, 10**18 - 1], dtype=np.int64)
VALID = np.array([True, False, True])


def scanned(columns, length, times=1):
    """Types and rows that DuckDB sees in a batch."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("batch", arrow.ArrowBatch(columns, length))
        for _ in range(times):
            found = connection.execute("select * from batch")
            kinds, rows = [str(kind) for _, kind, *_ in found.description], found.fetchall()
        return kinds, rows


def test_every_kind_of_column_arrives_with_its_type_its_values_and_its_nulls():
    columns = {
        "text": arrow.text_array(["três 🚗".encode(), None, b""]),
        "bytes": arrow.binary_array([b"\x00\xff", None, b""]),
        "int": arrow.number_array(np.array([-1, 0, 127], dtype=np.int8), VALID),
        "uint": arrow.number_array(np.array([2**64 - 1, 0, 0], dtype=np.uint64), VALID),
        "float": arrow.number_array(np.array([1.5, 0, -0.0], dtype=np.float32), VALID),
        "day": arrow.number_array(np.array([-1, 0, 2932896], dtype=np.int32), VALID, na.date32()),
        "moment": arrow.number_array(np.array([-1, 0, 1], dtype=np.int64), VALID, na.timestamp("us")),
        "instant": arrow.number_array(np.array([-1, 0, 1], dtype=np.int64), VALID, na.timestamp("us", "UTC")),
        "decimal": arrow.number_array(np.column_stack([CENTS, CENTS >> 63]), VALID, na.decimal128(38, 2)),
    }
    kinds, rows = scanned(columns, 3)
    assert kinds == [
        "VARCHAR",
        "BLOB",
        "TINYINT",
        "UBIGINT",
        "FLOAT",
        "DATE",
        "TIMESTAMP",
        "TIMESTAMP WITH TIME ZONE",
        "DECIMAL(38,2)",
    ]
    assert rows[0] == (
        "três 🚗",
        b"\x00\xff",
        -1,
        2**64 - 1,
        1.5,
        date(1969, 12, 31),
        datetime(1969, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        Decimal("-1.23"),
    )
    assert rows[1] == (None,) * 9
    assert rows[2][:3] == ("", b"", 127)
    assert rows[2][5] == date(9999, 12, 31)
    assert rows[2][8] == Decimal("9999999999999999.99")


def test_a_batch_can_be_scanned_again_and_may_be_empty():
    columns = {"a": arrow.text_array([b"1", b"2"]), "b": arrow.number_array(np.array([1, 2], dtype=np.int64))}
    assert scanned(columns, 2, times=3)[1] == [("1", 1), ("2", 2)]
    assert scanned({"a": arrow.text_array([]), "b": arrow.binary_array([])}, 0) == (["VARCHAR", "BLOB"], [])


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        pytest.param([b"ok", None, b"a\xffb"], r"\\xffb", id="a byte of no text"),
        pytest.param([b"\xc3", None, b"", b"\xa9"], r"\\xa9", id="a character torn between two values"),
        pytest.param([b"\xed\xa0\x80"], r"\\xed", id="half of a pair"),
        pytest.param(["é".encode(), b"\xf0\x9f"], r"\\xf0", id="an end cut off"),
    ],
)
def test_bytes_that_are_no_text_are_refused_by_the_name_of_their_column(values, shown):
    with pytest.raises(SourceError, match=rf"^Column note holds bytes that are not valid text \(b'{shown}"):
        arrow.text_array(values, "Column note")


def test_it_works_where_neither_pyarrow_nor_pandas_is_installed():
    program = (
        "import sys; sys.modules.update(pyarrow=None, pandas=None)\n"
        "import duckdb; from refera_platform.source import arrow\n"
        "connection = duckdb.connect()\n"
        "connection.register('batch', arrow.ArrowBatch({'a': arrow.text_array([b'1', None])}, 2))\n"
        "print(connection.execute('select * from batch').fetchall())\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[('1',), (None,)]\n", "")
