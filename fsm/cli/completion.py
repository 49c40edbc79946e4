"""`completion`: the script that makes a shell complete commands, options, machines, stories, deadlines and files."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from fsm.cli.output import Output

SHELLS = ("bash", "zsh", "fish")

EPILOG = """\b
Examples:
  source <(backup-fsm completion bash)          # in ~/.bashrc
  source <(backup-fsm completion zsh)           # in ~/.zshrc, after compinit
  backup-fsm completion fish > ~/.config/fish/completions/backup-fsm.fish
"""


@click.command("completion", epilog=EPILOG)
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the completion script of SHELL for the command backup-fsm."""
    from fsm.cli import cli

    found = get_completion_class(shell)
    assert found is not None  # click knows all of SHELLS
    Output().raw(found(cli, {}, "backup-fsm", "_BACKUP_FSM_COMPLETE").source() + "\n")
