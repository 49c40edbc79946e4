"""`machines` and `diagram` show what is declared, and `completion` knows its names."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from cli_running import SCRIPTS, Run, clean_environment, story

from fsm.cli import COMMANDS, cli
from fsm.diagram import FORMATS, highlight_from_text
from fsm.machines import MACHINES

NAMES = list(MACHINES)


def test_json_has_the_machines_exactly_as_the_contract_says(run: Run) -> None:
    machines = run("machines", "--output", "json").json["machines"]
    assert [each["name"] for each in machines] == NAMES
    for each in machines:
        declared = MACHINES[each["name"]]
        assert list(each) == ["name", "doc", "states", "transitions"]
        assert [tuple(state.values()) for state in each["states"]] == [
            (state.id, state.parent, state.final, state.outcome, state.doc) for state in declared.states
        ]
        assert {tuple(state) for state in each["states"]} == {("id", "parent", "final", "outcome", "doc")}
        assert [tuple(transition.values()) for transition in each["transitions"]] == [
            (edge.event, edge.source, edge.target, list(edge.guards), list(edge.effects), edge.doc)
            for edge in declared.transitions
        ]
        keys = ("event", "source", "target", "guards", "effects", "doc")
        assert {tuple(transition) for transition in each["transitions"]} == {keys}


@pytest.mark.parametrize("name", NAMES)
def test_one_machine_can_be_asked_for(run: Run, name: str) -> None:
    assert [each["name"] for each in run("machines", name, "-o", "json").json["machines"]] == [name]
    text = run("machines", name).out
    for state in MACHINES[name].states:
        assert f"{state.id} " in text
    for transition in MACHINES[name].transitions:
        assert transition.doc in text


def test_text_is_one_line_a_machine(run: Run) -> None:
    head, *rows = run("machines").out.splitlines()
    assert head.split()[:3] == ["MACHINE", "STATES", "TRANSITIONS"]
    assert [row.split()[0] for row in rows] == NAMES


# ------------------------------------------------------------------ diagram


@pytest.mark.parametrize("form", FORMATS)
def test_one_machine_goes_to_stdout(form: str) -> None:
    done = subprocess.run(
        [SCRIPTS / "backup-fsm", "diagram", "job", "--format", form], capture_output=True, check=True, text=False
    )
    assert done.stdout == FORMATS[form].draw(MACHINES["job"], None, "pure")


def test_several_machines_go_to_a_directory_that_is_made(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    result = run("diagram", "--format", "dot", "--out", str(out))
    assert sorted(path.name for path in out.iterdir()) == sorted(f"{name}.dot" for name in NAMES)
    assert (result.code, result.out) == (0, "")
    assert f"wrote {out / 'log.dot'}" in result.err
    run("diagram", "job", "log", "job", "--format", "mermaid", "--out", str(tmp_path / "c"))
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["job.mmd", "log.mmd"]


def test_highlight_shows_the_path_of_a_replay(run: Run, tmp_path: Path) -> None:
    files = story(
        "backup-snapshot-retry", "backup-snapshot-retry.jobs", "backup-log-pause-resume", "backup-log-truncate"
    )
    trace = tmp_path / "trace.json"
    trace.write_text(run("replay", *files, "-o", "json").out)
    shown = run("diagram", "snapshot", "--format", "dot", "--highlight", str(trace)).out
    path = highlight_from_text(MACHINES["snapshot"], trace.read_text())
    assert shown.encode() == FORMATS["dot"].draw(MACHINES["snapshot"], path, "pure")
    from_stdin = run("diagram", "snapshot", "--format", "dot", "--highlight", "-", stdin=trace.read_bytes())
    assert from_stdin.out == shown
    several = run("diagram", "log", "--format", "dot", "--highlight", str(trace))
    assert several.code == 2
    assert "several backups of machine log" in several.err
    missing = run("diagram", "log", "--format", "dot", "--highlight", str(trace), "--backup", "nobody")
    assert missing.code == 2
    assert "nobody" in missing.err


# ------------------------------------------------------------------ help and completion


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_has_examples(run: Run, name: str) -> None:
    text = run(name, "--help").out
    assert "Examples:" in text
    assert text.count("backup-fsm ") >= 3
    assert COMMANDS[name] in " ".join(run("--help").out.split())


def test_every_command_has_its_module() -> None:
    modules = {path.stem for path in Path(str(cli.callback.__code__.co_filename)).parent.glob("*.py")}
    assert set(COMMANDS) <= modules


def completed(*words: str) -> list[str]:
    """What bash would be offered for the last word."""
    line = {"COMP_WORDS": " ".join(("backup-fsm", *words)), "COMP_CWORD": str(len(words))}
    environment = clean_environment(**line, _BACKUP_FSM_COMPLETE="bash_complete")
    done = subprocess.run([SCRIPTS / "backup-fsm"], capture_output=True, text=True, env=environment, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["re"], ["plain,replay"]),
        (["machines", "s"], ["plain,snapshot"]),
        (["diagram", "log", "v"], ["plain,volume_snapshot"]),
        (["replay", "--deadline", "im"], ["nospace,image-pull="]),
        (["replay", "--story", "log-s"], ["plain,log-start-oom", "plain,log-start-failed"]),
        (["replay", "--output", "j"], ["plain,json", "plain,jsonl"]),
        (["replay", "x"], ["file,x"]),
        (["explain", "-f", "x"], ["file,x"]),
        (["replay", "--keep"], ["plain,--keep-going"]),
    ],
)
def test_names_complete(words: list[str], offered: list[str]) -> None:
    assert completed(*words) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_calls_the_command(run: Run, shell: str) -> None:
    script = run("completion", shell).out
    assert f"_BACKUP_FSM_COMPLETE={shell}_complete" in script


def test_the_script_of_bash_is_one_that_bash_accepts(run: Run) -> None:
    if not any((Path(place) / "bash").exists() for place in os.get_exec_path()):
        pytest.skip("there is no bash")
    subprocess.run(["bash", "-n"], input=run("completion", "bash").out, text=True, check=True)


def test_a_machine_can_be_given_to_spin(run: Run) -> None:
    assert run("machines", "job", "--output", "promela").out.startswith("/* Machine job: ")
    result = run("machines", "--output", "promela")
    assert result.code == 2
    assert "a model is of one machine" in result.err
