"""Discovery: proposes a declaration for each table of a live schema, from the server's catalogue.

Each proposal says why; a person reviews it before it is used. Writes no file: ``declaration`` makes the text.

    Source ──▶ propose_tables() ──▶ Proposals ──▶ declaration.source_entry_text()
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from refera_platform.errors import SettingError, SourceError
from refera_platform.source.connection import RESERVED_COLUMNS, Source
from refera_platform.source.doctor.privileges import missing_privileges, parse_grants, show_grants
from refera_platform.source.indexes import PRIMARY_INDEX, Index, read_indexes
from refera_platform.source.mysql.binlog.coverage import binlog_filter
from refera_platform.source.mysql.binlog.server_settings import binlog_setting_errors
from refera_platform.source.table import SourceTable, Strategy
from refera_platform.source.types import SourceColumn, mysql_literal

CURSOR_OVERLAP = timedelta(hours=1)
UNCOPIED_KINDS = {
    "VIEW": "it is a view: copy the tables that it is made of.",
    "SEQUENCE": "it is a sequence.",
    "SYSTEM VIEW": "it belongs to the server.",
}
"""Kinds of tables that are not copied, and why."""
CHANGE_TIME_PATTERN = re.compile(
    r"_(updated?|upd|modified|modificad[oa]|modification|changed?|alterad[oa]|alteracao|atualizad[oa]"
    r"|atualizacao|last_(update|change|modified)|ultima_alteracao)(_|$)"
)
"""Names of columns that hold the time of a row's last change."""
PERSONAL_NAME_PATTERN = re.compile(
    r"_(e_?mail|mail|phones?|telephone|fone|telefone|celular|mobile|fax|whatsapp|passwords?|passwd|pwd|senha|secret"
    r"|token|tax_?id|tax_?number|ssn|vat|nif|cpf|cnpj|rg|cnh|pis|passport|passaporte|birth|birthday|birthdate|dob"
    r"|nascimento|iban|card|cartao|salary|salario|address|endereco|street|logradouro|cep|zip|first_?name|last_?name"
    r"|surname|sobrenome|ip)(_|\d|$)"
)
"""Names of columns that may hold personal data, in English and Portuguese."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """Proposed declaration of one table."""

    name: str
    table: SourceTable | None = None
    """``None`` when the table is left out."""
    why: str
    """Why the table is left out, or why it has this strategy."""
    remarks: tuple[str, ...] = ()
    """What a person should check."""


@dataclass(frozen=True, kw_only=True)
class TableDescription:
    """One table as the server's catalogue describes it."""

    name: str
    kind: str
    comment: str
    columns: tuple[SourceColumn, ...]
    not_null: frozenset[str]
    updated_by_server: frozenset[str]
    """Columns with ``ON UPDATE CURRENT_TIMESTAMP``."""
    indexes: Sequence[Index]


def propose_tables(source: Source, database: str) -> list[Proposal]:
    """Propose a declaration for each table of the schema that the account can see, children before parents.

    Args:
        source: An open session.
        database: Name of the database in the declarations.

    Raises:
        SourceError: when the account sees no table.
    """
    descriptions = _describe_tables(source)
    if not descriptions:
        raise SourceError(
            f"User {source.database.user} sees no table of schema {source.database.name}:",
            "check its name, and grant SELECT on what is to be copied.",
        )
    binlog_obstacle = _binlog_obstacle(source)
    proposals, first_spelling = [], dict[str, str]()
    for name in _children_first(list(descriptions), _parents(source)):
        proposal = _proposal(descriptions[name], database, binlog_obstacle)
        if proposal.table and (other := first_spelling.setdefault(name.lower(), name)) != name:
            why = f"the table {other!r} has the same name to an engine that ignores case."
            proposal = Proposal(name=name, why=why)
        proposals.append(proposal)
    return proposals


def _describe_tables(source: Source) -> dict[str, TableDescription]:
    schema = mysql_literal(source.database.name)
    indexes_by_table = read_indexes(source.ask, source.database.name)
    columns: dict[str, list[tuple[SourceColumn, bool, bool]]] = {}
    for table, name, kind, column_type, precision, scale, charset, octets, nullable, extra in source.ask(
        "select table_name, column_name, data_type, column_type, numeric_precision, numeric_scale, character_set_name,"
        " character_octet_length, is_nullable, extra from information_schema.columns"
        f" where table_schema = {schema} order by table_name, ordinal_position"
    ):
        column = SourceColumn(
            name=name,
            data_type=kind.lower(),
            column_type=column_type.lower(),
            precision=precision,
            scale=scale,
            charset=charset,
            max_bytes=octets,
        )
        is_updated = "on update current_timestamp" in extra.lower()
        columns.setdefault(table, []).append((column, nullable == "NO", is_updated))
    rows = source.ask(
        "select table_name, table_type, table_comment from information_schema.tables"
        f" where table_schema = {schema} order by table_name"
    )
    return {
        name: TableDescription(
            name=name,
            kind=kind,
            comment=comment or "",
            columns=tuple(each[0] for each in columns.get(name, [])),
            not_null=frozenset(column.name for column, filled, _ in columns.get(name, []) if filled),
            updated_by_server=frozenset(column.name for column, _, is_updated in columns.get(name, []) if is_updated),
            indexes=indexes_by_table.get(name, []),
        )
        for name, kind, comment in rows
    }


