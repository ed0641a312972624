"""Collations as DuckDB SQL: which texts are one to the server, folded to one text here.

What is folded to what is written down in ``collations.json``: Latin, Greek and Cyrillic letters, as MariaDB and MySQL
answer for their weights; a test asks the server again. Nothing here asks a server: the reader names the collation of a
column, and the lake keeps the name.

    Column.collation ──▶ fold_of() ──▶ Fold ──▶ folded(): SQL of a text by which equal texts are equal
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
"""The collation of a column of which the lake does not know any: no two texts are made one that may be two."""
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
"""Table of each collation of Unicode that is folded in full."""
CASE_FOLD, ASCII_FOLD = "case", "ascii"
"""How collations are folded that have letters of their own: by case alone, or by the case of ASCII letters alone."""
ASCII_LOWER_CASE = "abcdefghijklmnopqrstuvwxyz"
SCRIPT_RANGES = (
    r"\x01-\xff",
    r"\x01-\x7f\u0400-\u052f",
    r"\x01-\x7f\u0370-\u03ff",
    r"\x01-\u024f",
)
"""What a text may be of: Western Europe, Cyrillic, Greek, all Latin letters without marks of their own."""
UNFOLDED_COLLATIONS = frozenset({"latin7_general_ci", "cp866_general_ci"})
"""Collations to which some ASCII letter and its capital are two."""
NO_PAD_WORDS = frozenset({"nopad", "0900"})
"""Words in the names of collations to which blanks at the end of a text count."""


@dataclass(frozen=True, kw_only=True)
class CollationFold:
    """How a collation tells texts apart."""

    table: str
    """Which characters are one; empty when each is its own."""
    is_padded: bool
    """Whether blanks at the end do not count."""


def collations_by_column(columns: Iterable[SourceColumn]) -> dict[str, str]:
    """The collation of each text; of one that is kept as a hash none, since hashes are equal when all letters are."""
    return {each.name: each.collation for each in columns if each.collation and not each.is_hashed}


def collation_fold(collation: str) -> CollationFold:
    """What a collation does, by its name: ``utf8mb4_general_ci``."""
    charset, _, rest = collation.partition("_")
    name_parts = rest.split("_")
    base_name = "_".join(word for word in name_parts if word != "nopad")
    return CollationFold(
        table=_fold_table(charset, base_name), is_padded=charset != "binary" and not NO_PAD_WORDS & set(name_parts)
    )


def _fold_table(charset: str, base_name: str) -> str:
    name = f"{charset}_{base_name}"
    is_turkish = bool({"turkish", "tr"} & set(base_name.split("_")))  # an i has another capital there
    if not base_name.endswith("_ci") or name in UNFOLDED_COLLATIONS or is_turkish:
        return ""
    if charset not in UNICODE_CHARSETS:
        return name if name in _fold_tables() else ASCII_FOLD
    if base_name == "general_mysql500_ci":
        return ASCII_FOLD
    return UNICODE_FOLD_TABLES.get(base_name, CASE_FOLD)


def folded_text_sql(text: str, fold: CollationFold) -> str:
    """DuckDB SQL of what a text is compared by.

    Most keys are ASCII, and of the others most are of one script; to look a letter up costs as much as its table is
    large (3 million keys on one core: 0.4 s of ASCII, 10 s of Western Europe, 24 s of Cyrillic, 216 s by one table).

    Args:
        text: SQL of the text, as the source has it.
        fold: What its collation does.
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
    """SQL of a text with each of its characters folded; some become two, some none.

    Args:
        text: SQL of the text.
        table: What is folded to what.
        script_range: Regular expression of the characters that the text may have; all when it is empty.
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
    )  # has nothing to stand for, so it goes
    composed = f"nfc_normalize({text})" if table == UNICODE_FOLD_TABLES["uca1400_as_ci"] else text
    sql = f"translate({composed}, {literal(''.join(origin) + removed_characters)}, {literal(''.join(target))})"
    for first, canonical in several:
        sql = f"replace({sql}, {literal(first)}, {literal(canonical)})"
    return sql


def _re2_range(script_range: str) -> str:
    """The same characters as DuckDB's regular expressions name them."""
    return re.sub(r"\\[xu]([0-9a-f]+)", r"\\x{\1}", script_range)


def fold_tables_hash() -> str:
    """A hash of which characters are one."""
    return hashlib.sha256(json.dumps(_fold_tables()).encode()).hexdigest()


@cache
def _fold_tables() -> Mapping[str, Mapping[str, str]]:
    """By table: the characters that are folded, by the text that they are folded to."""
    content: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("collations.json").read_text("utf-8"))
    return content
