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
from refera_platform.source.types import Column

UNKNOWN = "utf8mb4_bin"
"""The collation of a column of which the lake does not know any: no two texts are made one that may be two."""
UNICODE = frozenset({"utf8", "utf8mb3", "utf8mb4", "ucs2", "utf16", "utf16le", "utf32"})
SAME = {
    "general_ci": "general_ci",
    "unicode_ci": "unicode_ci",
    "unicode_520_ci": "unicode_520_ci",
    "0900_ai_ci": "ai_ci",
    "uca1400_ai_ci": "ai_ci",
    "0900_as_ci": "as_ci",
    "uca1400_as_ci": "as_ci",
}
"""Table of each collation of Unicode that is folded in full."""
CASE, ASCII = "case", "ascii"
"""How collations are folded that have letters of their own: by case alone, or by the case of ASCII letters alone."""
LOWER = "abcdefghijklmnopqrstuvwxyz"
SCRIPTS = (
    r"\x01-\xff",
    r"\x01-\x7f\u0400-\u052f",
    r"\x01-\x7f\u0370-\u03ff",
    r"\x01-\u024f",
)
"""What a text may be of: Western Europe, Cyrillic, Greek, all Latin letters without marks of their own."""
ODD = frozenset({"latin7_general_ci", "cp866_general_ci"})
"""Collations to which some ASCII letter and its capital are two."""
UNPADDED = frozenset({"nopad", "0900"})
"""Words in the names of collations to which blanks at the end of a text count."""


@dataclass(frozen=True, kw_only=True)
class Fold:
    """How a collation tells texts apart."""

    table: str
    """Which characters are one; empty when each is its own."""
    is_padded: bool
    """Whether blanks at the end do not count."""


def collations(columns: Iterable[Column]) -> dict[str, str]:
    """The collation of each text; of one that is kept as a hash none, since hashes are equal when all letters are."""
    return {each.name: each.collation for each in columns if each.collation and not each.is_hashed}


def fold_of(collation: str) -> Fold:
    """What a collation does, by its name: ``utf8mb4_general_ci``."""
    charset, _, rest = collation.partition("_")
    words = rest.split("_")
    own = "_".join(word for word in words if word != "nopad")
    return Fold(table=_table(charset, own), is_padded=charset != "binary" and not UNPADDED & set(words))


def _table(charset: str, own: str) -> str:
    name = f"{charset}_{own}"
    is_turkish = bool({"turkish", "tr"} & set(own.split("_")))  # an i has another capital there
    if not own.endswith("_ci") or name in ODD or is_turkish:
        return ""
    if charset not in UNICODE:
        return name if name in _tables() else ASCII
    if own == "general_mysql500_ci":
        return ASCII
    return SAME.get(own, CASE)


def folded(text: str, fold: Fold) -> str:
    """DuckDB SQL of what a text is compared by.

    Most keys are ASCII, and of the others most are of one script; to look a letter up costs as much as its table is
    large (3 million keys on one core: 0.4 s of ASCII, 10 s of Western Europe, 24 s of Cyrillic, 216 s by one table).

    Args:
        text: SQL of the text, as the source has it.
        fold: What its collation does.
    """
    found = text
    if fold.table:
        scripts = " ".join(
            f"when regexp_full_match({text}, '[{_re2(known)}]*') then {_letters(text, fold.table, known)}"
            for known in SCRIPTS
        )
        ascii_only = f"when strlen({text}) = length({text}) then upper({text})"
        found = f"case {ascii_only} {scripts} else {_letters(text, fold.table)} end"
    return f"rtrim({found}, ' ')" if fold.is_padded else found


def _letters(text: str, table: str, known: str = "") -> str:
    """SQL of a text with each of its characters folded; some become two, some none.

    Args:
        text: SQL of the text.
        table: What is folded to what.
        known: Regular expression of the characters that the text may have; all when it is empty.
    """
    occurs = re.compile(f"[{known}]" if known else "", re.DOTALL).match
    origin, target, several = [LOWER], [LOWER.upper()], list[tuple[str, str]]()
    for canonical, members in _tables().get(table, {}).items():
        found = "".join(filter(occurs, members))
        if not canonical or not found:
            continue
        first = canonical if len(canonical) == 1 else members[0]
        origin.append(found)
        target.append(first * len(found))
        several += [(first, canonical)] if len(canonical) > 1 else []
    nothing = "".join(filter(occurs, _tables().get(table, {}).get("", "")))  # has nothing to stand for, so it goes
    composed = f"nfc_normalize({text})" if table == SAME["uca1400_as_ci"] else text
    sql = f"translate({composed}, {literal(''.join(origin) + nothing)}, {literal(''.join(target))})"
    for first, canonical in several:
        sql = f"replace({sql}, {literal(first)}, {literal(canonical)})"
    return sql


def _re2(known: str) -> str:
    """The same characters as DuckDB's regular expressions name them."""
    return re.sub(r"\\[xu]([0-9a-f]+)", r"\\x{\1}", known)


def letters() -> str:
    """A hash of which characters are one."""
    return hashlib.sha256(json.dumps(_tables()).encode()).hexdigest()


@cache
def _tables() -> Mapping[str, Mapping[str, str]]:
    """By table: the characters that are folded, by the text that they are folded to."""
    content: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("collations.json").read_text("utf-8"))
    return content
