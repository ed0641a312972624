"""Chart specifications (Vega-Lite, made by Altair): one per chart and language, without data, colours or size.

The page adds the data by name, the colours of its theme and its width. Altair is imported when a chart is made,
because the import takes half a second. ``usermeta`` tells the page what it must know of a chart: which columns hold
names, which are the groups, and what a bar stands for.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from refera_platform.answers.report.words import column_label, page_words
from refera_platform.errors import SettingError
from refera_platform.project.model import Report
from refera_platform.project.report_declarations import ChartDeclaration, ColumnDeclaration

if TYPE_CHECKING:
    import altair as alt

FAINT_OPACITY, FULL_OPACITY = 0.15, 1
HEATMAP_COLORS = ("#dbeafe", "#1e3a8a")
DARK_SQUARE_SHARE = 0.6
"""Share of the largest number from which a square of a heatmap is so dark that its number is white."""
CHART_HEIGHT_PIXELS, LINE_HEIGHT_PIXELS = 260, 240
SHORT_NUMBER_EXPRESSIONS = {
    "en": "replace(format(datum.value, '~s'), 'G', 'B')",
    "pt": "replace(replace(replace(format(datum.value, '~s'), 'k', ' mil'), 'M', ' mi'), 'G', ' bi')",
}
"""Vega expression that abbreviates thousands, millions and billions on the axes, by language."""
NUMBER_FORMATS = {"integer": ",", "number": ",.2f", "amount": ",.2f", "percent": ",.1f"}
TIME_TOOLTIP_FORMATS = {"day": "%d %B %Y", "month": "%B %Y"}


def chart_specifications(report: Report, language: str, *, validate: bool = False) -> dict[str, dict[str, Any]]:
    """Every chart of a page, by its name."""
    return {
        chart.name: chart_specification(report, chart, language, validate=validate)
        for section in report.sections
        for chart in section.said.charts
    }


def chart_specification(
    report: Report, chart: ChartDeclaration, language: str, *, validate: bool = False
) -> dict[str, Any]:
    """One chart in one language.

    Raises:
        SettingError: when a whole specification is none of Vega-Lite.
    """
    if chart.vega_lite is not None:
        return _whole_specification(report, chart, chart.vega_lite, language)
    builder = ChartBuilder(report, chart, language)
    draw = {
        "bar": builder.bars,
        "line": builder.line,
        "ranked": builder.ranked_bars,
        "histogram": builder.histogram,
        "heatmap": builder.heatmap,
    }[chart.kind or "bar"]
    specification: dict[str, Any] = draw().to_dict(validate=validate)
    return specification


def _whole_specification(
    report: Report, chart: ChartDeclaration, declared: Mapping[str, Any], language: str
) -> dict[str, Any]:
    import altair
    from jsonschema import ValidationError

    default = {
        "$schema": altair.SCHEMA_URL,
        "width": "container",
        "height": CHART_HEIGHT_PIXELS,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "description": chart.title.in_language(language),
    }
    specification = {**default, **declared, "data": {"name": chart.name}, "usermeta": {}}
    try:
        altair.Chart.from_dict(specification)
    except ValidationError as error:
        reason = error.message.strip().splitlines()[0].rstrip(".:")
        raise SettingError(
            f"{report.file}, chart {chart.name}: vega_lite is no specification of Vega-Lite ({reason}):",
            "correct it; the error that Vega-Lite's own editor shows says more.",
        ) from None
    return specification


class ChartBuilder:
    """Builder of one chart in one language."""

    def __init__(self, report: Report, chart: ChartDeclaration, language: str) -> None:
        import altair as alt

        self._alt = alt
        self._chart = chart
        self._language = language
        self._columns = report.page.columns
        self._words = page_words(report, language)

    def bars(self) -> "alt.Chart":
        """A bar for each month, day or name, stacked by group when the chart has groups."""
        chart = self._chart
        x = self._time_axis() if chart.per else self._names("X", chart.x, chart.x_order)
        bars = self._base().mark_bar(cornerRadiusEnd=2)
        return self._highlight_groups(bars.encode(x=x, y=self._amount_axis(), tooltip=self._tooltips(chart.y)))

    def line(self) -> "alt.Chart":
        """A line with one point for each month, day or name."""
        chart = self._chart
        x = self._time_axis() if chart.per else self._names("X", chart.x, chart.x_order)
        mark = self._base().mark_line(point={"size": 45, "filled": True}, strokeWidth=2.5, strokeJoin="round")
        line = mark.encode(x=x, y=self._amount_axis(), tooltip=self._tooltips(chart.y))
        return self._highlight_groups(line.properties(height=LINE_HEIGHT_PIXELS), is_stacked=False)

    def ranked_bars(self) -> "alt.Chart":
        """A horizontal bar for each name."""
        chart = self._chart
        y = self._names("Y", chart.y, chart.y_order)
        x = self._alt.X(
            field=_field(chart.x), type="quantitative", stack="zero", title=None, axis=self._short_number_axis()
        )
        bars = self._base().mark_bar(cornerRadiusEnd=2).encode(x=x, y=y, tooltip=self._tooltips(chart.x))
        return self._highlight_groups(bars.properties(height={"step": chart.step}))

    def histogram(self) -> "alt.Chart":
        """Bars side by side, each for a range of numbers."""
        alt, chart = self._alt, self._chart
        x = alt.X(
            field=_field(chart.x),
            type="ordinal",
            title=self._label(chart.x),
            sort=self._order(chart.x_order),
            axis=alt.Axis(labelAngle=0, labelOverlap="parity", labelSeparation=8),
        )
        bars = self._base().mark_bar().encode(x=x, y=self._amount_axis(), tooltip=self._tooltips(chart.y))
        return self._highlight_groups(bars).properties(height=CHART_HEIGHT_PIXELS)

    def heatmap(self) -> "alt.LayerChart":
        """Names by names, with a number in each square."""
        altair, chart = self._alt, self._chart
        value = _field(chart.value)
        y = self._names("Y", chart.y, chart.y_order)
        x = self._names("X", chart.x, chart.x_order, axis=altair.Axis(orient="top", domain=False, ticks=False))
        ramp = altair.Color(
            field=value, type="quantitative", legend=None, scale=altair.Scale(range=list(HEATMAP_COLORS), zero=True)
        )
        base = altair.Chart(altair.NamedData(chart.name)).encode(x=x, y=y, tooltip=self._tooltips(chart.value))
        share = f"datum[{json.dumps(chart.value)}] > {DARK_SQUARE_SHARE} * datum._largest"
        ink = altair.condition(share, altair.value("#ffffff"), altair.value("#0f172a"))
        text = altair.Text(field=value, type="quantitative", format=",")
        both: alt.LayerChart = altair.layer(
            base.mark_rect(cornerRadius=3).encode(color=ramp), base.mark_text(fontSize=11).encode(text=text, color=ink)
        )
        return both.transform_joinaggregate(
            [altair.JoinAggregateFieldDef(**{"op": "max", "field": value, "as": "_largest"})]
        ).properties(
            height={"step": chart.step},
            width="container",
            autosize=altair.AutoSizeParams(type="fit-x", contains="padding"),
            description=chart.title.in_language(self._language),
            usermeta={"names": [chart.x, chart.y], "rows": chart.y},
        )

    def _base(self) -> "alt.Chart":
        altair, chart = self._alt, self._chart
        axes = {"ranked": (chart.y,), "histogram": (chart.x,)}.get(chart.kind or "", () if chart.per else (chart.x,))
        meta: dict[str, Any] = {"names": [name for name in (*axes, chart.group) if name]}
        if chart.kind == "ranked":
            meta["rows"] = chart.y
        if chart.group:
            meta["groups"] = chart.group
            meta["size"] = chart.x if chart.kind == "ranked" else chart.y
        if chart.values:
            meta["values"] = {each.value: each.label.in_language(self._language) for each in chart.values}
        if chart.per == "month":
            meta["months"] = chart.x
        drawn: alt.Chart = altair.Chart(
            altair.NamedData(chart.name),
            width="container",
            height=CHART_HEIGHT_PIXELS,
            autosize=altair.AutoSizeParams(type="fit-x", contains="padding"),
            description=chart.title.in_language(self._language),
            usermeta=meta,
        )
        return drawn

    def _highlight_groups(self, drawn: "alt.Chart", *, is_stacked: bool = True) -> "alt.Chart":
        """The chart with its groups in colours; a click on the legend selects one group.

        Known values have their own colours. The page gives each other group the same colour in all charts, and its
        position ``_turn`` in the stack.
        """
        alt, chart = self._alt, self._chart
        if not chart.group:
            return drawn
        colour: dict[str, Any] = {"field": _field(chart.group), "type": "nominal", "title": None}
        if chart.values:
            labels = [each.label.in_language(self._language) for each in chart.values]
            scale = alt.Scale(domain=labels, range=[each.color for each in chart.values])
            drawn = drawn.encode(color=alt.Color(**colour, sort=labels, scale=scale))
        else:
            drawn = drawn.encode(color=alt.Color(**colour))
            if is_stacked:
                drawn = drawn.encode(order=alt.Order("_turn:Q"))
        highlight = alt.selection_point(name="highlight", fields=[_field(chart.group)], bind="legend")
        opacity = alt.condition(highlight, alt.value(FULL_OPACITY), alt.value(FAINT_OPACITY))
        return drawn.encode(opacity=opacity).add_params(highlight)

    def _names(self, axis_name: str, column: str, order: str, **more: Any) -> Any:
        """An axis of names, in the order of a column or of the rows."""
        channel = getattr(self._alt, axis_name)
        return channel(field=_field(column), type="nominal", title=None, sort=self._order(order), **more)

    def _order(self, column: str) -> Any:
        return self._alt.EncodingSortField(_field(column), op="min") if column else None

    def _time_axis(self) -> "alt.X":
        is_daily = self._chart.per == "day"
        axis = self._alt.Axis(
            format="%d %b" if is_daily else "%b %Y",
            labelAngle=0,
            labelOverlap="parity",
            labelSeparation=12,
            labelFlush=False,
            grid=False,
        )
        unit: Any = "yearmonthdate" if is_daily else "yearmonth"
        return self._alt.X(field=_field(self._chart.x), timeUnit=unit, type="temporal", title=None, axis=axis)

    def _amount_axis(self) -> "alt.Y":
        return self._alt.Y(field=_field(self._chart.y), type="quantitative", title=None, axis=self._short_number_axis())

    def _short_number_axis(self) -> "alt.Axis":
        return self._alt.Axis(
            labelExpr=SHORT_NUMBER_EXPRESSIONS[self._language], tickCount=6, labelOverlap="parity", labelSeparation=8
        )

    def _tooltips(self, value: str) -> "list[alt.Tooltip]":
        """Tooltips: time and names first, then the columns of the declaration, or the drawn number."""
        alt, chart = self._alt, self._chart
        first = []
        if chart.per:
            form = TIME_TOOLTIP_FORMATS[chart.per]
            first = [alt.Tooltip(field=_field(chart.x), type="temporal", title=self._label(chart.x), format=form)]
        names = {
            "ranked": (chart.y, chart.group),
            "heatmap": (chart.y, chart.x),
        }.get(chart.kind or "", ("" if chart.per else chart.x, chart.group))
        first += [alt.Tooltip(field=_field(name), type="nominal", title=self._label(name)) for name in names if name]
        return first + [self._tooltip(name, is_number=name == value) for name in chart.tooltip or [value]]

    def _tooltip(self, column: str, *, is_number: bool) -> "alt.Tooltip":
        kind = self._columns.get(column, ColumnDeclaration()).kind or ("integer" if is_number else "text")
        if kind in NUMBER_FORMATS:
            return self._alt.Tooltip(
                field=_field(column), type="quantitative", title=self._label(column), format=NUMBER_FORMATS[kind]
            )
        if kind in {"date", "month"}:
            form = TIME_TOOLTIP_FORMATS["day" if kind == "date" else "month"]
            return self._alt.Tooltip(field=_field(column), type="temporal", title=self._label(column), format=form)
        return self._alt.Tooltip(field=_field(column), type="nominal", title=self._label(column))

    def _label(self, column: str) -> str:
        return column_label(self._words, column)


def _field(column: str) -> str:
    """A column as Vega-Lite names it: dots and brackets would be paths into a value."""
    escaped = column.replace("\\", "\\\\")
    for sign in ".[]":
        escaped = escaped.replace(sign, f"\\{sign}")
    return escaped
