"""Parser of the statements in the binlog: which copied tables a DDL statement, or DML without row events, affects.

It looks at keywords and names only. In doubt a table counts as changed: it is then resnapshotted, which costs time and
never a row. (sqlglot's tokenizer was tried: it drops what follows RENAME.)
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

EXECUTABLE_COMMENT_PATTERN = re.compile(r"/\*M?!\d{0,6}(.*?)\*/", re.DOTALL)
TOKEN_PATTERN = re.compile(
    r"""/\*.*?\*/|\#[^\n]*|--(?=\s)[^\n]*|'(?:[^'\\]|\\.|'')*'"""
    r"""|`(?P<ticked>(?:[^`]|``)*)`|"(?P<quoted>(?:[^"\\]|\\.|"")*)"|(?P<word>[\w$]+|[.,])""",
    re.DOTALL,
)
"""A double-quoted text may be an identifier (sql_mode ANSI_QUOTES)."""
DML_VERBS = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "WITH", "CALL", "SELECT", "DO"})
DDL_VERBS = frozenset({"ALTER", "CREATE", "RENAME", "DROP", "TRUNCATE"})
TABLE_KEYWORDS = frozenset({"TABLE", "TABLES"})
SCHEMA_KEYWORDS = frozenset({"DATABASE", "SCHEMA"})
SKIPPED_KEYWORDS = frozenset(
    {"LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE", "INTO", "FROM", "TABLE", "IF", "EXISTS"}
)
"""Words between a verb and its table."""


@dataclass(frozen=True, kw_only=True)
class StatementEffect:
    """Tables that a statement affects: names in one schema, as the server spells them."""

    emptied: frozenset[str] = field(default_factory=frozenset)
    """All their rows are gone."""
    changed: frozenset[str] = field(default_factory=frozenset)
    """Their rows or columns may have changed."""
    written: frozenset[str] = field(default_factory=frozenset)
    """Their rows were changed by the statement, and the binlog has no row events of it."""
    doubtful: frozenset[str] = field(default_factory=frozenset)
    """Their rows may have been changed so through a view, a trigger or a function that the statement does not name."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a statement; a quoted identifier is never a keyword."""

    text: str
    is_quoted: bool = False

    @property
    def keyword(self) -> str:
        """The word in capitals; empty when it was quoted."""
        return "" if self.is_quoted else self.text.upper()


NO_EFFECT = StatementEffect()


def statement_effect(default_schema: str, sql: str, schema: str, tables: Collection[str]) -> StatementEffect:
    """What ``sql`` does to ``tables`` of ``schema``.

    Args:
        default_schema: Schema in which the statement ran.
        sql: One statement of the binlog.
        schema: Schema that is copied.
        tables: Its tables that are copied.
    """
    tokens = _tokenize(sql)
    verb = tokens[0].keyword if tokens else ""
    if verb not in DML_VERBS | DDL_VERBS:
        return NO_EFFECT
    mentioned_names = {word.text.casefold() for word in tokens}
    if default_schema.casefold() != schema.casefold() and schema.casefold() not in mentioned_names:
        return NO_EFFECT
    mentioned_tables = frozenset(table for table in tables if table.casefold() in mentioned_names)
    if verb in DML_VERBS:
        return _dml_effect(tokens, default_schema, schema, tables, mentioned_tables)
    keywords = {word.keyword for word in tokens[1:4]}
    if verb == "DROP" and keywords & SCHEMA_KEYWORDS:
        (target,) = _target_tables(tokens[2:], default_schema)[:1] or [("", "")]
        if target[1].casefold() != schema.casefold():
            return NO_EFFECT
        return StatementEffect(emptied=frozenset(tables if target[1] == schema else ()), changed=frozenset(tables))
    if verb == "TRUNCATE" or (verb == "DROP" and "TEMPORARY" not in keywords and keywords & TABLE_KEYWORDS):
        exact, doubtful = _match_tables(_target_tables(tokens[1:], default_schema), schema, tables)
        return StatementEffect(emptied=exact, changed=doubtful | (exact if verb == "DROP" else frozenset()))
    return StatementEffect(changed=mentioned_tables) if keywords & TABLE_KEYWORDS else NO_EFFECT


def dml_words(sql: str) -> frozenset[str]:
    """All words of a statement that writes rows, in lower case, among them the tables that it writes to; else empty."""
    tokens = _tokenize(sql)
    verb = tokens[0].keyword if tokens else ""
    return frozenset(word.text.casefold() for word in tokens) if verb in DML_VERBS else frozenset()


def _dml_effect(
    tokens: Sequence[Token], default_schema: str, schema: str, tables: Collection[str], mentioned_tables: frozenset[str]
) -> StatementEffect:
    """Effect of a DML statement that is in the binlog instead of row events.

    The statement names its table; it does not name the tables that views, triggers and functions change.
    """
    tokens_after_verb = tokens[1:]
    if tokens[0].keyword == "LOAD":
        into_indexes = [index for index, word in enumerate(tokens) if word.keyword == "INTO"]
        tokens_after_verb = tokens[into_indexes[0] + 1 :] if into_indexes else []
    (target,) = _target_tables(tokens_after_verb, default_schema)[:1] or [("", "")]
    if target[0] and target[0].casefold() != schema.casefold():
        return StatementEffect(doubtful=mentioned_tables)
    return StatementEffect(written=mentioned_tables, doubtful=frozenset(tables) - mentioned_tables)


def _match_tables(
    targets: Collection[tuple[str, str]], schema: str, tables: Collection[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """Tables named exactly, and tables that match only on servers that ignore case."""
    exact = {name for where, name in targets if where == schema and name in tables}
    others = {
        name.casefold()
        for where, name in targets
        if where.casefold() == schema.casefold() and not (where == schema and name in exact)
    }
    return frozenset(exact), frozenset(table for table in tables if table.casefold() in others) - exact


def _target_tables(tokens: Sequence[Token], default_schema: str) -> list[tuple[str, str]]:
    """Schema and name of each table in a comma-separated list; keywords ahead of it are skipped."""
    index, targets = 0, []
    while index < len(tokens) and tokens[index].keyword in SKIPPED_KEYWORDS:
        index += 1
    while index < len(tokens):
        target_schema, name = default_schema, tokens[index].text
        index += 1
        if index + 1 < len(tokens) and tokens[index].keyword == ".":
            target_schema, name = name, tokens[index + 1].text
            index += 2
        targets.append((target_schema, name))
        if index >= len(tokens) or tokens[index].keyword != ",":
            break
        index += 1
    return targets


def _tokenize(sql: str) -> list[Token]:
    """Identifiers, keywords, dots and commas in order; without comments, string literals and SET STATEMENT … FOR."""
    tokens = [
        Token((match["ticked"] or "").replace("``", "`"), is_quoted=True)
        if match["ticked"]
        else Token((match["quoted"] or "").replace('""', '"'), is_quoted=True)
        if match["quoted"]
        else Token(match["word"])
        for match in TOKEN_PATTERN.finditer(EXECUTABLE_COMMENT_PATTERN.sub(r" \1 ", sql))
        if match["ticked"] or match["quoted"] or match["word"]
    ]
    if [word.keyword for word in tokens[:2]] == ["SET", "STATEMENT"]:
        keywords = [word.keyword for word in tokens]
        return tokens[keywords.index("FOR") + 1 :] if "FOR" in keywords else []
    return tokens
