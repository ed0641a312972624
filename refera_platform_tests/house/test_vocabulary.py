"""Names and docstrings of the package are in the field's words: a reader from Debezium, dlt or Dagster finds them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from refera_platform_tests.house.tree import PACKAGE, ROOT, modules, name, nodes

pytestmark = pytest.mark.unit

IN_NAMES = {
    "afresh": "resnapshot",
    "anew": "again, resnapshot",
    "aside": "XA buffer",
    "baseline": "snapshot",
    "bury": "fail_orphaned_runs",
    "came": "result",
    "captured": "ingested",
    "cells": "column codec",
    "gaps": "missing days",
    "heard": "messages, from_json",
    "missed": "missing",
    "moment": "position, instant",
    "most": "MAX_…",
    "owed": "failed_steps",
    "passes": "ingest run",
    "patience": "…_TIMEOUT_SECONDS",
    "piece": "chunk",
    "pieces": "chunks",
    "piecewise": "chunked",
    "place": "position",
    "proof": "integrity",
    "runway": "log retention",
    "shape": "columns, column resolver",
    "shapes": "columns, column resolver",
    "standing": "open differences",
    "struck": "affected",
    "told": "to_json, messages, notified",
    "trouble": "error",
    "unfinished": "retry_candidates",
}
"""Words that no name has, and what it has instead."""
AS_NOUNS = {
    "found": "the thing itself: match, differences, findings",
    "known": "existing, days_in_lake",
    "seen": "observed, visited",
    "there": "existing",
    "wanted": "requested",
    "was": "previous",
}
"""Words that are no name by themselves; as a part of one they may be plain English."""
IN_DOCSTRINGS = {
    *("afresh", "anew", "baseline", "bury", "came", "heard", "moment", "owed", "patience", "piece", "pieces"),
    *("piecewise", "runway", "struck", "told", "trouble", "unfinished"),
}
"""Of these the words that no docstring needs in their everyday sense."""
WORD = re.compile(r"(?<![\w`\"/-])[a-z]+(?![\w`\"/-])")
"""A word of a sentence; not one of a path, a key or of code."""
STORED = {
    "baseline": "a field of the raw objects' state",
    "passes": "a field of the raw objects' state",
    "most_rows": "a field of a chunk plan",
    "first_place": "a field of a reconciliation, as a function reports it",
    "found": "a field of a finding, as a function reports it",
    "found_by": "a meta key of the dbt project",
    "captured_at": "a column of tables that users read",
    "captured_days": "a table that the dbt project reads",
    "CAPTURED_DAYS_COLUMNS": "the columns of that table",
}
"""Names that are written somewhere, and where."""


def parts(identifier: str) -> set[str]:
    """The words of a name: ``_told_before`` and ``ToldBefore`` both have two."""
    return {part.lower() for part in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", identifier)}


def identifiers(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of everything that ``source`` defines."""
    for node in nodes(source):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.lineno, node.name


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every docstring, also of those under a field or a constant."""
    for node in nodes(source):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def dialect_names(source: str) -> list[str]:
    """Names of ``source`` with a word that only this project once used, each with the field's."""
    return [
        f"line {line}: {identifier} ({word}: {IN_NAMES[word]})"
        for line, identifier in identifiers(source)
        if identifier not in STORED
        for word in sorted(parts(identifier) & IN_NAMES.keys())
    ] + [
        f"line {line}: {identifier} ({AS_NOUNS[identifier.strip('_')]})"
        for line, identifier in identifiers(source)
        if identifier not in STORED and identifier.strip("_") in AS_NOUNS
    ]


def dialect_docstrings(source: str) -> list[str]:
    """The same words in docstrings."""
    return [
        f"line {line}: {word} ({IN_NAMES[word]})"
        for line, text in docstrings(source)
        for word in sorted(set(WORD.findall(text.lower())) & IN_DOCSTRINGS)
    ]


def dbt_prose(source: str, suffix: str) -> str:
    """Comments of a SQL file; all of a file with descriptions."""
    return " ".join(re.findall(r"{#.*?#}|--[^\n]*", source, re.DOTALL)) if suffix == ".sql" else source


def dialect_words(source: str, suffix: str) -> list[str]:
    """The same words in a file of the dbt project."""
    return sorted(set(WORD.findall(dbt_prose(source, suffix).lower())) & IN_DOCSTRINGS)


def test_the_dbt_project_speaks_the_field_s_words() -> None:
    folders = [ROOT / "dbt" / folder for folder in ("models", "macros", "tests")]
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in {".sql", ".yml", ".md"}]
    assert files
    assert not {name(path): words for path in files if (words := dialect_words(path.read_text(), path.suffix))}


@pytest.mark.parametrize("rule", [dialect_names, dialect_docstrings], ids=["names", "docstrings"])
def test_the_package_speaks_the_field_s_words(rule) -> None:
    broken = {name(path): told for path in modules() if (told := rule(path.read_text()))}
    assert not broken


def test_modules_are_named_in_the_field_s_words() -> None:
    stems = {path: parts(Path(path).stem) for path in map(name, modules())}
    assert not {path for path, words in stems.items() if words & IN_NAMES.keys()}


def test_what_is_stored_is_still_there() -> None:
    defined = {identifier for path in modules(PACKAGE) for _, identifier in identifiers(path.read_text())}
    assert set(STORED) <= defined, "take what is gone from STORED"


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (dialect_names, "def told():\n    pass"),
        (dialect_names, "def read(afresh=False):\n    pass"),
        (dialect_names, "class InPieces:\n    pass"),
        (dialect_names, "for piece in ():\n    pass"),
        (dialect_names, "self._was = 1"),
        (dialect_names, "try:\n    pass\nexcept OSError as trouble:\n    pass"),
        (dialect_docstrings, '"""What came of it."""'),
        (dialect_docstrings, 'A = 1\n"""Told anew."""'),
    ],
)
def test_the_rule_sees_the_dialect(rule, source: str) -> None:
    assert rule(source)


@pytest.mark.parametrize("source", ["select 1 -- read anew", "{#- What came of it. -#}\nselect 1"])
def test_the_rule_sees_the_dialect_in_comments_of_sql(source: str) -> None:
    assert dialect_words(source, ".sql")
    assert not dialect_words("select came from struck", ".sql")


@pytest.mark.parametrize("source", ["token = 1", "def pieced_together(): pass", "import told", "baseline: int"])
def test_a_word_inside_a_word_a_foreign_name_and_a_stored_one_are_none(source: str) -> None:
    assert not dialect_names(source)
