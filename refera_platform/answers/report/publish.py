"""Publishing the report beside the tables it tells of, and reading it back.

opened warehouse ──▶ gather ──▶ assemble ──▶ <warehouse>/report/index.html and report/preview.png
"""

import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from refera_platform.answers.report.figures import Figures, gather
from refera_platform.answers.report.page import assemble
from refera_platform.answers.report.preview import preview
from refera_platform.errors import SettingError, WarehouseError
from refera_platform.lake.links import page
from refera_platform.lake.objects import ObjectRoot
from refera_platform.settings.stage import Stage

PAGE, PREVIEW = "report/index.html", "report/preview.png"


@dataclass(frozen=True, kw_only=True)
class Report:
    """A report as it was published."""

    url: str
    """``s3://…`` of the page."""
    address: str
    """Where a browser that may read the bucket finds it; empty for the local stack, which no browser may."""
    size: int
    """Bytes of the page."""
    seconds: float
    preview: bytes
    """PNG."""
    figures: Figures


def publish(stage: Stage) -> Report:
    """Make the page of what is published now, and put it beside.

    Raises:
        WarehouseError: when a table the page reads was never published.
        QueryError: when nothing was published or captured at all.
    """
    started = time.monotonic()
    figures = gather(stage)
    html = assemble(figures, chart_library(stage)).encode()
    picture = preview(figures)
    root = ObjectRoot(stage.warehouse, stage.store)
    root.write(PREVIEW, picture, content_type="image/png")
    root.write(PAGE, html, content_type="text/html; charset=utf-8")
    return Report(
        url=root.url(PAGE),
        address=address(stage),
        size=len(html),
        seconds=time.monotonic() - started,
        preview=picture,
        figures=figures,
    )


def published_page(stage: Stage, key: str = PAGE) -> str:
    """The report as it is published now, or the page under another key of the warehouse.

    Raises:
        WarehouseError: when there is none.
    """
    root = ObjectRoot(stage.warehouse, stage.store)
    found = root.read(key)
    if found is None:
        what = "report" if key == PAGE else "page"
        raise WarehouseError(f"There is no {what} at {root.url(key)} yet:", "run `refera run`.")
    return found[0].decode()


def address(stage: Stage) -> str:
    """The http address of the page, for a browser that may read the bucket."""
    return page(stage.store, ObjectRoot(stage.warehouse, stage.store).url(PAGE))


def chart_library(stage: Stage) -> str:
    """Vega, Vega-Lite and Vega-Embed as one script; bundling takes over a second, so it is kept in the stage's home.

    Raises:
        SettingError: when nothing can be written there.
    """
    kept = stage.home / f"vega-{version('vl-convert-python')}.js"
    if kept.exists():
        return kept.read_text(encoding="utf-8")
    import vl_convert

    bundled = str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
    try:
        stage.home.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=stage.home, delete=False, encoding="utf-8") as fresh:
            fresh.write(bundled)
        Path(fresh.name).replace(kept)  # a rename, so that nobody reads half of it
    except OSError as trouble:
        raise SettingError(
            f"Nothing can be written in {stage.home} ({trouble.strerror}):", "check REFERA_HOME."
        ) from None
    return bundled
