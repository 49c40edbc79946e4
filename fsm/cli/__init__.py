"""The command line `backup-fsm`, also `kubectl backup-fsm`: it prints and decides nothing.

Commands are imported when they are used, so that `--help` and completion cost next to nothing. Exit codes: 0 fine; 1
the work failed; 2 usage or unreadable input; 3 findings, where a command offers `--exit-code`; 130 on Ctrl-C.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

import fsm
from fsm.errors import FsmError, InputError, UsageError

COMMANDS = {
    "explain": "One answer a Backup: its state, why, what comes next, and whether it is stuck.",
    "replay": "Fold recorded watch streams into timelines of transitions, with verdicts.",
    "stories": "List the recorded stories that come with the package.",
    "machines": "Show the declared machines: states, transitions, guards, effects.",
    "diagram": "Draw machines as SVG, PNG, DOT, Mermaid or a Markdown table.",
    "check": "Explore every interleaving of operator, cluster and mishaps, and judge the property catalogue.",
    "conform": "Judge another implementation of the operator by its conformance vectors.",
    "testgen": "Write tests that cover machines in few steps, as vectors or for pytest.",
    "demo": "Tell a story with the simulated cluster: a log backup that fails, and its retry policy.",
    "completion": "Print the completion script of a shell.",
}
"""Every command with its first sentence, which `--help` shows without importing any of them."""

FINE, FAILED, USAGE, FINDINGS, INTERRUPTED = 0, 1, 2, 3, 130


class _ReaderLeftError(Exception):
    """Nobody reads the output any more. Click would call that a failure."""


class _LazyGroup(click.Group):
    """Finds a command in the module of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"fsm.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]

    def invoke(self, ctx: click.Context) -> Any:
        try:
            code = super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()
        except BrokenPipeError:
            raise _ReaderLeftError from None
        return code


EPILOG = """\b
Examples:
  kubectl get backup,jobs,pods -A -o json | backup-fsm explain -f -
  kubectl get backups -A -w -o json --output-watch-events > backups.jsonl
  backup-fsm replay backups.jsonl jobs.jsonl
  backup-fsm replay --story snapshot-retry
  backup-fsm diagram log > log.svg

As a kubectl plugin: kubectl backup-fsm COMMAND. Flags come after the name of the plugin; kubectl's own (--context, -n)
belong to the kubectl that fetches the objects.
"""


@click.group(
    cls=_LazyGroup,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(fsm.__version__, "-V", "--version", message="backup-fsm %(version)s")
def cli() -> None:
    """What TiDB Operator's Backups are doing, told from the Kubernetes objects alone.

    The lifecycle of a Backup is declared as statecharts. Nothing here needs a cluster: give it what kubectl prints.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code; no traceback ever, unless BACKUP_FSM_DEBUG is set."""
    sys.exit(exit_code_of(arguments))


def exit_code_of(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; every failure is one sentence on stderr."""
    try:
        return int(cli.main(arguments, prog_name=program(), standalone_mode=False) or FINE)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except _ReaderLeftError:
        _stop_writing()
        return FINE
    except click.ClickException as error:
        return _refused(error)
    except (UsageError, InputError) as error:
        return _said(str(error), USAGE, error)
    except FsmError as error:
        return _said(str(error), FAILED, error)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _said(f"{where}{error.strerror or error}", FAILED, error)
    except Exception as error:
        return _said(_own_fault(error), FAILED, error)


def program() -> str:
    """How the user calls it: as a plugin, the name of the file has the underscore that kubectl wants."""
    return "kubectl backup-fsm" if Path(sys.argv[0]).name.startswith("kubectl-") else "backup-fsm"


def say(sentence: str) -> None:
    """One sentence for the user, on stderr, after what was written to stdout before it."""
    if sys.stdout is not None:
        sys.stdout.flush()
    click.echo(f"backup-fsm: {sentence}", err=True)


def _refused(error: click.ClickException) -> int:
    """A request that click could not read."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"\nSee '{context.command_path} --help'." if context is not None else ""
    return _said(error.format_message() + hint, USAGE, error)


def _said(sentence: str, code: int, error: Exception) -> int:
    if os.environ.get("BACKUP_FSM_DEBUG"):
        traceback.print_exception(error)
    try:
        say(sentence)
    except OSError:  # what was written before cannot be got rid of, which may be the very error
        _stop_writing()
        say(sentence)
    return code


def _own_fault(error: Exception) -> str:
    return (
        f"an error of this program, not of yours: {type(error).__name__}: {error}\n"
        "Please report the command, its input, and what it prints with BACKUP_FSM_DEBUG=1."
    )


def _stop_writing() -> None:
    """Let what is still buffered go nowhere, so that the interpreter's own flush is silent."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
