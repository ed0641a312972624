"""Typed models of a page of the report, ``dbt/report/<business>.yml``: its words, queries, charts and tables.

Reads no file and runs no SQL: ``report`` reads the pages, ``answers.report`` draws them.

A text is ``{en: …, pt: …}``, or plain text in English; what is not said in Portuguese is shown in English. SQL reads
published tables and the page's ``views``, and may name the parameters of ``answers.report.page_queries``.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from refera_platform.project.declarations import Column, Declaration

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Sql = Annotated[str, Field(min_length=1)]
Kind = Literal["text", "id", "integer", "number", "amount", "percent", "date", "month"]
"""How a value is written and sorted; an ``id`` is a number or code that nobody adds up."""
DEFAULT_BAR_STEP_PIXELS = 24
CHART_FIELDS = {
    "bar": ("x", "y"),
    "line": ("x", "y"),
    "ranked": ("x", "y"),
    "histogram": ("x", "y"),
    "heatmap": ("x", "y", "value"),
}
"""Columns that each kind of chart needs."""


def _plain_text(value: Any) -> Any:
    return {"en": value} if isinstance(value, str) else value


def _plain_column(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Text(Declaration):
    """A text in each language of the page."""

    en: str = Field(min_length=1, description="In English.")
    pt: str = Field(default="", description="In Portuguese; English when it is missing.")

    def in_language(self, language: str) -> str:
        """The text in a language of ``LANGUAGES``."""
        return str(getattr(self, language) or self.en)


LANGUAGES = tuple(Text.model_fields)
Words = Annotated[Text, BeforeValidator(_plain_text, json_schema_input_type=Text | str)]


class Quotient(Declaration):
    """A column or number that is the quotient of two others, exact and rounded half up."""

    of: Column = Field(description="Dividend.")
    by: Column = Field(description="Divisor; there is no quotient when it is 0.")
    digits: int = Field(default=2, ge=0, le=6, description="Digits after the decimal point.")
    times: int = Field(default=1, ge=1, description="Factor; 100 for a percentage.")


class ColumnDeclaration(Declaration):
    """What a column is called, and how its values are written, wherever it stands on the page."""

    label: Words | None = None
    kind: Kind | None = None


class TileDeclaration(Declaration):
    """One number of the first row of the page."""

    name: Column = Field(description="Column of the headline's SQL, or one of its quotients.")
    kind: Kind = "integer"
    label: Words | None = Field(default=None, description="The column's label when it is missing.")
    note: Words | None = Field(default=None, description="Small print; {name} stands for a number of the headline.")


class HeadlineDeclaration(Declaration):
    """The first row of the page."""

    sql: Sql = Field(description="One row; its columns are the numbers.")
    quotients: dict[Column, Quotient] = Field(default={})
    tiles: list[TileDeclaration] = Field(min_length=1, max_length=12)


class SentenceDeclaration(Declaration):
    """A sentence of a section with numbers in it."""

    sql: Sql = Field(description="At most one row; without a row the sentence is left out.")
    text: Words = Field(description="{name} stands for a column of the row.")


class GroupValue(Declaration):
    """One of the known values of a chart's group, in the order of the legend."""

    value: Column
    label: Words
    color: str = Field(pattern=r"^#[0-9a-fA-F]{6}$")


class ChartDeclaration(Declaration):
    """One chart, in a small vocabulary on top of Vega-Lite, or as a whole Vega-Lite specification."""

    name: Name
    title: Words
    kind: Literal["bar", "line", "ranked", "histogram", "heatmap"] | None = None
    vega_lite: dict[str, Any] | None = Field(default=None, description="Specification without data, size and colours.")
    sql: Sql
    x: str = Field(default="", description="Column along the horizontal axis; the bars' length of kind ranked.")
    y: str = Field(default="", description="Column along the vertical axis; the names of kind ranked.")
    group: str = Field(default="", description="Column by which bars are stacked, in one colour a value.")
    value: str = Field(default="", description="Column of the numbers in the squares of kind heatmap.")
    per: Literal["month", "day"] | None = Field(default=None, description="What a date along x stands for.")
    x_order: str = Field(default="", description="Column that sorts the names along x; the rows' order without it.")
    y_order: str = Field(default="", description="Column that sorts the names along y; the rows' order without it.")
    values: list[GroupValue] = Field(default=[], max_length=10, description="The group's values, when they are known.")
    tooltip: list[Column] = Field(default=[], description="Further columns that are shown where somebody points.")
    width: Literal["full", "half"] = "full"
    step: int = Field(default=DEFAULT_BAR_STEP_PIXELS, ge=12, le=80, description="Height of a bar in pixels.")
    limit: int = Field(default=1500, ge=1, le=5000, description="Rows of the SQL that are drawn at most.")

    @model_validator(mode="after")
    def _require_columns(self) -> "ChartDeclaration":
        if (self.kind is None) == (self.vega_lite is None):
            raise ValueError("say either kind or vega_lite")
        missing = [name for name in CHART_FIELDS.get(self.kind or "", ()) if not getattr(self, name)]
        if missing:
            raise ValueError(f"a {self.kind} needs {' and '.join(missing)}")
        if self.kind == "heatmap" and self.group:
            raise ValueError("a heatmap has no group: x and y are its names")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the chart names, each once."""
        axes = (self.x, self.y, self.group, self.value, self.x_order, self.y_order)
        return tuple(dict.fromkeys(name for name in (*axes, *self.tooltip) if name))


class TableColumn(ColumnDeclaration):
    """A column of a table; a plain name takes label and kind from the page's ``columns``."""

    name: Column


