"""Collations as DuckDB SQL: folds a text so that texts which are equal on the server are equal in DuckDB.

``collations.json`` lists which characters fold to what: Latin, Greek and Cyrillic letters, from the weights that
MariaDB and MySQL report; a test asks a server again. Opens no connection: the reader reports the collation of a
column, and the lake keeps its name.

    SourceColumn.collation ──▶ collation_fold() ──▶ CollationFold ──▶ folded_text_sql()
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from refera_platform.duckdb_session.quoting import literal
from refera_platform.source.types import SourceColumn

UNKNOWN_COLLATION = "utf8mb4_bin"
"""Collation of a column whose collation is unknown: it never makes two texts equal."""
UNICODE_CHARSETS = frozenset({"utf8", "utf8mb3", "utf8mb4", "ucs2", "utf16", "utf16le", "utf32"})
UNICODE_FOLD_TABLES = {
    "general_ci": "general_ci",
    "unicode_ci": "unicode_ci",
    "unicode_520_ci": "unicode_520_ci",
    "0900_ai_ci": "ai_ci",
    "uca1400_ai_ci": "ai_ci",
    "0900_as_ci": "as_ci",
    "uca1400_as_ci": "as_ci",
}
"""Fold table of each Unicode collation that is folded in full."""
CASE_FOLD, ASCII_FOLD = "case", "ascii"
"""Folds of the other collations: by case of all letters, or by case of ASCII letters."""
ASCII_LOWER_CASE = "abcdefghijklmnopqrstuvwxyz"
SCRIPT_RANGES = (
    r"\x01-\xff",
    r"\x01-\x7f\u0400-\u052f",
    r"\x01-\x7f\u0370-\u03ff",
    r"\x01-\u024f",
)
"""Characters of Western Europe, Cyrillic, Greek, and Latin without combining marks."""
UNFOLDED_COLLATIONS = frozenset({"latin7_general_ci", "cp866_general_ci"})
"""Collations in which some ASCII letter and its capital differ."""
NO_PAD_WORDS = frozenset({"nopad", "0900"})
"""Words in the names of collations in which trailing blanks count."""


@dataclass(frozen=True, kw_only=True)
class CollationFold:
    """Which texts a collation treats as equal."""

    table: str
    """Name of the fold table; empty when each character equals only itself."""
    is_padded: bool
    """Whether trailing blanks are ignored."""


def collations_by_column(columns: Iterable[SourceColumn]) -> dict[str, str]:
    """Collation of each text column; without hashed ones, whose hashes are equal only for identical texts."""
    return {each.name: each.collation for each in columns if each.collation and not each.is_hashed}


def collation_fold(collation: str) -> CollationFold:
    """The fold of a collation, from its name: ``utf8mb4_general_ci``."""
    charset, _, rest = collation.partition("_")
    name_parts = rest.split("_")
    base_name = "_".join(word for word in name_parts if word != "nopad")
    return CollationFold(
        table=_fold_table(charset, base_name), is_padded=charset != "binary" and not NO_PAD_WORDS & set(name_parts)
    )


def _fold_table(charset: str, base_name: str) -> str:
    name = f"{charset}_{base_name}"
    is_turkish = bool({"turkish", "tr"} & set(base_name.split("_")))  # i has another capital in Turkish
    if not base_name.endswith("_ci") or name in UNFOLDED_COLLATIONS or is_turkish:
        return ""
    if charset not in UNICODE_CHARSETS:
        return name if name in _fold_tables() else ASCII_FOLD
    if base_name == "general_mysql500_ci":
        return ASCII_FOLD
    return UNICODE_FOLD_TABLES.get(base_name, CASE_FOLD)


def folded_text_sql(text: str, fold: CollationFold) -> str:
    """DuckDB SQL of the folded text, by which texts are compared.

    Most keys are ASCII, and most others are of one script. The cost of a letter grows with the size of its table (3
    million keys on one core: ASCII 0.4 s, Western Europe 10 s, Cyrillic 24 s, 216 s with one table for all).

    Args:
        text: SQL of the text as the source has it.
        fold: Fold of its collation.
    """
    folded_sql = text
    if fold.table:
        scripts = " ".join(
            f"when regexp_full_match({text}, '[{_re2_range(script_range)}]*') then"
            f" {_folded_letters_sql(text, fold.table, script_range)}"
            for script_range in SCRIPT_RANGES
        )
        ascii_only = f"when strlen({text}) = length({text}) then upper({text})"
        folded_sql = f"case {ascii_only} {scripts} else {_folded_letters_sql(text, fold.table)} end"
    return f"rtrim({folded_sql}, ' ')" if fold.is_padded else folded_sql


def _folded_letters_sql(text: str, table: str, script_range: str = "") -> str:
    """SQL of a text with each character folded; some become two characters, some none.

    Args:
        text: SQL of the text.
        table: Name of the fold table.
        script_range: Range (regular expression) of the characters that the text may have; empty for all.
    """
    occurs = re.compile(f"[{script_range}]" if script_range else "", re.DOTALL).match
    origin, target, several = [ASCII_LOWER_CASE], [ASCII_LOWER_CASE.upper()], list[tuple[str, str]]()
    for canonical, members in _fold_tables().get(table, {}).items():
        folded_characters = "".join(filter(occurs, members))
        if not canonical or not folded_characters:
            continue
        first = canonical if len(canonical) == 1 else members[0]
        origin.append(folded_characters)
        target.append(first * len(folded_characters))
        several += [(first, canonical)] if len(canonical) > 1 else []
    removed_characters = "".join(
        filter(occurs, _fold_tables().get(table, {}).get("", ""))
    )  # translate() drops characters without a counterpart
    composed = f"nfc_normalize({text})" if table == UNICODE_FOLD_TABLES["uca1400_as_ci"] else text
    sql = f"translate({composed}, {literal(''.join(origin) + removed_characters)}, {literal(''.join(target))})"
    for first, canonical in several:
        sql = f"replace({sql}, {literal(first)}, {literal(canonical)})"
    return sql


def _re2_range(script_range: str) -> str:
    """The same range in the syntax of DuckDB's regular expressions (RE2)."""
    return re.sub(r"\\[xu]([0-9a-f]+)", r"\\x{\1}", script_range)


def fold_tables_hash() -> str:
    """Hash of all fold tables."""
    return hashlib.sha256(json.dumps(_fold_tables()).encode()).hexdigest()


@cache
def _fold_tables() -> Mapping[str, Mapping[str, str]]:
    """By fold table: the characters that fold to a text, by that text."""
    content: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("collations.json").read_text("utf-8"))
    return content
