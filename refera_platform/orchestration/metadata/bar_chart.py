"""A picture of stacked bars over days or months as SVG: text, so that it costs a millisecond and two kilobytes.

Panel(layers) ──▶ picture() ──▶ SVG ──▶ markdown() for a page that shows no scripts

It has a ground of its own, because a picture inside a page does not know whether the page is dark.
"""

import base64
import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

WIDTH, LEFT, RIGHT, HEAD, HEIGHT, FOOT = 560, 54, 12, 44, 92, 26
"""Pixels: the picture, its margins, what stands above the bars of a panel, the bars, and what stands below."""
GROUND, INK, SOFT, GRID = "#ffffff", "#0f172a", "#51607a", "#e2e8f0"
ABOVE = 1.6
"""How far above the axis a bar may reach before it is cut: as many times its top."""
LABELS = 6
LOW = HEAD + HEIGHT
"""Where the bars stand."""
SMALL, SMALL_STEP = 20, 5
"""Height of a bar in the small picture, and from one to the next; it is shown twice as large."""
WIDEST = 48
"""Pixels of a bar when there are few."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One colour of the stack."""

    name: str
    colour: str
    values: Sequence[int | None]
    """One for each label; ``None`` where nothing is known."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Bars over one axis."""

    title: str
    layers: Sequence[Layer]
    outstanding: Sequence[bool] = ()
    """Bars that the axis need not hold: they are cut, and their number stands on them."""

    @property
    def totals(self) -> list[int]:
        """Height of each bar."""
        return [
            sum(value or 0 for value in stack) for stack in zip(*(layer.values for layer in self.layers), strict=True)
        ]

    @property
    def top(self) -> int:
        """The value at the upper end of the axis."""
        totals = self.totals
        usual = [
            total for place, total in enumerate(totals) if not (self.outstanding and self.outstanding[place]) and total
        ]
        highest, most = max(usual, default=0), max(totals, default=0)
        return highest if highest and most > ABOVE * highest else most


def picture(labels: Sequence[str], panels: Sequence[Panel]) -> str:
    """The SVG of panels above one another.

    Args:
        labels: One for each bar, oldest first; some of them are written below.
        panels: What is drawn.
    """
    tall = HEAD + HEIGHT + FOOT
    drawn = "".join(
        f'<g transform="translate(0 {place * tall})">{_panel(labels, panel)}</g>' for place, panel in enumerate(panels)
    )
    height = tall * len(panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        f' font-family="system-ui,sans-serif" font-size="11" fill="{SOFT}">'
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="{GROUND}"/>{drawn}</svg>'
    )


def small(panel: Panel) -> str:
    """The same bars without a word, small enough to be shown in a list; its numbers are in the picture."""
    top, totals = max(panel.top, 1), panel.totals
    places = range(len(totals))
    floors = [0] * len(totals)
    paths = ""
    for layer in panel.layers:
        tall = [round((layer.values[at] or 0) * SMALL / max(top, totals[at])) for at in places]
        drawn, x, y = "", 0, 0
        for at in (at for at in places if tall[at]):
            # relative to where the bar before ended, in as few letters as can be
            drawn += f"m{at * SMALL_STEP - x},{SMALL - floors[at] - y}v-{tall[at]}"
            x, y = at * SMALL_STEP, SMALL - floors[at] - tall[at]
            floors[at] += tall[at]
        paths += f"<path stroke='{layer.colour}' d='M0,0{drawn}'/>" if drawn else ""
    wide = len(totals) * SMALL_STEP + SMALL_STEP
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='-{SMALL_STEP} -2 {wide} {SMALL + 4}' width='{wide * 2}'"
        f" height='{SMALL * 2 + 8}' stroke-width='{SMALL_STEP - 1}'"
        f" style='background:{GROUND}'>{paths}</svg>"
    )


