"""``refera report``: where the page is, and a copy of it on this machine."""

import webbrowser
from pathlib import Path

from refera_platform.answers.report.page import in_language
from refera_platform.answers.report.publish import PAGE, published_page
from refera_platform.answers.report.words import LANGUAGES
from refera_platform.cli.output import output, say
from refera_platform.disk import write_whole
from refera_platform.errors import QueryError
from refera_platform.settings.stage import Stage
from refera_platform.warehouse.catalogs.dbt_docs import PAGE as DOCS


def report(stage: Stage, *, opening: bool, into: Path | None, language: str, docs: bool = False) -> None:
    """Say where the published page is; keep a copy of it, and show that in a browser.

    Args:
        stage: Whose report.
        opening: Whether to open it in a browser.
        into: File of the copy; one in the stage's home when it is to be opened and none is named.
        language: The language in which the copy opens; empty for the reader's own.
        docs: Whether dbt's documentation is meant, and not the report.

    Raises:
        WarehouseError: when there is no report yet.
        QueryError: for a language that the page does not speak, or a file that cannot be written.
    """
    if language and language not in LANGUAGES:
        raise QueryError(f"--language {language!r} is not known:", f"choose one of {', '.join(LANGUAGES)}.")
    if language and docs:
        raise QueryError("dbt's documentation is in English alone:", "leave --language out.")
    key = DOCS if docs else PAGE
    page = published_page(stage, key)
    if into is None and not opening:
        output().print(f"{stage.warehouse}/{key}", soft_wrap=True, markup=False)
        say(f"Next: refera report{' --docs' if docs else ''} --open")
        return
    path = (into or stage.home / "report" / ("docs.html" if docs else "index.html")).absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, in_language(page, language) if language else page)
    except OSError as trouble:
        raise QueryError(
            f"{path} cannot be written ({trouble.strerror}):", "name another file with --output."
        ) from None
    output().print(str(path), soft_wrap=True, markup=False)
    if opening and not webbrowser.open(path.as_uri()):
        say(f"No browser was found here: open {path} in one.")
