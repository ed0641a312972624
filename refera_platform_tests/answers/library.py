"""A toy business of two published tables, a library, and its page: nothing of it is known to the package."""

import hashlib
from datetime import date
from pathlib import Path
from textwrap import dedent

import duckdb

from refera_platform.lake.objects import ObjectRoot
from refera_platform.project.load import load_project
from refera_platform.project.model import Project
from refera_platform.settings.stage import Stage
from refera_platform.warehouse.publish.manifest import (
    MANIFEST_KEY,
    Publication,
    PublishedModel,
    PublishedObject,
    object_key,
)

HOSTILE = "</script><img src=x onerror=alert(1)>"
TABLES = {
    "fct_loans": """
        select *
        from (values
            (1, 'Dune', 'Sci-Fi', 'North', date '2026-01-05', 1.50, 3),
            (2, 'Emma', 'Novel', 'North', date '2026-01-20', 0.25, 9),
            (3, '</script><img src=x onerror=alert(1)>', null, 'South', date '2026-02-02', 2.00, 1),
            (4, 'Dune', 'Sci-Fi', 'South', date '2026-02-03', 0.10, 40),
            (5, 'Ulysses', 'Novel', null, date '2206-02-03', 7.00, 2)
        ) as loans (loan_id, title, genre, branch, lent_on, fee, days)
    """,
    "ans_loans_by_branch": """
        select *
        from (values ('North', 2, 1.75), ('South', 2, 2.10), (null, 1, 7.00)) as loans (branch, loans, fees)
    """,
}
EXPOSURES = """
    exposures:
      - name: loans_by_branch
        label: Loans of each branch
        depends_on: [ref('ans_loans_by_branch')]
        config: {meta: {refera: {number: 1, label: {pt: Empréstimos por filial}}}}
    models:
      - name: ans_loans_by_branch
        config: {meta: {refera: {order_by: fees desc}}}
"""
PAGE = """
    title: {en: "Library </script>", pt: Biblioteca}
    currency: EUR
    chart_window: {last_day: select max(lent_on) from fct_loans where lent_on <= $today + 366, months: 12}
    views:
      dated: select * from fct_loans where lent_on between $first_day and $last_day
      by_month: select date_trunc('month', lent_on)::date as month, * from dated
    columns:
      month: {kind: month, label: {en: Month, pt: Mês}}
      fee: {kind: amount, label: Fee}
    headline:
      sql: select count(*) as loans, sum(fee) as fees, min(lent_on) as first_day from fct_loans
      quotients: {fee_per_loan: {of: fees, by: loans}}
      tiles:
        - {name: loans, note: "since {first_day}"}
        - {name: fee_per_loan, kind: amount, label: {en: Fee per loan, pt: Taxa por empréstimo}}
    sections:
      - question: loans_by_branch
        sentences:
          - sql: select count(*) as count from fct_loans where lent_on > $last_day
            text: {en: "{count} loans are dated too late.", pt: "{count} empréstimos têm data errada."}
          - {sql: select 1 as one where false, text: never}
        charts:
          - {name: fees_by_month, title: Fees by month, kind: bar, per: month, x: month, y: fee, group: genre,
             sql: "select month, genre, sum(fee) as fee from by_month group by all order by all"}
          - {name: loans_by_day, title: Loans, kind: line, per: day, x: lent_on, y: loans,
             sql: "select lent_on, count(*) as loans from dated group by all order by all"}
          - {name: top_titles, title: Titles, kind: ranked, x: fee, y: title, width: half,
             sql: "select title, sum(fee) as fee from dated group by all order by fee desc -- the dearest first"}
          - {name: by_genre, title: By genre, kind: bar, x: genre, y: loans,
             sql: "select genre, count(*) as loans from dated group by all order by loans desc, genre;"}
          - {name: days_out, title: Days, kind: histogram, x: days, y: loans, group: outcome,
             values: [{value: back, label: back, color: "#00ff00"}, {value: late, label: late, color: "#ff0000"}],
             sql: "select days, case when days > 20 then 'late' else 'back' end as outcome, 1 as loans from dated order by days"}
          - {name: genres, title: Genre and branch, kind: heatmap, x: branch, y: genre, value: loans,
             sql: "select branch, coalesce(genre, $others) as genre, count(*) as loans from dated group by all order by all"}
          - name: whole
            title: {en: Any chart, pt: Um gráfico}
            sql: select title, days from dated
            vega_lite:
              mark: point
              encoding: {x: {field: days, type: quantitative}, y: {field: title, type: nominal}}
        tables:
          - {of: ans_loans_by_branch, order: fees desc, first: 2, totals: [loans, fees]}
          - name: genres
            sql: from by_month
            columns: [genre, month, {name: fee, label: {en: Fees paid, pt: Taxas pagas}}]
            pivot: {by: month, value: days, first: 2}
            totals: [fee]
            order: fee desc
      - {name: about, title: About us, tables: [{name: loans, sql: from dated, order: loan_id}]}
"""


def write_library(folder: Path, page: str = PAGE) -> Project:
    """Write the project's files and load it; without a page for an empty text."""
    dbt = folder / "dbt"
    (dbt / "models").mkdir(parents=True, exist_ok=True)
    (dbt / "report").mkdir(exist_ok=True)
    (dbt / "dbt_project.yml").write_text("name: library\nmodel-paths: [models]\n")
    (dbt / "models/library.yml").write_text(dedent(EXPOSURES), encoding="utf-8")
    if page:
        (dbt / "report/library.yml").write_text(dedent(page), encoding="utf-8")
    return load_project(dbt)


def publish_library(stage: Stage, folder: Path) -> None:
    """Publish the two tables, as a build would."""
    root, models = ObjectRoot(stage.warehouse, stage.store), {}
    for name, sql in TABLES.items():
        path = folder / f"{name}.parquet"
        with duckdb.connect() as connection:
            columns = {row[0]: row[1] for row in connection.execute(f"describe {sql}").fetchall()}
            connection.execute(f"copy ({sql}) to '{path}' (format parquet)")
            (rows,) = connection.execute(f"select count(*) from ({sql})").fetchone()
        content = path.read_bytes()
        item = PublishedObject(rows=rows, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        root.write(object_key(name, item), content)
        models[name] = PublishedModel(rows=rows, bytes=len(content), run_id="r1", columns=columns, objects=(item,))
    sources = {"library.loans": {"day": str(date(2026, 2, 28))}}
    published = Publication(run_id="r1", published_at="2026-03-01T00:00:00+00:00", models=models, sources=sources)
    root.write(MANIFEST_KEY, published.to_json().encode())
