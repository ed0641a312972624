"""What a table adds up to at the source: its rows and its money."""

from refera_platform.engine import literal
from refera_platform.source.connection import Source
from refera_platform.source.table import SourceTable
from refera_platform.source.types import backticked


def totals(source: Source, table: SourceTable) -> tuple[int, str | None]:
    """Rows of the table at the source, and the sum of its declared amount as decimal text if it has one."""
    asked = f"table_schema = database() and table_name = {literal(table.name)}"
    there = {
        row[0] for row in source.ask(f"select column_name from information_schema.columns where {asked}")
    }
    # of a column that is gone the check of columns tells
    amount = table.amount if there.issuperset(table.amount) else ()
    product = " * ".join(map(backticked, amount)) or "null"
    asked = f"cast(count(*) as signed), cast(coalesce(sum({product}), 0) as char)"
    row = source.ask(f"select {asked} from {backticked(table.name)}")[0]
    return int(row[0]), str(row[1]) if amount else None
