"""Every format of ``refera query`` gives decimals to the last digit, dates as dates, and NULL as nothing else."""

import csv
import io
import json
from datetime import date
from decimal import Decimal

import duckdb
import pytest
from pyarrow import parquet

from refera_platform.answers.session import OUTPUT_FORMATS, QuerySession
from refera_platform.cli.query import write_result
from refera_platform.lake.lake import Lake
from refera_platform.warehouse.publish.manifest import Publication
from refera_platform_tests.checkout import checkout_project

VALUES = {
    "large": Decimal("12345678901234567.89"),
    "cents": Decimal("0.10"),
    "small": Decimal("-0.000000000001"),
    "whole": Decimal("99999999999999999999999999999999999999"),
    "day": date(2003, 1, 6),
    "no_day": None,
    "no_amount": None,
    "no_text": None,
    "empty": "",
}
SQL = """
select
    12345678901234567.89::decimal(38, 2) as large,
    0.10::decimal(18, 2) as cents,
    -0.000000000001::decimal(38, 12) as small,
    99999999999999999999999999999999999999::decimal(38, 0) as whole,
    date '2003-01-06' as day,
    null::date as no_day,
    null::decimal(18, 2) as no_amount,
    null::varchar as no_text,
    '' as empty
"""


@pytest.fixture
def answer(stage, tmp_path, capfdbinary):
    """What the command writes in a format, as bytes."""

    def answered(form):
        with duckdb.connect() as connection:
            nothing = Publication(run_id="", published_at="", models={}, sources={})
            write_result(QuerySession(connection, nothing, Lake(stage), checkout_project(), tmp_path), SQL, form, None)
        return capfdbinary.readouterr().out

    return answered


def _csv(text, delimiter):
    # what stands in quotes is a text, and a field of nothing at all is NULL
    (header, line) = text.splitlines()
    raw = line.split(delimiter)
    row = dict(zip(header.split(delimiter), next(csv.reader(io.StringIO(line), delimiter=delimiter)), strict=True))
    return {name: None if written == "" else _typed(name, row[name]) for name, written in zip(row, raw, strict=True)}


def _typed(name, value):
    kind = type(VALUES[name])
    return date.fromisoformat(value) if kind is date else kind(value)


def _parquet(content, path):
    path.write_bytes(content)
    (row,) = parquet.read_table(path).to_pylist()
    return row


def _table(text):
    (line,) = [line for line in text.splitlines() if "2003-01-06" in line]
    cells = [cell.strip() for cell in line.strip("│┃|").split("│")]
    return {name: None if cell == "NULL" else _typed(name, cell) for name, cell in zip(VALUES, cells, strict=True)}


def test_every_format_is_exact_and_tells_null_from_nothing(answer, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    read = {
        "table": lambda content: _table(content.decode()),
        "csv": lambda content: _csv(content.decode(), ","),
        "tsv": lambda content: _csv(content.decode(), "\t"),
        "json": lambda content: {
            name: None if value is None else _typed(name, value)
            for (row,) in [json.loads(content, parse_float=str, parse_int=str)]
            for name, value in row.items()
        },
        "parquet": lambda content: _parquet(content, tmp_path / "answer.parquet"),
    }
    assert set(read) == set(OUTPUT_FORMATS)
    for form in OUTPUT_FORMATS:
        assert read[form](answer(form)) == VALUES, form
