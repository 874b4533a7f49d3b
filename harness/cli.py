"""The `bench` command. A subcommand's module is imported when it is called; help and listing stay fast.

Each module of `harness.commands` exposes `app`, a Typer app, or a function of the module's own name.
Exit codes: 0 done, 1 a cell failed, 2 wrong usage or missing data, 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from importlib import import_module

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from harness.errors import CellFailed, UserError, disk_error, is_disk_full, misplaced

COMMANDS = {
    "run": "Train, synthesize and score methods on one dataset's pairs, then print the table.",
    "ablate": "Train a method in every setting of a grid, and print the table in the grid's order.",
    "synthesize": "Synthesize the person of your own picture in a pose of your own.",
    "score": "Score a folder of images against a folder of targets.",
    "rescore": "Score the stored images under another protocol.",
    "import": "Bring images made elsewhere into a comparison, by the naming of their release.",
    "check": "Hold a method to the contract, in seconds.",
    "status": "Show what of a results folder is done, running, failed or to do.",
    "clean": "Remove what nothing refers to, after asking.",
    "doctor": "Show what this machine has, and what each missing piece would enable.",
    "regress": "Hold today's code against a baseline; exit code 1 on a regression.",
    "diff": "Show how two results' numbers differ, and what may explain it.",
    "report": "Write tables (Markdown, CSV, HTML, LaTeX) and pictures of a results folder.",
    "claims": "Show a paper's claims, and what its own tables and our records say of each.",
    "study": "Ask people: make packets, serve them, score the answers.",
    "list": "List methods, datasets, protocols, presets, suites and grids.",
    "protocols": "Show a protocol's metrics and every constant of them.",
    "data": "Fetch, check and show datasets and their pairs.",
    "weights": "List, fetch and check pretrained networks.",
}
HIDDEN = ("cell",)
RESUMABLE = ("run", "ablate", "data", "weights", "import", "rescore", "regress")

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def load_command(name: str) -> TyperCommand | TyperGroup:
    """Import a subcommand."""
    module = import_module(f"harness.commands.{name}")
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name, hidden=name in HIDDEN)(getattr(module, name))
    command = get_command(app)
    command.name = name
    return command


class LazyGroup(TyperGroup):
    """Lists its subcommands without importing them, and turns errors a user can mend into text and exit codes."""

    _listing = False

    def list_commands(self, ctx) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx, cmd_name: str):
        if self._listing:
            return TyperCommand(cmd_name, help=COMMANDS[cmd_name])
        return load_command(cmd_name) if cmd_name in COMMANDS or cmd_name in HIDDEN else None

    def format_help(self, ctx, formatter) -> None:
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except UserError as error:
            _fail(f"error: {error}", EXIT_USAGE)
        except CellFailed as error:
            _fail(f"failed: {error}", EXIT_FAILED)
        except KeyboardInterrupt:
            if ctx.invoked_subcommand in HIDDEN:
                raise SystemExit(EXIT_INTERRUPTED) from None  # the run that started it tells the user
            goes_on = "goes on from here" if ctx.invoked_subcommand in RESUMABLE else "starts anew"
            _fail(f"interrupted; the same command {goes_on}", EXIT_INTERRUPTED)
        except OSError as error:
            text = disk_error(error) or misplaced(error)
            if text is None:
                raise
            _fail(f"failed: {text}", EXIT_FAILED if is_disk_full(error) else EXIT_USAGE)


def _fail(text: str, code: int) -> None:
    """Print and end with `code`, at once where a worker's thread still runs: every write to the store is atomic."""
    print(text, file=sys.stderr, flush=True)
    if code == EXIT_INTERRUPTED and any(thread.name.startswith("cell") for thread in threading.enumerate()):
        sys.stdout.flush()
        os._exit(code)
    raise SystemExit(code)


app = typer.Typer(
    name="bench",
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def bench() -> None:
    """One protocol for pose-guided person image synthesis: MR-Net and its competitors on identical pairs.

    Examples:

      bench run --methods mrnet --dataset footage --preset quick

      bench list methods --dataset footage

      bench report
    """


def _terminate(signum, frame) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Entry point of the `bench` script."""
    # a scheduler's SIGTERM ends a run as tidily as Ctrl-C
    signal.signal(signal.SIGTERM, _terminate)
    get_command(app)(prog_name="bench")


if __name__ == "__main__":
    main()
