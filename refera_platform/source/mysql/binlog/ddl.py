"""What a statement in the log does to tables, when no rows tell: DDL, and DML of a log that is not in row format.

Only the words that matter are looked at, and in doubt a table counts as changed: it is then read anew, which costs
time and never a row. (sqlglot's tokenizer was tried: it swallows what follows RENAME.)
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

EXECUTABLE = re.compile(r"/\*M?!\d{0,6}(.*?)\*/", re.DOTALL)
WORD = re.compile(
    r"""/\*.*?\*/|\#[^\n]*|--(?=\s)[^\n]*|'(?:[^'\\]|\\.|'')*'"""
    r"""|`(?P<ticked>(?:[^`]|``)*)`|"(?P<quoted>(?:[^"\\]|\\.|"")*)"|(?P<word>[\w$]+|[.,])""",
    re.DOTALL,
)
"""A double-quoted text may be an identifier (sql_mode ANSI_QUOTES)."""
WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "WITH", "CALL", "SELECT", "DO"})
CHANGES = frozenset({"ALTER", "CREATE", "RENAME", "DROP", "TRUNCATE"})
TABLES = frozenset({"TABLE", "TABLES"})
SCHEMAS = frozenset({"DATABASE", "SCHEMA"})
AHEAD = frozenset(
    {"LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE", "INTO", "FROM", "TABLE", "IF", "EXISTS"}
)
"""Words between a verb and the table that it is about."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """Names of tables of one schema, as the server spells them, that a statement touches."""

    emptied: frozenset[str] = field(default_factory=frozenset)
    """All their rows are gone."""
    changed: frozenset[str] = field(default_factory=frozenset)
    """Their rows or columns may be others now."""
    written: frozenset[str] = field(default_factory=frozenset)
    """Their rows were changed by a statement that the log holds instead of the rows."""
    doubtful: frozenset[str] = field(default_factory=frozenset)
    """Their rows may have been changed so, by a view, a trigger or a function that the statement does not tell."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a statement; identifiers in quotes are no keywords."""

    text: str
    is_quoted: bool = False

    @property
    def keyword(self) -> str:
        """In capitals; nothing for what was quoted."""
        return "" if self.is_quoted else self.text.upper()


NONE = Effect()


def effect(default_schema: str, sql: str, schema: str, tables: Collection[str]) -> Effect:
    """What ``sql`` does to ``tables`` of ``schema``.

    Args:
        default_schema: Schema in which the statement ran.
        sql: One statement of the log.
        schema: Schema that is copied.
        tables: Its tables that are copied.
    """
    words = _statement(sql)
    verb = words[0].keyword if words else ""
    if verb not in WRITES | CHANGES:
        return NONE
    named = {word.text.casefold() for word in words}
    if default_schema.casefold() != schema.casefold() and schema.casefold() not in named:
        return NONE
    found = frozenset(table for table in tables if table.casefold() in named)
    if verb in WRITES:
        return _written(words, default_schema, schema, tables, found)
    kinds = {word.keyword for word in words[1:4]}
    if verb == "DROP" and kinds & SCHEMAS:
        (target,) = _targets(words[2:], default_schema)[:1] or [("", "")]
        if target[1].casefold() != schema.casefold():
            return NONE
        return Effect(emptied=frozenset(tables if target[1] == schema else ()), changed=frozenset(tables))
    if verb == "TRUNCATE" or (verb == "DROP" and "TEMPORARY" not in kinds and kinds & TABLES):
        exact, doubtful = _resolved(_targets(words[1:], default_schema), schema, tables)
        return Effect(emptied=exact, changed=doubtful | (exact if verb == "DROP" else frozenset()))
    return Effect(changed=found) if kinds & TABLES else NONE


def words_written(sql: str) -> frozenset[str]:
    """Every word of a statement that writes rows, in small letters: a table that it writes to is among them."""
    words = _statement(sql)
    verb = words[0].keyword if words else ""
    return frozenset(word.text.casefold() for word in words) if verb in WRITES else frozenset()


def _written(
    words: Sequence[Word], default_schema: str, schema: str, tables: Collection[str], named: frozenset[str]
) -> Effect:
    """What a statement changes that stands in the log instead of rows.

    The table it is about is told by its words; what views, triggers and functions change besides is not.
    """
    behind = words[1:]
    if words[0].keyword == "LOAD":
        places = [index for index, word in enumerate(words) if word.keyword == "INTO"]
        behind = words[places[0] + 1 :] if places else []
    (target,) = _targets(behind, default_schema)[:1] or [("", "")]
    if target[0] and target[0].casefold() != schema.casefold():
        return Effect(doubtful=named)
    return Effect(written=named, doubtful=frozenset(tables) - named)


def _resolved(
    targets: Collection[tuple[str, str]], schema: str, tables: Collection[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """Tables that are named just so, and those that some servers would take for them."""
    exact = {name for where, name in targets if where == schema and name in tables}
    others = {
        name.casefold()
        for where, name in targets
        if where.casefold() == schema.casefold() and not (where == schema and name in exact)
    }
    return frozenset(exact), frozenset(table for table in tables if table.casefold() in others) - exact


def _targets(words: Sequence[Word], default_schema: str) -> list[tuple[str, str]]:
    """Schema and name of each table of a list, behind the words that may come before it."""
    at, found = 0, []
    while at < len(words) and words[at].keyword in AHEAD:
        at += 1
    while at < len(words):
        where, name = default_schema, words[at].text
        at += 1
        if at + 1 < len(words) and words[at].keyword == ".":
            where, name = name, words[at + 1].text
            at += 2
        found.append((where, name))
        if at >= len(words) or words[at].keyword != ",":
            break
        at += 1
    return found


def _statement(sql: str) -> list[Word]:
    """Identifiers, keywords, dots and commas in order, without comments, texts, and settings ahead of it."""
    words = [
        Word((found["ticked"] or "").replace("``", "`"), is_quoted=True)
        if found["ticked"]
        else Word((found["quoted"] or "").replace('""', '"'), is_quoted=True)
        if found["quoted"]
        else Word(found["word"])
        for found in WORD.finditer(EXECUTABLE.sub(r" \1 ", sql))
        if found["ticked"] or found["quoted"] or found["word"]
    ]
    if [word.keyword for word in words[:2]] == ["SET", "STATEMENT"]:
        keywords = [word.keyword for word in words]
        return words[keywords.index("FOR") + 1 :] if "FOR" in keywords else []
    return words
