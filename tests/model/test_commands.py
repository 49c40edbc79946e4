"""The log subcommands and the facts that the rules read off them (operator-semantics 2.4 to 2.6, 3.4)."""

from __future__ import annotations

import pytest

from fsm.model import LOG_UNKNOWN, LogCommand, Phase

FACTS = {
    # text          asked  needs_started  settles
    "log-start": (True, False, None),
    "log-stop": (True, True, Phase.STOPPED),
    "log-pause": (True, True, Phase.PAUSED),
    "log-resume": (False, False, Phase.RUNNING),
    "log-truncate": (False, True, None),
}


def test_every_subcommand_has_a_row_here() -> None:
    assert {command.value for command in LogCommand} == set(FACTS), "add a row to FACTS in this file"


@pytest.mark.parametrize("text", FACTS)
def test_a_subcommand_knows_its_facts(text: str) -> None:
    command = LogCommand(text)
    assert (command.asked, command.needs_started, command.settles) == FACTS[text]


@pytest.mark.parametrize("text", FACTS)
def test_a_subcommand_is_its_text(text: str) -> None:
    assert LogCommand(text) == text
    assert f"{LogCommand(text)}" == text


def test_log_unknown_is_no_subcommand() -> None:
    assert LOG_UNKNOWN not in {command.value for command in LogCommand}


def test_no_phase_is_not_a_phase() -> None:
    assert "" not in {phase.value for phase in Phase}
