"""Entry point of ``refera``: names the commands, and turns errors and stop signals into messages and exit codes.

Each command is a function in the module of its name. The module is imported when somebody types the command, so that
``refera --help`` imports no library.

The exit code is 0 only when everything succeeded (130 after Ctrl-C, 143 after SIGTERM). An error is printed as one
sentence, with its traceback only after ``--debug``.
"""

import os
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from refera_platform.cli import output
from refera_platform.disk import disk_full_error, is_disk_full
from refera_platform.errors import ReferaError, SettingError
from refera_platform.orchestration.stop_signal import Stopped
from refera_platform.settings.stage import home_folder

COMMANDS = {
    "up": "Start the local stack: a private MariaDB and a private S3.",
    "down": "Stop the local stack; its data stays.",
    "status": "Say what runs, where, and who may enter.",
    "restore": "Load a mysqldump file into the local source, all of it or nothing.",
    "simulate": "Add dated business activity to the sample source, which is made when it is not there.",
    "run": "Extract a day into the lake, build and audit the warehouse, publish the answers.",
    "query": "Ask the published warehouse (by table name) and the lake (classicmodels.orders, …).",
    "as-of": "Show a source table as it was at the end of a captured day.",
    "report": "Say where the report of the seven answers is, or show it.",
    "resnapshot": "Take a new snapshot: all rows as they are now, and the deletes that this implies.",
    "verify": "Compare source, lake and warehouse value by value; name the first difference.",
    "doctor": "Look at every precondition: source, privileges, log, buckets, clocks; each with its remedy.",
    "alert": "Show who is notified when something is wrong, and send a test message.",
    "discover": "Write the table declarations of a new source from its own catalogue.",
    "schema": "Print the JSON schema of what a project declares in its yml files, for editors.",
    "demo": "Start over and go the whole way: source, lake, warehouse, answers. Forgets earlier local data.",
}
"""Help of each command, by its name; ``as-of`` is in module ``as_of``."""
DEBUG = "--debug"
NO_SANDBOX = "The local servers and the sample business are not part of this installation:"


class LazyCommand(TyperCommand):
    """Command whose module is imported when it is called, and not when it is listed."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Import the command; the context that parses the arguments is of the imported one."""
        name = (self.name or "").replace("-", "_")
        module = import_module(f"refera_platform.cli.{name}")
        loaded = typer.Typer(add_completion=False, rich_markup_mode="rich")
        epilog = f"[bold]Examples[/bold]: {' · '.join(module.EXAMPLES)}"
        loaded.command(self.name, help=self.help, epilog=epilog)(getattr(module, name))
        return typer.main.get_command(loaded).make_context(info_name, args, parent, **extra)


app = typer.Typer(
    name="refera",
    help="Operational databases into an S3 lake and a star schema, every day, without losing a row.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _name, _help in COMMANDS.items():
    app.command(_name, cls=LazyCommand, help=_help)(lambda: None)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option(DEBUG, help="Show the traceback of an error.")] = False,
) -> None:
    """Operational databases into an S3 lake and a star schema, every day, without losing a row."""


def main() -> None:
    """Run a command; the only place that turns errors into messages and exit codes."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    try:
        app()
    except BrokenPipeError:  # the reader of our output has closed it, as ``head`` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Stopped as stopped:
        output.print_message("Stopped: what was committed counts; run it again.")
        sys.exit(128 + stopped.number)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("refera_platform.sandbox"):
            raise
        sys.exit(output.print_error(SettingError(NO_SANDBOX, "run it from a checkout, on your own machine.")))
    except Exception as error:
        shown_error = disk_full_error(error, home_folder()) if is_disk_full(error, home_folder()) else error
        if DEBUG in sys.argv[1:2] or not isinstance(shown_error, ReferaError):
            raise
        sys.exit(output.print_error(shown_error))
