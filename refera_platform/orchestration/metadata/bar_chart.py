"""Bar charts in SVG: stacked bars over days or months. One costs a millisecond and two kilobytes.

ChartPanel(layers) ──▶ render_chart() ──▶ SVG ──▶ image_markdown() for a page that runs no scripts

The background is opaque, because an embedded image cannot know whether the page is dark.
"""

import base64
import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

WIDTH_PX, LEFT_MARGIN_PX, RIGHT_MARGIN_PX, HEADER_PX, BARS_HEIGHT_PX, FOOTER_PX = 560, 54, 12, 44, 92, 26
"""Pixels: width of the image, its margins, title area above the bars, the bars, and label area below them."""
BACKGROUND_COLOUR, TEXT_COLOUR, MUTED_COLOUR, GRID_COLOUR = "#ffffff", "#0f172a", "#51607a", "#e2e8f0"
MAX_BAR_RATIO = 1.6
"""Outliers are cut when the highest bar is more than this many times as high as the highest other bar."""
MAX_LABELS = 6
AXIS_Y_PX = HEADER_PX + BARS_HEIGHT_PX
"""Upright position of the horizontal axis."""
SPARKLINE_HEIGHT_PX, SPARKLINE_STEP_PX = 20, 5
"""Pixels of the sparkline: height of its bars and distance between two; it is displayed at twice the size."""
MAX_BAR_WIDTH_PX = 48
"""Pixels: widest bar, when there are few bars."""


@dataclass(frozen=True, kw_only=True)
class ChartLayer:
    """One layer of the stacked bars, in one colour."""

    name: str
    colour: str
    values: Sequence[int | None]
    """One value for each label; ``None`` when it is unknown."""


@dataclass(frozen=True, kw_only=True)
class ChartPanel:
    """One chart: stacked bars over one axis."""

    title: str
    layers: Sequence[ChartLayer]
    outliers: Sequence[bool] = ()
    """Marks bars that may exceed the axis: they are cut and show their number above."""

    @property
    def totals(self) -> list[int]:
        """Total of each bar."""
        return [
            sum(value or 0 for value in stack) for stack in zip(*(layer.values for layer in self.layers), strict=True)
        ]

    @property
    def top(self) -> int:
        """Maximum of the axis; outliers do not raise it when they are far higher than the other bars."""
        totals = self.totals
        usual_totals = [
            total for index, total in enumerate(totals) if not (self.outliers and self.outliers[index]) and total
        ]
        highest, maximum = max(usual_totals, default=0), max(totals, default=0)
        return highest if highest and maximum > MAX_BAR_RATIO * highest else maximum


def render_chart(labels: Sequence[str], panels: Sequence[ChartPanel]) -> str:
    """Render panels one above the other as SVG.

    Args:
        labels: One for each bar, oldest first; only some of them are drawn.
        panels: The charts.
    """
    panel_height = HEADER_PX + BARS_HEIGHT_PX + FOOTER_PX
    panel_groups = "".join(
        f'<g transform="translate(0 {index * panel_height})">{_render_panel(labels, panel)}</g>'
        for index, panel in enumerate(panels)
    )
    height = panel_height * len(panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{height}"'
        f' viewBox="0 0 {WIDTH_PX} {height}"'
        f' font-family="system-ui,sans-serif" font-size="11" fill="{MUTED_COLOUR}">'
        f'<rect width="{WIDTH_PX}" height="{height}" rx="6" fill="{BACKGROUND_COLOUR}"/>{panel_groups}</svg>'
    )


def render_sparkline(panel: ChartPanel) -> str:
    """The same bars without any text, small enough for a list."""
    top, totals = max(panel.top, 1), panel.totals
    indexes = range(len(totals))
    stacked_heights = [0] * len(totals)
    paths = ""
    for layer in panel.layers:
        bar_heights = [
            round((layer.values[index] or 0) * SPARKLINE_HEIGHT_PX / max(top, totals[index])) for index in indexes
        ]
        path_data, x, y = "", 0, 0
        for index in (index for index in indexes if bar_heights[index]):
            # relative to the end of the previous bar, which takes the fewest characters
            left, foot = index * SPARKLINE_STEP_PX, SPARKLINE_HEIGHT_PX - stacked_heights[index]
            path_data += f"m{left - x},{foot - y}v-{bar_heights[index]}"
            x, y = left, foot - bar_heights[index]
            stacked_heights[index] += bar_heights[index]
        paths += f"<path stroke='{layer.colour}' d='M0,0{path_data}'/>" if path_data else ""
    width = len(totals) * SPARKLINE_STEP_PX + SPARKLINE_STEP_PX
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='-{SPARKLINE_STEP_PX} -2 {width}"
        f" {SPARKLINE_HEIGHT_PX + 4}' width='{width * 2}'"
        f" height='{SPARKLINE_HEIGHT_PX * 2 + 8}' stroke-width='{SPARKLINE_STEP_PX - 1}'"
        f" style='background:{BACKGROUND_COLOUR}'>{paths}</svg>"
    )


