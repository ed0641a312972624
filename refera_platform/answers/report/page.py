"""Renderer of the report: one HTML text with template, style, script, chart library and content. It loads nothing.

Figures ──render_page()──▶ HTML

Texts of the source and of the page's declaration are in the page as JSON, or escaped by the template, and the script
inserts them as text. So no name of a customer can be markup.
"""

import json
from dataclasses import asdict
from functools import cache
from importlib import resources
from typing import Any

from refera_platform.answers.report.charts import chart_specifications
from refera_platform.answers.report.figures import Figures
from refera_platform.answers.report.tables import ReportColumn
from refera_platform.answers.report.values import to_json_value
from refera_platform.answers.report.words import column_label, page_words
from refera_platform.project.model import Report
from refera_platform.project.report_declarations import LANGUAGES

DEFAULT_HTML_TAG = '<html lang="en">'
UNSAFE_CHARACTERS = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def render_page(report: Report, figures: Figures, library: str) -> str:
    """The whole page.

    Args:
        report: Declaration of the page.
        figures: Content of the page.
        library: JavaScript of the chart library.
    """
    import jinja2

    folder = resources.files(__package__)
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
        (folder / "page.html").read_text(encoding="utf-8")
    )
    content = _page_content(report, figures)
    # marked as safe in the template: our own files, and JSON without angle brackets
    return template.render(
        say=content["words"][LANGUAGES[0]],
        page=report.page,
        sections=report.sections,
        style=(folder / "page.css").read_text(encoding="utf-8"),
        script=(folder / "page.js").read_text(encoding="utf-8"),
        library=library.replace("</script", "<\\/script"),
        content=script_safe_json(content),
    )


def script_safe_json(content: Any) -> str:
    """JSON that may stand inside a script element, whatever its texts are."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=to_json_value)
    for sign, escaped in UNSAFE_CHARACTERS.items():
        text = text.replace(sign, escaped)
    return text


def page_in_language(page: str, language: str) -> str:
    """The page opened in one language, whatever the browser prefers."""
    return page.replace(DEFAULT_HTML_TAG, f'<html lang="{language}" data-language="{language}">', 1)


def _page_content(report: Report, figures: Figures) -> dict[str, Any]:
    return {
        "words": {language: _words(report, figures, language) for language in LANGUAGES},
        "locales": _number_locales(),
        "charts": {language: chart_specifications(report, language) for language in LANGUAGES},
        "publication": {
            "as_of": figures.as_of,
            "published_at": figures.published_at,
            "run_id": figures.run_id,
        },
        "headline": figures.headline,
        "tiles": {tile.name: tile.kind for tile in report.page.headline.tiles} if report.page.headline else {},
        "series": figures.series,
        "sentences": figures.sentences,
        "tables": {
            section: [
                {
                    "name": table.name,
                    "rows": table.rows,
                    "total": table.total,
                    "in_all": table.row_count,
                    "columns": [_column(column, section, table.name) for column in table.columns],
                }
                for table in tables
            ]
            for section, tables in figures.tables.items()
        },
        "sources": [
            asdict(source) | {"is_fresh": source.is_fresh, "differences": source.differences}
            for source in figures.sources
        ],
        "origins": None if figures.origins is None else [asdict(origin) for origin in figures.origins],
    }


def _words(report: Report, figures: Figures, language: str) -> dict[str, str]:
    """The words of the page, with labels for the columns and numbers that have none."""
    words = page_words(report, language)
    columns = (column for tables in figures.tables.values() for table in tables for column in table.columns)
    labels = {f"column.{each.name}": column_label(words, each.name) for each in columns if not each.is_pivoted}
    tiles = report.page.headline.tiles if report.page.headline else ()
    return {f"tile.{tile.name}": column_label(words, tile.name) for tile in tiles} | labels | words


def _column(column: ReportColumn, section: str, table: str) -> dict[str, str]:
    own_label = {"say": f"column.{section}.{table}.{column.name}"} if column.label else {}
    return {"name": column.name, "kind": column.kind, **own_label}


@cache
def _number_locales() -> dict[str, dict[str, Any]]:
    import vl_convert

    american, brazilian = vl_convert.get_format_locale("en-US"), vl_convert.get_format_locale("pt-BR")
    return {
        "en": {"number": american, "time": vl_convert.get_time_format_locale("en-US")},
        "pt": {"number": brazilian, "time": vl_convert.get_time_format_locale("pt-BR")},
    }
