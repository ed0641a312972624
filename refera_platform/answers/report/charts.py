"""Chart specifications (Vega-Lite, made by Altair): one per chart and language, without data, colours or size.

The page adds the data by name, the colours of its theme and its width. Altair is imported when a chart is made,
because the import takes half a second.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt

Texts = Mapping[str, str]
LATE_COLOR, ON_TIME_COLOR, NO_DATE_COLOR = "#dc2626", "#2f7ed8", "#94a3b8"
FAINT_OPACITY, FULL_OPACITY = 0.15, 1
HEATMAP_COLORS = ("#dbeafe", "#1e3a8a")
BAR_STEP_PIXELS = 24
"""Height of one bar of a ranking."""
SHORT_NUMBER_EXPRESSIONS = {
    "en": "replace(format(datum.value, '~s'), 'G', 'B')",
    "pt": "replace(replace(replace(format(datum.value, '~s'), 'k', ' mil'), 'M', ' mi'), 'G', ' bi')",
}
"""Vega expression that abbreviates thousands, millions and billions on the axes, by language."""
TOOLTIP_FORMATS = {"sales": ",.2f", "paid": ",.2f", "value": ",.2f", "average": ",.2f"}
SERIES_LABELS = {
    "sales_by_line": ("product_line", ""),
    "best_products": ("product", "product_line"),
    "salespeople": ("salesperson", "office"),
    "paying_customers": ("customer", ""),
    "customers_by_status": ("customer", "status"),
    "statuses": ("status", ""),
    "managers": ("manager", "office"),
    "stock_value": ("product_line", ""),
    "sales_by_line_and_month": ("", "product_line"),
    "stock_by_month": ("", "product_line"),
    "cities": ("city", "office"),
}
"""Labels of the fields ``name`` and ``group``, by series."""


def chart_specifications(texts: Texts, language: str, *, validate: bool = False) -> dict[str, dict[str, Any]]:
    """Every chart of the page, by the name of its series."""
    measure = ("orders", "order_lines", "units", "sales")
    stock = ("quantity", "value", "products")
    paid = ("payments", "paid", "average")
    charts: dict[str, Callable[[ChartBuilder], alt.Chart | alt.LayerChart]] = {
        "sales_by_month": lambda make: make.bars_over_time("month", "sales", measure),
        "sales_by_day": lambda make: make.bars_over_time("day", "sales", measure),
        "sales_by_line": lambda make: make.ranked_bars("sales", measure, step=36),
        "sales_by_line_and_month": lambda make: make.bars_over_time("month", "sales", ("units", "sales")),
        "best_products": lambda make: make.ranked_bars("sales", measure),
        "salespeople": lambda make: make.ranked_bars("sales", measure),
        "payments_by_month": lambda make: make.bars_over_time("month", "paid", paid),
        "average_payment_by_month": lambda make: make.line_over_time("average", paid),
        "paying_customers": lambda make: make.ranked_bars("paid", paid),
        "customers_by_status": lambda make: make.ranked_bars("sales", measure),
        "statuses": lambda make: make.ranked_bars("orders", measure),
        "days_to_ship": lambda make: make.histogram(),
        "shipping_by_month": lambda make: make.line_over_time("average", ("average", "orders", "late")),
        "managers": lambda make: make.ranked_bars("orders", measure),
        "cities": lambda make: make.heatmap(measure),
        "stock_by_month": lambda make: make.bars_over_time("month", "quantity", stock),
        "stock_value": lambda make: make.ranked_bars("value", stock),
    }
    return {name: draw(ChartBuilder(name, texts, language)).to_dict(validate=validate) for name, draw in charts.items()}


class ChartBuilder:
    """Builder of the chart of one series in one language."""

    def __init__(self, name: str, texts: Texts, language: str) -> None:
        import altair as alt

        self._alt = alt
        self._series = name
        self._texts = texts
        self._language = language
        self._name, self._group = SERIES_LABELS.get(name, ("", ""))

    def bars_over_time(self, unit: str, value: str, tooltip_fields: tuple[str, ...]) -> "alt.Chart":
        """A bar for each month or day, stacked by group when the series has groups."""
        return self._highlight_groups(
            self._chart()
            .mark_bar(cornerRadiusEnd=2)
            .encode(
                x=self._time_axis(unit),
                y=self._amount_axis(value),
                tooltip=[self._time_tooltip(unit), *self._tooltips(tooltip_fields)],
            )
        )

    def line_over_time(self, value: str, tooltip_fields: tuple[str, ...]) -> "alt.Chart":
        """A line with one point a month."""
        mark = self._chart().mark_line(point={"size": 45, "filled": True}, strokeWidth=2.5, strokeJoin="round")
        chart: alt.Chart = mark.encode(
            x=self._time_axis("month"),
            y=self._amount_axis(value),
            tooltip=[self._time_tooltip("month"), *self._tooltips(tooltip_fields)],
        ).properties(height=240)
        return chart

    def ranked_bars(self, value: str, tooltip_fields: tuple[str, ...], step: int = BAR_STEP_PIXELS) -> "alt.Chart":
        """A horizontal bar for each name, the longest first."""
        alt = self._alt
        y = alt.Y("name:N", title=None, sort=alt.EncodingSortField("place", op="min"))
        x = alt.X(f"{value}:Q", stack="zero", title=None, axis=self._short_number_axis())
        bars = self._chart().mark_bar(cornerRadiusEnd=2)
        drawn = bars.encode(x=x, y=y, tooltip=self._tooltips(tooltip_fields)).properties(height={"step": step})
        return self._highlight_groups(drawn)

    def heatmap(self, tooltip_fields: tuple[str, ...]) -> "alt.LayerChart":
        """Customer cities by offices, with the number of orders in each square."""
        altair = self._alt
        y = altair.Y("name:N", title=None, sort=altair.EncodingSortField("place", op="min"))
        x = altair.X(
            "group:N",
            title=None,
            sort=altair.EncodingSortField("rank", op="min"),
            axis=altair.Axis(orient="top", domain=False, ticks=False),
        )
        ramp = altair.Color("orders:Q", legend=None, scale=altair.Scale(range=list(HEATMAP_COLORS), zero=True))
        base = altair.Chart(altair.NamedData(self._series)).encode(x=x, y=y, tooltip=self._tooltips(tooltip_fields))
        ink = altair.condition("datum.share > 0.6", altair.value("#ffffff"), altair.value("#0f172a"))
        rectangles = base.mark_rect(cornerRadius=3).encode(color=ramp)
        numbers = base.mark_text(fontSize=11).encode(text=altair.Text("orders:Q", format=","), color=ink)
        both: alt.LayerChart = altair.layer(rectangles, numbers).properties(
            height={"step": BAR_STEP_PIXELS},
            width="container",
            autosize=altair.AutoSizeParams(type="fit-x", contains="padding"),
            description=self._texts[f"chart_{self._series}"],
        )
        return both

    def histogram(self) -> "alt.Chart":
        """Orders by days to ship; late ones are red and labelled."""
        alt = self._alt
        outcomes = [self._texts[name] for name in ("on_time", "late", "no_date")]
        colour = alt.Color(
            "outcome:N",
            title=None,
            sort=outcomes,
            scale=alt.Scale(domain=outcomes, range=[ON_TIME_COLOR, LATE_COLOR, NO_DATE_COLOR]),
        )
        x = alt.X(
            "days:O",
            title=self._texts["days_to_ship"],
            sort=alt.EncodingSortField("bin", op="min"),
            axis=alt.Axis(labelAngle=0, labelOverlap="parity", labelSeparation=8),
        )
        tooltips = [
            alt.Tooltip("days:N", title=self._texts["days_to_ship"]),
            alt.Tooltip("outcome:N", title=self._texts["outcome"]),
            *self._tooltips(("orders",)),
        ]
        bars = self._chart().mark_bar().encode(x=x, y=self._amount_axis("orders"), color=colour, tooltip=tooltips)
        highlight = alt.selection_point(name="highlight", fields=["outcome"], bind="legend")
        return self._fade_unselected(bars, highlight).properties(height=260)

    def _chart(self) -> "alt.Chart":
        return self._alt.Chart(
            self._alt.NamedData(self._series),
            width="container",
            height=260,
            autosize=self._alt.AutoSizeParams(type="fit-x", contains="padding"),
            description=self._texts[f"chart_{self._series}"],
        )

    def _highlight_groups(self, chart: "alt.Chart") -> "alt.Chart":
        """The chart with its groups in colours; a click on the legend selects one group.

        The page gives each group the same colour in all charts, and its position ``turn`` in the stack.
        """
        if not self._group:
            return chart
        alt = self._alt
        highlight = alt.selection_point(name="highlight", fields=["group"], bind="legend")
        coloured = chart.encode(color=alt.Color("group:N", title=None), order=alt.Order("turn:Q"))
        return self._fade_unselected(coloured, highlight).properties(usermeta={"groups": self._group})

    def _fade_unselected(self, chart: "alt.Chart", highlight: "alt.Parameter") -> "alt.Chart":
        opacity = self._alt.condition(highlight, self._alt.value(FULL_OPACITY), self._alt.value(FAINT_OPACITY))
        return chart.encode(opacity=opacity).add_params(highlight)

    def _time_axis(self, unit: str) -> "alt.X":
        days = unit == "day"
        axis = self._alt.Axis(
            format="%d %b" if days else "%b %Y",
            labelAngle=0,
            labelOverlap="parity",
            labelSeparation=12,
            labelFlush=False,
            grid=False,
        )
        return self._alt.X(f"{'yearmonthdate' if days else 'yearmonth'}({unit}):T", title=None, axis=axis)

    def _time_tooltip(self, unit: str) -> "alt.Tooltip":
        form = "%d %B %Y" if unit == "day" else "%B %Y"
        return self._alt.Tooltip(f"{unit}:T", title=self._texts[unit], format=form)

    def _amount_axis(self, value: str) -> "alt.Y":
        return self._alt.Y(f"{value}:Q", title=None, axis=self._short_number_axis())

    def _short_number_axis(self) -> "alt.Axis":
        return self._alt.Axis(
            labelExpr=SHORT_NUMBER_EXPRESSIONS[self._language], tickCount=6, labelOverlap="parity", labelSeparation=8
        )

    def _tooltips(self, values: tuple[str, ...]) -> "list[alt.Tooltip]":
        """Tooltips: names first, then numbers."""
        alt = self._alt
        named = [("name", self._name), ("group", self._group)]
        names = [alt.Tooltip(f"{field}:N", title=self._texts[what]) for field, what in named if what]
        numbers = [
            alt.Tooltip(f"{value}:Q", title=self._texts[value], format=TOOLTIP_FORMATS.get(value, ","))
            for value in values
        ]
        return names + numbers