def image_markdown(alternative: str, svg: str) -> str:
    """Markdown of an image.

    Args:
        alternative: Alternative text, as plain text.
        svg: The image.
    """
    alt_text = "".join(
        letter if letter.isalnum() or letter in " ,.:-" else f"&#{ord(letter)};" for letter in alternative
    )
    encodings = (quote(svg, safe="/:=',;.-"), f";base64,{base64.b64encode(svg.encode()).decode()}")
    encoded = f",{encodings[0]}" if len(encodings[0]) < len(encodings[1]) else encodings[1]
    return f"![{alt_text}](data:image/svg+xml{encoded})"


def abbreviate_number(value: int) -> str:
    """A number in few characters: 950, 1.2k, 34M."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            scaled = value / size
            return f"{scaled:.0f}{unit}" if scaled >= 10 or scaled == int(scaled) else f"{scaled:.1f}{unit}"
    return str(value)


def _render_panel(labels: Sequence[str], panel: ChartPanel) -> str:
    title = (
        f'<text x="12" y="19" font-size="12" font-weight="600" fill="{TEXT_COLOUR}">{html.escape(panel.title)}</text>'
    )
    return "".join([title, *_render_legend(panel), *_render_axis(panel), *_render_bars(panel), *_render_labels(labels)])


def _render_axis(panel: ChartPanel) -> Iterator[str]:
    """Grid lines and numbers of the upright axis."""
    top = max(panel.top, 1)
    for fraction in (0, 0.5, 1) if top > 1 else (0, 1):
        y = AXIS_Y_PX - fraction * BARS_HEIGHT_PX
        label = abbreviate_number(round(top * fraction))
        yield f'<text x="{LEFT_MARGIN_PX - 6}" y="{y + 4:.0f}" text-anchor="end">{label}</text>'
        yield f'<path d="M{LEFT_MARGIN_PX} {y:.0f}H{WIDTH_PX - RIGHT_MARGIN_PX}" stroke="{GRID_COLOUR}"/>'


def _render_bars(panel: ChartPanel) -> Iterator[str]:
    """The stacked bars, one path for each colour; a bar that is cut shows its total."""
    top, totals = max(panel.top, 1), panel.totals
    step = (WIDTH_PX - LEFT_MARGIN_PX - RIGHT_MARGIN_PX) / max(len(totals), 1)
    bar_width = min(step * 0.76, MAX_BAR_WIDTH_PX)
    bar_floors = [float(AXIS_Y_PX)] * len(totals)
    for layer in panel.layers:
        path = ""
        for index, value in enumerate(layer.values):
            if value:
                bar_height = max(value * BARS_HEIGHT_PX / max(top, totals[index]), 1)  # at least one pixel high
                path += f"M{LEFT_MARGIN_PX + step * (index + 0.5):.1f},{bar_floors[index]:.1f}v-{bar_height:.1f}"
                bar_floors[index] -= bar_height
        if path:
            yield f'<path d="{path}" stroke="{layer.colour}" stroke-width="{bar_width:.1f}"/>'
    for index, total in enumerate(totals):
        if total > top:
            label = f"↑{abbreviate_number(total)}"
            yield f'<text {_text_anchor(index, len(totals))} y="{HEADER_PX - 3}" fill="{TEXT_COLOUR}">{label}</text>'


def _text_anchor(index: int, count: int) -> str:
    """Attributes of a text above or below a bar: centred on the bar, and inside the image."""
    step = (WIDTH_PX - LEFT_MARGIN_PX - RIGHT_MARGIN_PX) / max(count, 1)
    if 0 < index < count - 1 or step > MAX_BAR_WIDTH_PX:
        return f'x="{LEFT_MARGIN_PX + step * (index + 0.5):.0f}" text-anchor="middle"'
    return (
        f'x="{WIDTH_PX - RIGHT_MARGIN_PX}" text-anchor="end"' if index else f'x="{LEFT_MARGIN_PX}" text-anchor="start"'
    )


def _render_labels(labels: Sequence[str]) -> Iterator[str]:
    """Some of the labels; always the newest one."""
    label_step = -(-len(labels) // MAX_LABELS) or 1
    for index in range(len(labels) - 1, -1, -label_step):
        yield f'<text {_text_anchor(index, len(labels))} y="{AXIS_Y_PX + 16}">{html.escape(labels[index])}</text>'


def _render_legend(panel: ChartPanel) -> list[str]:
    """Legend of the colours, laid out from the right; empty when there is one colour."""
    if len(panel.layers) == 1:
        return []
    parts, x = [], float(WIDTH_PX - RIGHT_MARGIN_PX)
    for layer in reversed(panel.layers):
        x -= 6.2 * len(layer.name) + 4
        parts.append(f'<text x="{x:.0f}" y="19">{html.escape(layer.name)}</text>')
        x -= 14
        parts.append(f'<rect x="{x:.0f}" y="10" width="10" height="10" rx="2" fill="{layer.colour}"/>')
        x -= 10
    return parts
