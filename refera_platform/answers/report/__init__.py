"""The report: HTML pages that a project declares, with charts, tables, and the status of its sources.

project.report (declaration) ──▶ page_queries (its SQL) ──▶ tables, sources, lineage ──▶ figures
figures ──▶ charts (Vega-Lite) + words (two languages) + page.html/.css/.js ──▶ page ──▶ publish
"""
