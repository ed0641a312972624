"""``refera report``: prints the address of the report page, saves a copy, opens it."""

import webbrowser
from pathlib import Path

from refera_platform.answers.report.page import page_in_language
from refera_platform.answers.report.publish import REPORT_PAGE_KEY, read_published_page
from refera_platform.answers.report.texts import LANGUAGES
from refera_platform.cli.output import print_message, results_console
from refera_platform.disk import write_atomically
from refera_platform.errors import QueryError
from refera_platform.settings.stage import Stage
from refera_platform.warehouse.catalogs.dbt_docs import DOCS_PAGE_KEY as DOCS


def print_report(stage: Stage, *, is_opened: bool, into: Path | None, language: str, is_docs: bool = False) -> None:
    """Print the address of the published page; save a copy, and open that in a browser, if requested.

    Args:
        stage: The stage of the report.
        is_opened: Whether to open the copy in a browser.
        into: File of the copy; a file in the stage's home when it is to be opened and none is named.
        language: The language in which the copy opens; empty for the reader's own.
        is_docs: Whether to use dbt's documentation instead of the report.

    Raises:
        WarehouseError: when there is no report yet.
        QueryError: for a language that the page does not have, or a file that cannot be written.
    """
    if language and language not in LANGUAGES:
        raise QueryError(f"--language {language!r} is not known:", f"choose one of {', '.join(LANGUAGES)}.")
    if language and is_docs:
        raise QueryError("dbt's documentation is in English alone:", "leave --language out.")
    key = DOCS if is_docs else REPORT_PAGE_KEY
    page = read_published_page(stage, key)
    if into is None and not is_opened:
        results_console().print(f"{stage.warehouse}/{key}", soft_wrap=True, markup=False)
        print_message(f"Next: refera report{' --docs' if is_docs else ''} --open")
        return
    path = (into or stage.home / "report" / ("docs.html" if is_docs else "index.html")).absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, page_in_language(page, language) if language else page)
    except OSError as error:
        raise QueryError(f"{path} cannot be written ({error.strerror}):", "name another file with --output.") from None
    results_console().print(str(path), soft_wrap=True, markup=False)
    if is_opened and not webbrowser.open(path.as_uri()):
        print_message(f"No browser was found here: open {path} in one.")
