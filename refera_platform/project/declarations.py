"""Typed models of what a project declares under ``config.meta.refera`` in dbt's yml; ``refera schema`` prints them.

A field that is not known is an error, so that a typing mistake is never silent. Reads no file: ``load`` does.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Column = Annotated[str, Field(min_length=1)]


class Declaration(BaseModel):
    """Base of all declarations: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class GroupingDeclaration(Declaration):
    """A column by which rows and amount are added up at the source, to be compared with an answer group by group."""

    name: Column = Field(description="Name of the grouping in the tests of the answers.")
    column: Column
    of: str = Field(default="", description="Another declared table that has the column; empty for this table.")
    join: list[Column] = Field(
        default=[], max_length=2, description="Foreign-key column of this table, and key column of the other."
    )
    month: bool = Field(default=False, description="Whether the column is a date that is grouped by month.")


class TableDefaults(Declaration):
    """What a source may say for all of its tables."""

    strategy: Literal["log", "compare", "cursor", "snapshot"] | None = Field(
        default=None, description="How changes are captured; log by default."
    )
    owner: str | None = Field(default=None, description="team:<name>, or an e-mail address.")
    due_hours: float | None = Field(
        default=None, gt=0, le=24 * 366, description="Hours after the end of a day by which it must be captured."
    )
    preview: bool | None = Field(default=None, description="Whether Dagster may show sample rows.")


class TableDeclaration(TableDefaults):
    """How one table is copied."""

    key: list[Column] = Field(min_length=1, description="Columns that identify a row, in the order of the key.")
    private: list[Column] = Field(default=[], description="Columns that never leave the source.")
    hashed: list[Column] = Field(default=[], description="Columns that are kept as keyed hash.")
    amount: list[Column] = Field(default=[], description="Columns whose product is a row's money.")
    groupings: list[GroupingDeclaration] = Field(default=[], description="Groupings that are compared with answers.")
    cursor: str = Field(default="", description="For strategy cursor: the column that grows with each change.")
    overlap_hours: float | None = Field(
        default=None, ge=0, description="For a cursor that is a time: how far below the last value a run starts."
    )
    overlap: int | None = Field(
        default=None, ge=0, description="For a cursor that is a number: how far below the last value a run starts."
    )


class MirrorDeclaration(Declaration):
    """That a model holds a source table row for row; ``refera verify`` compares both."""

    table: Column = Field(pattern=r"^[a-z][a-z0-9_]*\..+$", description="database.table of the source.")
    columns: dict[str, str] = Field(min_length=1, description="Source column: column of the model, with the key.")
    as_typed: list[Column] = Field(default=[], description="Text columns that the model holds unchanged, not trimmed.")
    member_named: list[Column] = Field(
        default=[], description="Columns that the model holds as the referred member spells them."
    )
    where: str = Field(default="true", description="SQL condition of the rows that stand for a source row.")


class ModelDeclaration(Declaration):
    """What a model says to the engine."""

    mirrors: MirrorDeclaration | None = None
    order_by: str = Field(default="", description="DuckDB `order by` in which people read the table.")


class LabelDeclaration(Declaration):
    """Words in other languages than dbt's own English."""

    pt: str = Field(default="", description="In Portuguese.")


class QuestionDeclaration(Declaration):
    """That an exposure is a business question; its answers are the models that it depends on."""

    number: int = Field(ge=1, description="Place among the questions.")
    label: LabelDeclaration = LabelDeclaration()
