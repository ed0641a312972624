"""A difference between lake and source that was found and stands: told again until somebody has compared anew.

    Captured ──▶ standing(lake, captured) ──▶ the difference, or nothing
                 <lake>/_staging/_differing/<database>/<table>.txt

A closed day that is asked for again is left as it is, and nothing is compared: without a note the second call for it
would be green.
"""

from refera_platform.ingest.result import Captured
from refera_platform.lake import layout
from refera_platform.lake.lake import Lake
from refera_platform.reconcile.result import ALL_ROWS
from refera_platform.source.table import SourceTable

FOLDER = f"{layout.STAGING}_differing/"


def standing(lake: Lake, came: Captured) -> str:
    """How a table differs from the source: by what this pass found, or by what an earlier one did.

    A new baseline, or a comparison of the whole table, settles what was found before.
    """
    objects, key = lake.objects, key_of(came.table)
    if found := came.difference:
        objects.write(key, found.encode())
        return found
    noted = objects.read(key)
    if noted is None:
        return ""
    if came.source_rows is not None and (came.state.is_whole or came.reconciled.scope == ALL_ROWS):
        objects.remove(key)
        return ""
    return f"{noted[0].decode()} (found before, and not compared since)"


def key_of(table: SourceTable) -> str:
    """Where the note of a table is."""
    return f"{FOLDER}{layout.folder(table).rstrip('/')}.txt"
