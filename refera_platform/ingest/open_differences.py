"""A difference between lake and source that was found and stands: told again until somebody has compared anew.

    Captured ──▶ standing(lake, captured) ──▶ the difference, or nothing
                 <lake>/_staging/_differing/<database>/<table>.txt

A closed day that is asked for again is left as it is, and nothing is compared: without a note the second call for it
would be green.
"""

from refera_platform.ingest.result import IngestResult
from refera_platform.lake import layout
from refera_platform.lake.lake import Lake
from refera_platform.reconcile.result import WHOLE_TABLE_SCOPE
from refera_platform.source.table import SourceTable

DIFFERENCES_FOLDER = f"{layout.STAGING_PREFIX}_differing/"


def open_difference(lake: Lake, result: IngestResult) -> str:
    """How a table differs from the source: by what this pass found, or by what an earlier one did.

    A new baseline, or a comparison of the whole table, settles what was found before.
    """
    objects, key = lake.objects, difference_note_key(result.table)
    if difference := result.difference:
        objects.write(key, difference.encode())
        return difference
    note = objects.read(key)
    if note is None:
        return ""
    if result.source_rows is not None and (result.state.is_whole or result.reconcile_result.scope == WHOLE_TABLE_SCOPE):
        objects.remove(key)
        return ""
    return f"{note[0].decode()} (found before, and not compared since)"


def difference_note_key(table: SourceTable) -> str:
    """Where the note of a table is."""
    return f"{DIFFERENCES_FOLDER}{layout.table_folder(table).rstrip('/')}.txt"
