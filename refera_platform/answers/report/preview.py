"""Preview picture of the report, drawn without a browser; Dagster shows it on the asset."""

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from refera_platform.answers.report.charts import chart_specification
from refera_platform.answers.report.figures import Figures
from refera_platform.answers.report.page_queries import OTHERS
from refera_platform.errors import SettingError
from refera_platform.project.model import Report
from refera_platform.project.report_declarations import LANGUAGES, ChartDeclaration

MAX_PREVIEW_CHARTS = 2
MAX_PREVIEW_NAMES = 10

CHART_WIDTH_PIXELS, CHART_HEIGHT_PIXELS = 340, 160
TEXT_COLOR, LABEL_COLOR, GRID_COLOR, BAR_COLOR = "#0f172a", "#51607a", "#e5eaf2", "#2563eb"


def render_preview(report: Report, figures: Figures) -> bytes:
    """The charts of a page's ``preview`` as PNG, or its first ones; empty for a page without charts.

    Raises:
        SettingError: when they cannot be drawn.
    """
    import vl_convert

    if not figures.series:
        return b""
    try:
        png = vl_convert.vegalite_to_png(_specification(report, figures))
    except ValueError:
        # the renderer's message is a page of JavaScript, and may hold values of rows
        raise SettingError(
            f"{report.file}: the first charts cannot be drawn as a picture:", "name others in `preview`."
        ) from None
    return recompress_png(png)


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


def _specification(report: Report, figures: Figures) -> dict[str, Any]:
    charts = {chart.name: chart for section in report.sections for chart in section.said.charts}
    names = report.page.preview or [*charts][:MAX_PREVIEW_CHARTS]
    return {
        "hconcat": [_still_chart(report, charts[name], figures.series[name]) for name in names],
        "spacing": 24,
        "background": "#ffffff",
        "padding": 12,
        "config": {
            "axis": {"labelColor": LABEL_COLOR, "gridColor": GRID_COLOR, "domainColor": GRID_COLOR, "labelLimit": 130},
            "title": {"color": TEXT_COLOR, "anchor": "start"},
            "view": {"stroke": None},
            "bar": {"color": BAR_COLOR},
            "line": {"color": BAR_COLOR},
        },
    }


def _still_chart(report: Report, chart: ChartDeclaration, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A chart of the page with its data, in the size of the picture."""
    specification = chart_specification(report, chart, LANGUAGES[0])
    names = specification.get("usermeta", {}).get("names", [])
    words = {None: "(none)", OTHERS: "Others"} | {each.value: each.label.en for each in chart.values}
    values = [dict(row) | {name: words.get(row[name], row[name]) for name in names} for row in rows]
    for removed in ("config", "autosize", "params"):
        specification.pop(removed, None)
    if chart.kind == "ranked":
        first = list(dict.fromkeys(row[chart.y] for row in values))[:MAX_PREVIEW_NAMES]
        values = [row for row in values if row[chart.y] in first]
    specification.get("encoding", {}).pop("opacity", None)
    return {
        **specification,
        "title": chart.title.en,
        "width": CHART_WIDTH_PIXELS,
        "height": CHART_HEIGHT_PIXELS,
        "data": {"values": values},
    }
