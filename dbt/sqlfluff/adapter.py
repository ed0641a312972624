"""What the linter is given for dbt's ``adapter``, so that it renders our macros as DuckDB gets them.

sqlfluff's Jinja templater offers every module of this folder to the templates under its name. dbt
itself never sees this file.
"""

from collections.abc import Callable

from jinja2 import pass_context
from jinja2.runtime import Context, Macro


def quote(name: str) -> str:
    """An identifier as DuckDB quotes it."""
    return f'"{name}"'


@pass_context
def dispatch(context: Context, name: str, namespace: str) -> Callable[..., str]:
    """DuckDB's version of a macro, which stands in the file of the macro that asks for it."""
    found = context.resolve(f"duckdb__{name}")
    if not isinstance(found, Macro):
        raise LookupError(f"{namespace} has no macro duckdb__{name}: write it beside {name}.")
    return found
