"""An error that quotes a value or the words of others says what alerts may say of it."""

import ast

import pytest

from refera_platform import errors
from refera_platform_tests.house.tree import dotted, modules, name, nodes, room

pytestmark = pytest.mark.unit

READ_ROWS = {"source", "lake", "warehouse", "answers"}
KINDS = {each for each, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.ReferaError)}
WORDS = {"words", "said", "error", "cause", "failure", "fault", "refusal", "message", "reason", "detail"}
"""What the words of somebody else are called."""
OF_NO_ROW = {
    "refera_platform/answers/report/charts.py": "Altair's words on a declared chart",
    "refera_platform/lake/s3_errors.py": "S3's words on an object",
    "refera_platform/warehouse/catalogs/glue.py": "AWS' words on a catalogue",
    "refera_platform/warehouse/dbt_manifest.py": "dbt's words on files of the project",
    "refera_platform/source/declaration.py": "a declaration",
    "refera_platform/source/table.py": "a declaration",
    "refera_platform/source/position.py": "a place in a log",
}
"""Modules whose errors quote, but nothing that was ever in a row."""


def silent(source: str) -> list[int]:
    """Lines of errors that quote without ``public_problem``."""
    found = []
    for node in nodes(source):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in KINDS:
            continue
        if node.args and _quotes(node.args[0]) and "public_problem" not in {each.arg for each in node.keywords}:
            found.append(node.lineno)
    return found


def _quotes(sentence: ast.expr) -> bool:
    parts = [each for each in ast.walk(sentence) if isinstance(each, ast.FormattedValue)]
    return any(part.conversion == ord("r") or _is_words(part.value) for part in parts) or _is_words(sentence)


def _is_words(value: ast.expr) -> bool:
    """Whether an expression is such words, or a method of theirs; an attribute like ``strerror`` is not."""
    if isinstance(value, ast.Call):
        return any(_is_words(each) for each in (value.func, *value.args))
    if isinstance(value, ast.Attribute):
        return value.attr in {"splitlines", "rstrip", "strip"} and _is_words(value.value)
    if isinstance(value, ast.Subscript):
        return _is_words(value.value)
    return isinstance(value, ast.Name) and value.id in WORDS


def test_an_error_that_quotes_says_what_alerts_may_say() -> None:
    found = {
        f"{name(path)}:{line}"
        for path in modules()
        if room(dotted(path)) in READ_ROWS and name(path) not in OF_NO_ROW
        for line in silent(path.read_text())
    }
    assert not found, "give the error its sentence without values: public_problem=…"


@pytest.mark.parametrize(
    "source",
    [
        'raise SourceError(f"{value!r} is no number.")',
        'raise LakeError(f"It broke: {words}:", "mend it.")',
        'raise QueryError(words, "ask again.")',
        "raise QueryError(redact(str(error), []))",
        'raise LakeError(f"It broke: {words.splitlines()[0]}")',
    ],
)
def test_a_silent_one_is_seen(source: str) -> None:
    assert silent(source) == [1]
    assert silent(f"{source[:-1]}, public_problem='It broke.')") == []
    assert silent('raise LakeError(f"{error.strerror} of {address}", is_transient=True)') == []
