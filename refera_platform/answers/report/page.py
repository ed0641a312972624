"""Renderer of the report: one HTML text with template, style, script, chart library and content. It loads nothing.

Figures ──render_page()──▶ HTML

Texts of the source are in the page as JSON only, and the script inserts them as text. So no name of a customer can be
markup.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from importlib import resources
from typing import Any

from refera_platform.answers.report.charts import chart_specifications
from refera_platform.answers.report.figures import Figures
from refera_platform.answers.report.query import to_json_value
from refera_platform.answers.report.texts import LANGUAGES, page_texts

HEADLINE_NUMBERS = ("sales", "orders", "order_lines", "units", "average_order", "late_share")
WIDE, HALF = True, False
CHARTS_BY_QUESTION: Mapping[int, tuple[tuple[str, bool], ...]] = {
    1: (
        ("sales_by_month", WIDE),
        ("sales_by_line_and_month", WIDE),
        ("sales_by_line", HALF),
        ("best_products", HALF),
        ("sales_by_day", WIDE),
    ),
    2: (("salespeople", WIDE),),
    3: (("payments_by_month", HALF), ("average_payment_by_month", HALF), ("paying_customers", WIDE)),
    4: (("customers_by_status", WIDE), ("statuses", WIDE)),
    5: (("days_to_ship", WIDE), ("shipping_by_month", WIDE)),
    6: (("managers", WIDE), ("cities", WIDE)),
    7: (("stock_by_month", HALF), ("stock_value", HALF)),
}
"""The charts of each question, and whether they take the whole width."""
DEFAULT_HTML_TAG = '<html lang="en">'
UNSAFE_CHARACTERS = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def render_page(figures: Figures, library: str) -> str:
    """The whole page.

    Args:
        figures: Content of the page.
        library: JavaScript of the chart library.
    """
    import jinja2

    folder = resources.files(__package__)
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
        (folder / "page.html").read_text(encoding="utf-8")
    )
    # marked as safe in the template: our own files, and JSON without angle brackets
    return template.render(
        say=page_texts(LANGUAGES[0]),
        headline=HEADLINE_NUMBERS,
        sections=[{"number": number, "charts": charts} for number, charts in CHARTS_BY_QUESTION.items()],
        style=(folder / "page.css").read_text(encoding="utf-8"),
        script=(folder / "page.js").read_text(encoding="utf-8"),
        library=library.replace("</script", "<\\/script"),
        content=script_safe_json(_page_content(figures)),
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


def _page_content(figures: Figures) -> dict[str, Any]:
    return {
        "words": {language: page_texts(language) for language in LANGUAGES},
        "locales": _number_locales(),
        "charts": _charts_by_language(),
        "publication": {
            "as_of": figures.as_of,
            "published_at": figures.published_at,
            "run_id": figures.run_id,
            "not_drawn": figures.not_drawn,
        },
        "headline": figures.headline,
        "series": figures.series,
        "tables": {
            number: [
                {
                    "name": table.name,
                    "rows": table.rows,
                    "total": table.total,
                    "in_all": table.row_count,
                    "columns": [{"name": column.name, "kind": column.kind} for column in table.columns],
                }
                for table in tables
            ]
            for number, tables in figures.tables.items()
        },
        "sources": [
            asdict(source) | {"is_fresh": source.is_fresh, "differences": source.differences}
            for source in figures.sources
        ],
        "origins": None if figures.origins is None else [asdict(origin) for origin in figures.origins],
    }


@cache
def _charts_by_language() -> dict[str, dict[str, Any]]:
    return {language: chart_specifications(page_texts(language), language) for language in LANGUAGES}


@cache
def _number_locales() -> dict[str, dict[str, Any]]:
    import vl_convert

    american, brazilian = vl_convert.get_format_locale("en-US"), vl_convert.get_format_locale("pt-BR")
    return {
        "en": {"number": american, "time": vl_convert.get_time_format_locale("en-US")},
        "pt": {"number": brazilian, "time": vl_convert.get_time_format_locale("pt-BR")},
    }
