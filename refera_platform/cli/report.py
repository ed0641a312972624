"""``refera report``: prints the address of a page of the report, saves a copy, opens it."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from refera_platform.answers.report.page import page_in_language
from refera_platform.answers.report.publish import REPORT_PAGE_KEY, page_keys, pages, read_published_page
from refera_platform.cli.output import print_message, results_console
from refera_platform.disk import write_atomically
from refera_platform.errors import QueryError
from refera_platform.project.load import load_project
from refera_platform.project.report_declarations import LANGUAGES
from refera_platform.settings.stage import load_stage, project_folder
from refera_platform.warehouse.catalogs.dbt_docs import DOCS_PAGE_KEY

EXAMPLES = ("refera report", "refera report --open --language pt", "refera report --output sales.html")


def report(
    opening: Annotated[bool, typer.Option("--open", help="Show a copy of it in your browser.")] = False,
    into: Annotated[
        Path | None, typer.Option("--output", help="File of the copy; in the stage's home by default.")
    ] = None,
    language: Annotated[str, typer.Option(help="en or pt: how the copy opens; the browser's by default.")] = "",
    docs: Annotated[bool, typer.Option("--docs", help="dbt's documentation instead of the report.")] = False,
    page_name: Annotated[str, typer.Option("--page", help="Name of a page; the first one by default.")] = "",
) -> None:
    """Print the address of the published page; save a copy, and open that in a browser, if requested.

    Raises:
        WarehouseError: when there is no report yet.
        QueryError: for a language or a page that there is not, or a file that cannot be written.
    """
    stage = load_stage()
    if language and language not in LANGUAGES:
        raise QueryError(f"--language {language!r} is not known:", f"choose one of {', '.join(LANGUAGES)}.")
    if language and docs:
        raise QueryError("dbt's documentation is in English alone:", "leave --language out.")
    key = DOCS_PAGE_KEY if docs else _page_key(page_name)
    page = read_published_page(stage, key)
    if into is None and not opening:
        results_console().print(f"{stage.warehouse}/{key}", soft_wrap=True, markup=False)
        print_message(f"Next: refera report{' --docs' if docs else f' --page {page_name}' if page_name else ''} --open")
        return
    path = (into or stage.home / "report" / ("docs.html" if docs else key.rpartition("/")[2])).absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, page_in_language(page, language) if language else page)
    except OSError as error:
        raise QueryError(f"{path} cannot be written ({error.strerror}):", "name another file with --output.") from None
    results_console().print(str(path), soft_wrap=True, markup=False)
    if opening and not webbrowser.open(path.as_uri()):
        print_message(f"No browser was found here: open {path} in one.")


def _page_key(name: str) -> str:
    """Key of the page called ``name``, or of the first one for an empty name."""
    if not name:
        return REPORT_PAGE_KEY
    project = load_project(project_folder())
    reports = {report.name: report for report in pages(project)}
    if name not in reports:
        raise QueryError(f"--page {name!r} is not known:", f"choose one of {', '.join(reports)}.")
    return page_keys(project, reports[name])[0]
