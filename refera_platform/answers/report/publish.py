"""Publisher of the report: writes its pages beside the tables that they describe, and reads them back.

published tables ──read_figures──▶ render_page ──▶ <warehouse>/report/index.html and report/preview.png
"""

import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from refera_platform.answers.report.figures import Figures, read_figures
from refera_platform.answers.report.page import render_page
from refera_platform.answers.report.preview import render_preview
from refera_platform.errors import SettingError, WarehouseError
from refera_platform.lake.links import object_page_url
from refera_platform.lake.objects import ObjectRoot
from refera_platform.project.model import Project, Report
from refera_platform.project.report import default_report
from refera_platform.settings.stage import Stage

REPORT_PAGE_KEY, REPORT_PREVIEW_KEY = "report/index.html", "report/preview.png"
"""Keys of the first page and its picture; a further page has its name in both."""


@dataclass(frozen=True, kw_only=True)
class PublishedReport:
    """A published report."""

    url: str
    """``s3://…`` URL of the page."""
    browser_url: str
    """URL for a browser that may read the bucket; empty for the local stack, whose bucket no browser may read."""
    size_bytes: int
    """Size of the page in bytes."""
    seconds: float
    preview: bytes
    """Preview as PNG; empty for a page without charts."""
    figures: Figures


def pages(project: Project) -> tuple[Report, ...]:
    """The pages of a project; one with every question when it declares none."""
    return project.reports or (default_report(project.questions),)


def page_keys(project: Project, report: Report) -> tuple[str, str]:
    """Keys of a page and of its picture in the warehouse."""
    if report.name == pages(project)[0].name:
        return REPORT_PAGE_KEY, REPORT_PREVIEW_KEY
    return f"report/{report.name}.html", f"report/{report.name}.png"


def publish_reports(stage: Stage, project: Project) -> list[PublishedReport]:
    """Publish every page of a project, the first one first.

    Raises:
        WarehouseError: when a table that a page reads was never published.
        QueryError: when nothing was ingested or published at all, or when SQL of a page fails.
    """
    return [publish_report(stage, project, report) for report in pages(project)]


def publish_report(stage: Stage, project: Project, report: Report) -> PublishedReport:
    """Render a page of the present publication, and store it in the warehouse.

    Raises:
        WarehouseError: when a table that the page reads was never published.
        QueryError: when nothing was ingested or published at all, or when SQL of the page fails.
    """
    started = time.monotonic()
    figures = read_figures(stage, project, report)
    html = render_page(report, figures, load_chart_library(stage)).encode()
    picture = render_preview(report, figures)
    root = ObjectRoot(stage.warehouse, stage.store)
    page_key, preview_key = page_keys(project, report)
    if picture:
        root.write(preview_key, picture, content_type="image/png")
    root.write(page_key, html, content_type="text/html; charset=utf-8")
    return PublishedReport(
        url=root.url(page_key),
        browser_url=report_browser_url(stage, page_key),
        size_bytes=len(html),
        seconds=time.monotonic() - started,
        preview=picture,
        figures=figures,
    )


def read_published_page(stage: Stage, key: str = REPORT_PAGE_KEY) -> str:
    """The published report, or the page under another key of the warehouse.

    Raises:
        WarehouseError: when there is none.
    """
    root = ObjectRoot(stage.warehouse, stage.store)
    stored = root.read(key)
    if stored is None:
        what = "report" if key == REPORT_PAGE_KEY else "page"
        raise WarehouseError(f"There is no {what} at {root.url(key)} yet:", "run `refera run`.")
    return stored[0].decode()


def report_browser_url(stage: Stage, key: str = REPORT_PAGE_KEY) -> str:
    """The HTTP URL of a page, for a browser that may read the bucket."""
    return object_page_url(stage.store, ObjectRoot(stage.warehouse, stage.store).url(key))


def load_chart_library(stage: Stage) -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, cached in the stage's home: bundling takes over a second.

    Raises:
        SettingError: when nothing can be written there.
    """
    cache_file = stage.home / f"vega-{version('vl-convert-python')}.js"
    if cache_file.exists():
        return cache_file.read_text(encoding="utf-8")
    import vl_convert

    bundled = str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
    try:
        stage.home.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=stage.home, delete=False, encoding="utf-8") as temporary:
            temporary.write(bundled)
        Path(temporary.name).replace(cache_file)  # a rename, so that no reader sees half a file
    except OSError as error:
        raise SettingError(
            f"Nothing can be written in {stage.home} ({error.strerror}):", "check REFERA_HOME."
        ) from None
    return bundled