def markdown(alternative: str, svg: str) -> str:
    """An image that a markdown page shows.

    Args:
        alternative: What it tells to those who do not see it; plain words.
        svg: The picture.
    """
    words = "".join(letter if letter.isalnum() or letter in " ,.:-" else f"&#{ord(letter)};" for letter in alternative)
    written = (quote(svg, safe="/:=',;.-"), f";base64,{base64.b64encode(svg.encode()).decode()}")
    shorter = f",{written[0]}" if len(written[0]) < len(written[1]) else written[1]
    return f"![{words}](data:image/svg+xml{shorter})"


def shortened(value: int) -> str:
    """A number in few letters: 950, 1.2k, 34M."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            found = value / size
            return f"{found:.0f}{unit}" if found >= 10 or found == int(found) else f"{found:.1f}{unit}"
    return str(value)


def _panel(labels: Sequence[str], panel: Panel) -> str:
    title = f'<text x="12" y="19" font-size="12" font-weight="600" fill="{INK}">{html.escape(panel.title)}</text>'
    return "".join([title, *_legend(panel), *_axis(panel), *_bars(panel), *_below(labels)])


def _axis(panel: Panel) -> Iterator[str]:
    """Grid and numbers of the upright axis."""
    top = max(panel.top, 1)
    for share in (0, 0.5, 1) if top > 1 else (0, 1):
        y = LOW - share * HEIGHT
        yield f'<text x="{LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{shortened(round(top * share))}</text>'
        yield f'<path d="M{LEFT} {y:.0f}H{WIDTH - RIGHT}" stroke="{GRID}"/>'


def _bars(panel: Panel) -> Iterator[str]:
    """The stacks, a colour a path; one that is cut says how high it is."""
    top, totals = max(panel.top, 1), panel.totals
    step = (WIDTH - LEFT - RIGHT) / max(len(totals), 1)
    wide = min(step * 0.76, WIDEST)
    floors = [float(LOW)] * len(totals)
    for layer in panel.layers:
        path = ""
        for place, value in enumerate(layer.values):
            if value:
                tall = max(value * HEIGHT / max(top, totals[place]), 1)  # what is there can be seen
                path += f"M{LEFT + step * (place + 0.5):.1f},{floors[place]:.1f}v-{tall:.1f}"
                floors[place] -= tall
        if path:
            yield f'<path d="{path}" stroke="{layer.colour}" stroke-width="{wide:.1f}"/>'
    for place, total in enumerate(totals):
        if total > top:
            told = f"↑{shortened(total)}"
            yield f'<text {_at(place, len(totals))} y="{HEAD - 3}" fill="{INK}">{told}</text>'


def _at(place: int, count: int) -> str:
    """Where a word belongs that tells of a bar: in its middle, and inside the picture."""
    step = (WIDTH - LEFT - RIGHT) / max(count, 1)
    if 0 < place < count - 1 or step > WIDEST:
        return f'x="{LEFT + step * (place + 0.5):.0f}" text-anchor="middle"'
    return f'x="{WIDTH - RIGHT}" text-anchor="end"' if place else f'x="{LEFT}" text-anchor="start"'


def _below(labels: Sequence[str]) -> Iterator[str]:
    """Some of the labels, the newest always."""
    every = -(-len(labels) // LABELS) or 1
    for place in range(len(labels) - 1, -1, -every):
        yield f'<text {_at(place, len(labels))} y="{LOW + 16}">{html.escape(labels[place])}</text>'


def _legend(panel: Panel) -> list[str]:
    """What the colours mean, from the right; nothing for one colour alone."""
    if len(panel.layers) == 1:
        return []
    parts, x = [], float(WIDTH - RIGHT)
    for layer in reversed(panel.layers):
        x -= 6.2 * len(layer.name) + 4
        parts.append(f'<text x="{x:.0f}" y="19">{html.escape(layer.name)}</text>')
        x -= 14
        parts.append(f'<rect x="{x:.0f}" y="10" width="10" height="10" rx="2" fill="{layer.colour}"/>')
        x -= 10
    return parts
