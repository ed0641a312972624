"""Project: everything that one business says, read from its ``dbt/`` folder without dbt and checked by typed models.

    dbt/**/*.yml ──▶ load_project() ──▶ Project(tables, questions, mirrors, reports)

An error names the file and the line. Nothing else of the package names a table, a model or a question.
"""
