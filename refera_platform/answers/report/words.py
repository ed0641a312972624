"""Words of the page: the engine's own in English and Portuguese, and those that the page declares, by their keys.

The engine's keys are plain names; what a page declares has a key with a dot, like ``column.units``. So no column can
take a word of the engine. Names, texts and statuses of the source are not translated.
"""

from collections.abc import Iterator, Mapping

from refera_platform.project.model import Report
from refera_platform.project.report_declarations import LANGUAGES, Text

_TRANSLATIONS: Mapping[str, tuple[str, str]] = {
    "as_of": ("Data up to", "Dados até"),
    "published": ("published", "publicado em"),
    "never_captured": ("some tables were never captured", "há tabelas nunca capturadas"),
    "language": ("Language", "Idioma"),
    "theme": ("Dark", "Escuro"),
    "contents": ("Contents", "Conteúdo"),
    "short_sources": ("Sources", "Origens"),
    "short_lineage": ("Columns", "Colunas"),
    "headline": ("At a glance", "Em resumo"),
    "none": ("(none)", "(nenhum)"),
    "others": ("Others", "Outros"),
    "no_data": ("No data yet", "Ainda sem dados"),
    "no_script": (
        "This page draws its charts with the JavaScript that it carries; please allow it.",
        "Esta página desenha os gráficos com o JavaScript que traz consigo; permita-o, por favor.",
    ),
    "total": ("Total", "Total"),
    "amounts_in": ("Amounts are in {currency}.", "Valores em {currency}."),
    "first_of": (
        "first {shown} of {all} rows; the total is of all",
        "primeiras {shown} de {all} linhas; o total é de todas",
    ),
    "first_of_only": ("first {shown} of {all} rows", "primeiras {shown} de {all} linhas"),
    "row_count": ("{all} rows", "{all} linhas"),
    "one_row": ("1 row", "1 linha"),
    "sort": ("Click a heading to sort", "Clique num título para ordenar"),
    "save_png": ("Save as PNG", "Salvar como PNG"),
    "save_svg": ("Save as SVG", "Salvar como SVG"),
    "sources": ("Can it be trusted?", "Pode-se confiar?"),
    "sources_note": (
        "Each source table: how far it was read, and whether the lake and the warehouse hold the same rows.",
        "Cada tabela da origem: até onde foi lida, e se o lake e o warehouse têm as mesmas linhas.",
    ),
    "table": ("Table", "Tabela"),
    "freshness": ("Freshness", "Atualização"),
    "fresh": ("up to date", "em dia"),
    "overdue": ("overdue: day {due} is missing", "atrasada: falta o dia {due}"),
    "never": ("never captured", "nunca capturada"),
    "newest_day": ("Newest day", "Último dia"),
    "captured_at": ("Read at (UTC)", "Lida em (UTC)"),
    "position": ("Source position", "Posição na origem"),
    "strategy": ("Strategy", "Estratégia"),
    "lake_rows": ("Rows in the lake", "Linhas no lake"),
    "warehouse_rows": ("Rows in the warehouse", "Linhas no warehouse"),
    "reconciliation": ("Reconciliation", "Conciliação"),
    "agrees": ("agrees", "confere"),
    "more_rows": ("{count} rows too many", "{count} linhas a mais"),
    "fewer_rows": ("{count} rows missing", "faltam {count} linhas"),
    "no_mirror": ("not published row for row", "não é publicada linha a linha"),
    "not_published": ("{model} is not published yet", "{model} ainda não foi publicada"),
    "unsettled": ("to be read again by the next run", "será relida na próxima execução"),
    "quirks": ("{count} values that could not be kept", "{count} valores que não puderam ser guardados"),
    "all_well": (
        "All source tables are up to date and reconciled.",
        "Todas as tabelas da origem estão em dia e conferem.",
    ),
    "not_well": ("Not everything is as it should be: see below.", "Nem tudo está como devia: veja abaixo."),
    "lineage": ("Where each column comes from", "De onde vem cada coluna"),
    "lineage_note": (
        "Every column of the answers, followed down to the source.",
        "Cada coluna das respostas, seguida até a origem.",
    ),
    "lineage_missing": (
        "The lineage of columns comes with the next build.",
        "A linhagem das colunas vem com a próxima construção.",
    ),
    "search_columns": ("Search columns", "Procurar colunas"),
    "computed": ("computed, from no column", "calculada, sem coluna de origem"),
    "through": ("through", "passando por"),
    "columns_count": ("{count} columns", "{count} colunas"),
    "one_column": ("1 column", "1 coluna"),
    "made_by": ("Made by refera_platform from publication", "Feito por refera_platform a partir da publicação"),
}


def page_words(report: Report, language: str) -> dict[str, str]:
    """Every word of a page in one language."""
    index = LANGUAGES.index(language)
    own_words = {key: pair[index] for key, pair in _TRANSLATIONS.items()}
    said = {key: text.in_language(language) for key, text in _iter_texts(report)}
    currency = report.page.currency
    return own_words | said | {"page.currency": own_words["amounts_in"].format(currency=currency) if currency else ""}


def column_label(words: Mapping[str, str], column: str) -> str:
    """The label of a column; its name in plain words when nothing is declared."""
    return words.get(f"column.{column}") or column.replace("_", " ").strip().capitalize() or column


def _iter_texts(report: Report) -> Iterator[tuple[str, Text]]:
    page = report.page
    yield "page.title", page.title
    if page.note:
        yield "page.note", page.note
    for name, column in page.columns.items():
        if column.label:
            yield f"column.{name}", column.label
    for tile in page.headline.tiles if page.headline else ():
        if tile.label:
            yield f"tile.{tile.name}", tile.label
        if tile.note:
            yield f"tile_note.{tile.name}", tile.note
    for section in report.sections:
        yield f"section.{section.key}", section.title
        yield f"short.{section.key}", section.short
        for index, sentence in enumerate(section.said.sentences):
            yield f"sentence.{section.key}.{index}", sentence.text
        for chart in section.said.charts:
            yield f"chart.{chart.name}", chart.title
        for table in section.said.tables:
            title = table.title or Text(en=column_label({}, table.key))
            yield f"table.{section.key}.{table.key}", title
            for column in table.columns:
                if column.label:
                    yield f"column.{section.key}.{table.key}.{column.name}", column.label
