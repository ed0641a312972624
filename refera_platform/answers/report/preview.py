"""Preview picture of the report, drawn without a browser; Dagster shows it on the asset."""

import struct
import zlib
from typing import Any

from refera_platform.answers.report.charts import SHORT_NUMBER_EXPRESSIONS
from refera_platform.answers.report.figures import Figures

CHART_WIDTH_PIXELS, CHART_HEIGHT_PIXELS = 340, 160
TEXT_COLOR, LABEL_COLOR, GRID_COLOR, BAR_COLOR = "#0f172a", "#51607a", "#e5eaf2", "#2563eb"


def render_preview(figures: Figures) -> bytes:
    """Sales by month, and by product line, as PNG."""
    import vl_convert

    return recompress_png(vl_convert.vegalite_to_png(_specification(figures)))


def recompress_png(png: bytes) -> bytes:
    """The same picture in a quarter of the bytes, because Dagster's event log stores it. The renderer favours speed."""
    parts, pixels, offset = [png[:8]], b"", 8
    while offset < len(png):
        (length,) = struct.unpack(">I", png[offset : offset + 4])
        kind, data = png[offset + 4 : offset + 8], png[offset + 8 : offset + 8 + length]
        offset += 12 + length
        if kind == b"IDAT":
            pixels += data
            continue
        if kind == b"IEND":
            parts.append(_png_chunk(b"IDAT", zlib.compress(zlib.decompress(pixels), 9)))
        parts.append(_png_chunk(kind, data))
    return b"".join(parts)


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _specification(figures: Figures) -> dict[str, Any]:
    import altair as alt

    short = alt.Axis(labelExpr=SHORT_NUMBER_EXPRESSIONS["en"], tickCount=4)
    months = (
        alt.Chart(
            alt.InlineData(values=list(figures.series["sales_by_month"])),
            title="Sales by month",
            width=CHART_WIDTH_PIXELS,
            height=CHART_HEIGHT_PIXELS,
        )
        .mark_bar(color=BAR_COLOR)
        .encode(
            x=alt.X("yearmonth(month):T", title=None, axis=alt.Axis(format="%b %Y", labelOverlap="parity", grid=False)),
            y=alt.Y("sales:Q", title=None, axis=short),
        )
    )
    lines = (
        alt.Chart(
            alt.InlineData(values=[row | {"name": row["name"] or "(none)"} for row in _lines(figures)]),
            title="Sales by product line",
            width=CHART_WIDTH_PIXELS - 60,
            height=CHART_HEIGHT_PIXELS,
        )
        .mark_bar(color=BAR_COLOR)
        .encode(
            x=alt.X("sales:Q", title=None, axis=short),
            y=alt.Y("name:N", title=None, sort=alt.EncodingSortField("place", op="min"), axis=alt.Axis(labelLimit=130)),
        )
    )
    both = alt.hconcat(months, lines, spacing=24, background="#ffffff", padding=12)
    specification: dict[str, Any] = both.configure(
        axis=alt.AxisConfig(labelColor=LABEL_COLOR, gridColor=GRID_COLOR, domainColor=GRID_COLOR, tickColor=GRID_COLOR),
        title=alt.TitleConfig(color=TEXT_COLOR, anchor="start"),
        view=alt.ViewConfig(stroke=None),
    ).to_dict(validate=False)
    return specification


def _lines(figures: Figures) -> list[dict[str, Any]]:
    return [dict(row) for row in figures.series["sales_by_line"][:10]]