def _binlog_obstacle(source: Source) -> str:
    """Why the binlog cannot be read; empty when it can."""
    if errors := binlog_setting_errors(source.server.binlog_settings()):
        return errors[0].problem.rstrip(":;")
    privileges = parse_grants(show_grants(source.ask, source.server.kind))
    if missing_names := missing_privileges(privileges):
        return f"The account has no {' and no '.join(missing_names)}"
    option, _ = binlog_filter(source)
    return f"The server leaves this schema out of its binlog ({option})" if option else ""


def _proposal(description: TableDescription, database: str, obstacle: str) -> Proposal:
    if description.kind in UNCOPIED_KINDS:
        return Proposal(name=description.name, why=UNCOPIED_KINDS[description.kind])
    unfit = dict(_unfit_columns(description.columns))
    index = next(
        (each for each in description.indexes if each.is_unique and not unfit.keys() & set(each.columns)), None
    )
    if index is None:
        return Proposal(
            name=description.name,
            why="it has no primary key, and no unique key without NULLs: give it one, and discover again.",
        )
    remarks = [f"{name!r} is not copied: {why}" for name, why in unfit.items()]
    if index.name != PRIMARY_INDEX:
        remarks.append(f"the key is that of the unique index {index.name!r}.")
    remarks += _remarks([column for column in description.columns if column.name not in unfit], index)
    if description.kind == "SYSTEM VERSIONED":
        obstacle = "The server keeps the versions of this table itself"
    strategy, cursor, why = _propose_strategy(description, obstacle, unfit)
    try:
        table = SourceTable(
            database=database,
            name=description.name,
            key=index.columns,
            strategy=strategy,
            private=frozenset(unfit),
            cursor=cursor,
            overlap=CURSOR_OVERLAP,
            about=_description_sentence(description),
        )
    except SettingError as error:
        return Proposal(name=description.name, why=f"it cannot be declared: {error}")
    return Proposal(name=description.name, table=table, why=why, remarks=tuple(remarks))


def _unfit_columns(columns: Sequence[SourceColumn]) -> Iterator[tuple[str, str]]:
    """Names of columns that cannot be copied, and why."""
    for column in columns:
        if column.name.lower() in RESERVED_COLUMNS:
            yield column.name, "raw rows need this name for themselves."
            continue
        try:
            _ = column.parquet_type
        except SourceError:
            yield column.name, f"type {column.column_type} has no faithful form in Parquet."


def _remarks(columns: Sequence[SourceColumn], index: Index) -> Iterator[str]:
    if wide := [
        column.name for column in columns if column.data_type == "decimal" and column.parquet_type == "VARCHAR"
    ]:
        yield f"kept as text, because no Parquet decimal is so wide: {_quoted_list(wide)}."
    personal = [column.name for column in columns if PERSONAL_NAME_PATTERN.search(_snake_case(column.name))]
    if keys := [name for name in personal if name in index.columns]:
        yield f"perhaps personal, and in the key, so that it can only be hashed: [...]: {_quoted_list(keys)}."
    if others := [name for name in personal if name not in index.columns]:
        yield f"perhaps personal, to drop with private: [...] or to hash with hashed: [...]: {_quoted_list(others)}."


def _propose_strategy(
    description: TableDescription, obstacle: str, unfit: Mapping[str, str]
) -> tuple[Strategy, str, str]:
    """Strategy, cursor column (or empty), and the reason."""
    if not obstacle:
        return Strategy.LOG, "", "the server's binlog holds every change, and this account may read it."
    candidates = [
        column.name
        for column in description.columns
        if column.data_type in {"datetime", "timestamp"}
        and column.name in description.not_null
        and column.name not in unfit
        and CHANGE_TIME_PATTERN.search(_snake_case(column.name))
        and any(index.columns[0] == column.name for index in description.indexes)
    ]
    candidates.sort(key=lambda name: name not in description.updated_by_server)
    if candidates:
        who = "the server" if candidates[0] in description.updated_by_server else "the client that writes a row"
        return (
            Strategy.CURSOR,
            candidates[0],
            f"{obstacle}; {who} moves {candidates[0]!r} with each change. Deletes are not seen.",
        )
    return Strategy.COMPARE, "", f"{obstacle}; no indexed column shows when a row changed."


def _description_sentence(description: TableDescription) -> str:
    comment = " ".join(description.comment.split())
    if not comment:
        return f"Say in one sentence what a row of {description.name} is."
    return comment if comment.endswith(".") else f"{comment}."


def _snake_case(name: str) -> str:
    """A column name in snake case with an underscore in front: ``contactFirstName`` is ``_contact_first_name``."""
    separated = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return "_" + re.sub(r"[^a-z0-9]+", "_", separated.lower())


def _quoted_list(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _parents(source: Source) -> dict[str, set[str]]:
    """The tables that each table of the schema references, without itself."""
    schema = mysql_literal(source.database.name)
    parents_by_child: dict[str, set[str]] = {}
    for child, parent in source.ask(
        "select table_name, referenced_table_name from information_schema.key_column_usage"
        f" where table_schema = {schema} and referenced_table_schema = {schema}"
    ):
        if child != parent:
            parents_by_child.setdefault(child, set()).add(parent)
    return parents_by_child


def _children_first(names: Sequence[str], parents: Mapping[str, set[str]]) -> list[str]:
    """Sort the names so that children come before their parents; in a cycle, alphabetically."""
    waiting, ordered = sorted(names), list[str]()
    while waiting:
        referred = {parent for child in waiting for parent in parents.get(child, ())}
        chosen = next((name for name in waiting if name not in referred), waiting[0])
        waiting.remove(chosen)
        ordered.append(chosen)
    return ordered
