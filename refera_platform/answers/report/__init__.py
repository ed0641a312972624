"""The report: one page that shows the seven answers as charts with tables behind them, and what they are worth.

query (tables and series, in SQL) ──▶ sales, service, sources, lineage ──▶ figures
figures ──▶ charts (Vega-Lite) + words (two languages) + page.html/.css/.js ──▶ page ──▶ publish
"""
