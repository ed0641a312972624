"""The report: one HTML page with the seven answers as charts and tables, and the status of its sources.

query (tables and series, in SQL) ──▶ sales, service, sources, lineage ──▶ figures
figures ──▶ charts (Vega-Lite) + words (two languages) + page.html/.css/.js ──▶ page ──▶ publish
"""
