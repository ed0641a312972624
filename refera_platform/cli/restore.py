"""``refera restore``: loads a mysqldump file into the local source, and prints what it brought."""

from pathlib import Path
from typing import Annotated

import typer

from refera_platform.cli.output import print_message, progress_steps, results_console, results_table
from refera_platform.sandbox import stack
from refera_platform.sandbox.dump.restore import RestoreReport, restore_dump
from refera_platform.settings.stage import home_folder

EXAMPLES = ("refera restore backup.sql", "refera restore backup.sql.gz")


def restore(dump: Annotated[Path, typer.Argument(help="A mysqldump file, plain or gzipped.")]) -> None:
    """Start the stack and load the dump."""
    with progress_steps(None, f"Restoring {dump.name}") as progress:
        stack.start_stack(home_folder(), progress.advance)
        report = restore_dump(
            home_folder(), dump, lambda done, total: progress.update(done, total, f"Reading {dump.name}")
        )
    print_restored(report)
    print_message("Next: refera run")


def print_restored(report: RestoreReport) -> None:
    """Print what was restored from a dump, and a line about everything that was not."""
    results_console().print(
        results_table(f"Restored from {report.dump.name}", ["table", "rows"], sorted(report.tables.items()))
    )
    for remark in report.notes:
        print_message(f"Note: {remark}.")
