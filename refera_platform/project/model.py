"""Project as a value: tables, business questions with their answers, mirrors, and pages of the report. Reads nothing.

``load`` makes it from the yml files; ``compiled`` makes it from the one file that a function on AWS Lambda has.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from refera_platform.errors import SettingError
from refera_platform.source.table import SourceTable

if TYPE_CHECKING:  # a function on AWS Lambda has the tables of a project, and no pydantic
    from refera_platform.project.report_declarations import PageDeclaration, SectionDeclaration, Text


@dataclass(frozen=True, kw_only=True)
class AnswerTable:
    """One table that answers a question."""

    model: str
    order_by: str = ""
    """DuckDB ``order by`` for people to read; empty for the table's own order."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One business question."""

    number: int
    english: str
    portuguese: str
    name: str = ""
    """Name of its exposure."""
    answers: tuple[AnswerTable, ...]


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """A published table with one row for each row of a source table."""

    table: str
    """``database.table`` of the source."""
    model: str
    columns: Mapping[str, str]
    """Source column -> column of the model, for the compared columns and the key."""
    as_typed_columns: frozenset[str] = frozenset()
    """Text columns of the source that the model holds unchanged; other texts are trimmed."""
    member_named_columns: frozenset[str] = frozenset()
    """Columns that the model holds as the referred member spells them. The source compares both spellings as equal."""
    where: str = "true"
    """SQL condition of the rows that stand for a source row."""


@dataclass(frozen=True, kw_only=True)
class ReportSection:
    """A section of a page, with the question that it answers."""

    key: str
    """Number of the question, or the section's own name."""
    title: "Text"
    short: "Text"
    """Title in the contents."""
    said: "SectionDeclaration"
    question: Question | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """One page of the report."""

    name: str
    """Name of the business."""
    file: Path
    """Its file, as errors show it."""
    page: "PageDeclaration"
    sections: tuple[ReportSection, ...]

    @property
    def answers(self) -> tuple[str, ...]:
        """Models that answer the questions of the page, each once."""
        return tuple(
            dict.fromkeys(
                answer.model for section in self.sections if section.question for answer in section.question.answers
            )
        )


@dataclass(frozen=True, kw_only=True)
class Project:
    """Everything that one business says."""

    tables: tuple[SourceTable, ...]
    """Every table that is copied, in the order of its declaration."""
    questions: tuple[Question, ...] = field(default=())
    """In the order of their numbers."""
    mirrors: tuple[Mirror, ...] = field(default=())
    reports: tuple[Report, ...] = field(default=())
    """The pages of the report, in the order of their names."""

    @property
    def databases(self) -> tuple[str, ...]:
        """Names of the source databases, each once."""
        return tuple(dict.fromkeys(table.database for table in self.tables))

    def tables_of(self, database: str) -> tuple[SourceTable, ...]:
        """The tables of one database."""
        return tuple(table for table in self.tables if table.database == database)

    def find_table(self, name: str) -> SourceTable:
        """The table called ``name`` or ``database.name``.

        Raises:
            SettingError: naming the declared tables.
        """
        matches = [table for table in self.tables if name in {table.name, table.address}]
        if len(matches) != 1:
            addresses = ", ".join(table.address for table in self.tables) or "no table: none is declared"
            raise SettingError(f"{name!r} is not one declared table:", f"choose from {addresses}.")
        return matches[0]
