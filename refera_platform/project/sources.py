"""Declared tables of a project, from the ``sources:`` of its yml files: the one list of what is copied.

Checks what one table cannot know: that no two differ in case only, and that a grouping is by a copied column.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from refera_platform.errors import SettingError
from refera_platform.project.declarations import GroupingDeclaration, TableDeclaration, TableDefaults
from refera_platform.project.yaml_file import KeyPath, YamlFile
from refera_platform.source.table import Grouping, SourceTable, Strategy

DECLARATION_PATH = ("config", "meta", "refera")
"""Where an entry of dbt's yml says something to the engine."""


def read_tables(files: Sequence[YamlFile]) -> tuple[SourceTable, ...]:
    """Every declared table, in the order of the files and of the entries.

    A source without a declaration for the engine is one of dbt alone.

    Raises:
        SettingError: naming file and line of the first mistake.
    """
    tables: dict[str, tuple[SourceTable, str]] = {}
    for table, where in _iter_tables(files):
        other, other_where = tables.setdefault(table.address.casefold(), (table, where))
        if other is not table:
            raise SettingError(f"{where}: {table.address} is declared at {other_where} too:", "keep one of them.")
    by_address = {table.address: table for table, _ in tables.values()}
    for table, where in tables.values():
        _require_open_groupings(table, by_address, where)
    return tuple(by_address.values())


def declaration_of(entry: Mapping[str, Any]) -> Any:
    """What an entry of dbt's yml says to the engine; ``None`` when it says nothing."""
    found: Any = entry
    for step in DECLARATION_PATH:
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def entries(file: YamlFile, content: Any, *key_path: str | int) -> list[tuple[int, Mapping[str, Any]]]:
    """The entries of a list of dbt's, each with its index; nothing when the list is missing.

    Args:
        file: The file.
        content: What holds the list.
        key_path: Where in the file the list stands; its name comes last.

    Raises:
        SettingError: when it is no list of mappings.
    """
    found = content.get(key_path[-1]) if isinstance(content, Mapping) else None
    if not isinstance(found, list | None) or not all(isinstance(each, Mapping) for each in found or ()):
        raise SettingError(f"{file.where(key_path)}: {key_path[-1]} is not a list of entries:", "correct the line.")
    return list(enumerate(found or ()))


def _iter_tables(files: Sequence[YamlFile]) -> Iterator[tuple[SourceTable, str]]:
    for file in files:
        for index, source in entries(file, file.content, "sources"):
            key_path: KeyPath = ("sources", index)
            said = declaration_of(source)
            defaults = file.parse(TableDefaults, said or {}, (*key_path, *DECLARATION_PATH))
            for number, entry in entries(file, source, *key_path, "tables"):
                if (declared := declaration_of(entry)) is not None:
                    table_path = (*key_path, "tables", number)
                    declaration = file.parse(TableDeclaration, declared, (*table_path, *DECLARATION_PATH))
                    where = file.where(table_path)
                    yield _make_table(str(source.get("name", "")), entry, declaration, defaults, where), where
                elif said is not None:
                    raise SettingError(
                        f"{file.where((*key_path, 'tables', number))}: table {entry.get('name')} does not say how it is"
                        " copied:",
                        "add config: {meta: {refera: {key: [...]}}} to it.",
                    )


def _make_table(
    database: str, entry: Mapping[str, Any], said: TableDeclaration, defaults: TableDefaults, where: str
) -> SourceTable:
    strategy = Strategy(said.strategy or defaults.strategy or Strategy.LOG.value)
    due_hours = said.due_hours or defaults.due_hours
    optional: dict[str, Any] = {"owner": said.owner or defaults.owner, "due": due_hours and timedelta(hours=due_hours)}
    if said.overlap_hours is not None or said.overlap is not None:
        optional["overlap"] = said.overlap if said.overlap is not None else timedelta(hours=said.overlap_hours or 0)
    is_previewed = said.preview if said.preview is not None else defaults.preview
    try:
        return SourceTable(
            database=database,
            name=str(entry.get("name", "")),
            key=tuple(said.key),
            strategy=strategy,
            private=frozenset(said.private),
            hashed=frozenset(said.hashed),
            amount=tuple(said.amount),
            groupings=tuple(_make_grouping(grouping) for grouping in said.groupings),
            cursor=said.cursor,
            is_previewed=is_previewed is not False,
            about=" ".join(str(entry.get("description") or "").split()),
            **{name: value for name, value in optional.items() if value is not None},
        )
    except SettingError as error:
        raise SettingError(f"{where}: {error.problem}", error.remedy) from None


def _make_grouping(said: GroupingDeclaration) -> Grouping:
    ours, theirs = (*said.join, "", "")[:2]
    return Grouping(name=said.name, column=said.column, of=said.of, on=(ours, theirs), is_month=said.month)


def _require_open_groupings(table: SourceTable, declared: Mapping[str, SourceTable], where: str) -> None:
    """Require that no grouping is by a private or hashed column.

    Raises:
        SettingError: naming the grouping and the column.
    """
    for grouping in table.groupings:
        name = f"{where}: the grouping {grouping.name!r} of {table.address}"
        other = declared.get(f"{table.database}.{grouping.of or table.name}")
        if other is None:
            raise SettingError(f"{name} is by a column of {grouping.of}, which is not declared.")
        if grouping.column in other.private | other.hashed:
            raise SettingError(f"{name} is by {other.name}.{grouping.column}, which is not copied:", "leave it out.")
