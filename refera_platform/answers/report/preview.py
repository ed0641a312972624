"""A small picture of the report, drawn without a browser: for those who look at the asset and not yet at the page."""

import struct
import zlib
from typing import Any

from refera_platform.answers.report.charts import THOUSANDS
from refera_platform.answers.report.figures import Figures

WIDTH, HEIGHT = 340, 160
INK, SOFT, GRID, BLUE = "#0f172a", "#51607a", "#e5eaf2", "#2563eb"


def preview(figures: Figures) -> bytes:
    """Sales by month, and by product line, as PNG."""
    import vl_convert

    return squeezed(vl_convert.vegalite_to_png(_specification(figures)))


def squeezed(png: bytes) -> bytes:
    """The same picture in a quarter of the bytes: the renderer compresses for speed, and this lives in an event log."""
    kept, pixels, at = [png[:8]], b"", 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length
        if kind == b"IDAT":
            pixels += data
            continue
        if kind == b"IEND":
            kept.append(_chunk(b"IDAT", zlib.compress(zlib.decompress(pixels), 9)))
        kept.append(_chunk(kind, data))
    return b"".join(kept)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _specification(figures: Figures) -> dict[str, Any]:
    import altair as alt

    short = alt.Axis(labelExpr=THOUSANDS["en"], tickCount=4)
    months = (
        alt.Chart(
            alt.InlineData(values=list(figures.series["sales_by_month"])),
            title="Sales by month",
            width=WIDTH,
            height=HEIGHT,
        )
        .mark_bar(color=BLUE)
        .encode(
            x=alt.X("yearmonth(month):T", title=None, axis=alt.Axis(format="%b %Y", labelOverlap="parity", grid=False)),
            y=alt.Y("sales:Q", title=None, axis=short),
        )
    )
    lines = (
        alt.Chart(
            alt.InlineData(values=[row | {"name": row["name"] or "(none)"} for row in _lines(figures)]),
            title="Sales by product line",
            width=WIDTH - 60,
            height=HEIGHT,
        )
        .mark_bar(color=BLUE)
        .encode(
            x=alt.X("sales:Q", title=None, axis=short),
            y=alt.Y("name:N", title=None, sort=alt.EncodingSortField("place", op="min"), axis=alt.Axis(labelLimit=130)),
        )
    )
    both = alt.hconcat(months, lines, spacing=24, background="#ffffff", padding=12)
    specification: dict[str, Any] = both.configure(
        axis=alt.AxisConfig(labelColor=SOFT, gridColor=GRID, domainColor=GRID, tickColor=GRID),
        title=alt.TitleConfig(color=INK, anchor="start"),
        view=alt.ViewConfig(stroke=None),
    ).to_dict(validate=False)
    return specification


def _lines(figures: Figures) -> list[dict[str, Any]]:
    return [dict(row) for row in figures.series["sales_by_line"][:10]]