ColumnOrName = Annotated[TableColumn, BeforeValidator(_plain_column, json_schema_input_type=TableColumn | str)]


class Pivot(Declaration):
    """One column of a table spread over the values of another, the newest first."""

    by: Column = Field(description="Column of the table whose values become columns.")
    value: Column = Field(description="Column that is added up in them.")
    first: int = Field(default=12, ge=1, le=24)


class PageTable(Declaration):
    """A table behind the charts: its first rows, and the totals of all rows."""

    name: str = Field(default="", pattern=r"^([a-z][a-z0-9_]*)?$", description="`of` when it is missing.")
    title: Words | None = None
    sql: str = ""
    of: str = Field(default="", description="A published table instead of SQL.")
    columns: list[Annotated[TableColumn, BeforeValidator(_plain_column, json_schema_input_type=TableColumn | str)]] = (
        Field(default=[], description="All columns of the SQL when there are none.")
    )
    order: str = Field(default="", description="DuckDB `order by`.")
    first: int = Field(default=200, ge=1, le=1000, description="Rows on the page.")
    totals: list[Column] = Field(default=[])
    quotients: dict[Column, Quotient] = Field(default={})
    pivot: Pivot | None = None

    @model_validator(mode="after")
    def _require_query(self) -> "PageTable":
        if bool(self.sql) == bool(self.of):
            raise ValueError("say either sql or of")
        if not self.of and not self.name:
            raise ValueError("a table with sql needs a name")
        names = [column.name for column in self.columns]
        if self.pivot and self.pivot.by not in names:
            raise ValueError("the columns of a pivot name its `by`, where the new columns stand")
        if names and (unlisted := {*self.totals, *self.quotients} - {*names}):
            raise ValueError(f"columns does not list {', '.join(sorted(unlisted))}")
        return self

    @property
    def key(self) -> str:
        """Name of the table on the page."""
        return self.name or self.of


class SectionDeclaration(Declaration):
    """A question of the page, or a section of its own. One with a question alone shows its answers as tables."""

    question: int | str | None = Field(default=None, description="Number of the question, or name of its exposure.")
    name: str = Field(default="", pattern=r"^([a-z][a-z0-9_]*)?$", description="Anchor of a section without question.")
    title: Words | None = Field(default=None, description="The question when it is missing.")
    short: Words | None = Field(default=None, description="Title in the contents.")
    sentences: list[SentenceDeclaration] = Field(default=[])
    charts: list[ChartDeclaration] = Field(default=[])
    tables: list[PageTable] = Field(default=[])

    @model_validator(mode="after")
    def _require_title(self) -> "SectionDeclaration":
        if self.question is None and not (self.name and self.title):
            raise ValueError("say question, or name and title")
        return self


class ChartWindowDeclaration(Declaration):
    """The period that charts show, so that one mistyped year does not squeeze all others."""

    last_day: Sql = Field(description="SQL of its last day; today when that gives none.")
    months: int = Field(default=60, ge=1, le=1200)


class PageDeclaration(Declaration):
    """One page of the report."""

    title: Words
    note: Words | None = Field(default=None, description="What holds for the whole page.")
    currency: str = Field(default="", pattern=r"^([A-Z]{3})?$", description="ISO 4217 code of all amounts.")
    chart_window: ChartWindowDeclaration | None = None
    views: dict[Name, Sql] = Field(default={}, description="SELECTs that the page's SQL reads by name.")
    columns: dict[Column, ColumnDeclaration] = Field(default={})
    headline: HeadlineDeclaration | None = None
    preview: list[str] = Field(default=[], max_length=2, description="Charts of the picture in Dagster.")
    sections: list[SectionDeclaration] = Field(default=[], description="Every question when there is none.")
