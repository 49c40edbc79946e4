"""A mend writes what the program in the pod would have written: the program itself, cut off anywhere, is the judge."""

from __future__ import annotations

from typing import Any

import pytest
from companion_scenes import COMMANDS, NO_JITTER, annotated, current

from fsm.adapter import Observation, PatchBackup
from fsm.adapter.patches import job_manifest
from fsm.companion import decision_of
from fsm.environment import server as api
from fsm.environment.beside import Companion
from fsm.environment.simulation import Author, Simulation, Task, Who, simulation_of
from fsm.machines import CreateJob
from fsm.model import Backup, BackupStatus, Job
from fsm.reference import Result, TidbCluster
from tests.things import BORN, condition

BEFORE = {
    "log-start": Task(),
    "log-stop": Task(exists=True),
    "log-pause": Task(exists=True),
    "log-resume": Task(exists=True, paused_by=""),
}
MENDED = list(BEFORE)


def cluster_with(backup: Backup, command: str) -> tuple[Simulation, Job]:
    """The Backup, as the operator has left it, with the command's Job; the operator itself does not move."""
    cluster = TidbCluster("tidb", "basic", tikv_image="pingcap/tikv:v8.5.0")
    simulation = simulation_of(backup, lambda _: False, lambda _, __: None, cluster)
    stored = simulation.server.backup
    assert stored is not None
    job = Job.from_json(job_manifest(stored, CreateJob(0, command)))
    simulation.written(Author(Who.WORKER), api.job_created(simulation.server, job, simulation.now.seconds))
    simulation.task = BEFORE[command]
    return simulation, job


def run(simulation: Simulation, calls: int) -> bool:
    """So many calls of the program in the pod; whether it has ended by then."""
    simulation.make(simulation.moves()["job controller"][0])
    (pod,) = simulation.pods.values()
    for _ in range(calls):
        if pod.ended is not None:
            break
        simulation.make(simulation.moves()["program"][0])
    return pod.ended is Result.DONE


def died(simulation: Simulation) -> None:
    """The pod dies; seconds later the Job is seen to have failed."""
    simulation.make(simulation.moves()["fault"][0])
    simulation.wait(5)


def told(status: BackupStatus) -> Any:
    """What it says, without when; and without what the program says only on its way: each type of a condition once it
    has got to br."""
    data = status.to_json()
    for part in (data, *data.get("logSubCommandStatuses", {}).values()):
        for time in ("timeStarted", "timeCompleted", "timeTaken"):
            if part.get(time):
                part[time] = "some time"
        part["conditions"] = sorted(
            (each["type"], each["status"], each.get("reason", ""), each.get("message", ""), each.get("command", ""))
            for each in part.get("conditions", [])
            if each["type"] != "Prepare" and (each["type"] != "Running" or part is data)
        )
    return data


def ended(command: str, **more: Any) -> BackupStatus:
    """What the program writes when all goes well."""
    simulation, _ = cluster_with(current(command, "Scheduled", **more), command)
    assert run(simulation, 1000)
    assert simulation.server.backup is not None
    return simulation.server.backup.status


def calls_of(command: str) -> int:
    calls = 0
    while not run(cluster_with(current(command, "Scheduled"), command)[0], calls):
        calls += 1
    return calls


AFTER_A_RUN = {"log-pause": "log-resume", "log-resume": "log-pause"}
"""What the command reopens, where that was run before."""


@pytest.mark.parametrize("command", MENDED)
@pytest.mark.parametrize("again", [False, True], ids=["first run", "the other was run"])
def test_wherever_the_program_is_cut_off_the_backup_ends_as_if_it_had_not_been(command: str, again: bool) -> None:
    """Once br has done its work; before that nothing is mended."""
    other = AFTER_A_RUN.get(command)
    more: dict[str, Any] = {}
    if again and other is not None:
        _, observed = COMMANDS[command]
        done = {"command": other, "phase": "Complete", "timeStarted": BORN, "timeCompleted": BORN, "conditions": []}
        own = {"command": command, "phase": "Scheduled", "conditions": []}
        more = {"status": {**observed, "logSubCommandStatuses": {other: done, command: own}}}
    whole = told(ended(command, **more))
    mended = 0
    for calls in range(calls_of(command)):
        simulation, _ = cluster_with(current(command, "Scheduled", **more), command)
        run(simulation, calls)
        if simulation.server.backup is not None and told(simulation.server.backup.status) == whole:
            continue  # only its exit code was lost
        died(simulation)
        companion = Companion()
        names = [step.event.name for step in companion.look(simulation).steps]
        assert ("completed" in names) == (simulation.task == BEFORE[command].after(command.removeprefix("log-")))
        if "completed" in names:
            mended += 1
            (effect,) = companion.effects
            assert isinstance(effect, PatchBackup)
            assert companion.perform(simulation) is None
            assert simulation.server.backup is not None
            assert told(simulation.server.backup.status) == whole, f"cut off after {calls} calls"
    assert mended > 0


def test_where_it_writes_to_is_mended_too_where_the_program_could_not_say_it() -> None:
    """The path is the one that the program writes before it runs br."""
    simulation, _ = cluster_with(current("log-start", "Scheduled"), "log-start")
    run(simulation, 0)
    died(simulation)
    simulation.task = Task(exists=True)
    companion = Companion()
    companion.look(simulation)
    assert companion.perform(simulation) is None
    assert simulation.server.backup is not None
    assert simulation.server.backup.status.backup_path == ended("log-start").backup_path != ""


@pytest.mark.parametrize("task", [Task(exists=True), Task(exists=True, paused_by="disk full")], ids=["runs", "held"])
def test_a_log_backup_that_had_started_keeps_when_it_did(task: Task) -> None:
    """The program had written that long ago."""
    status = {"phase": "Failed", "commitTs": "400036290571534337", "timeStarted": BORN, "backupPath": "s3://backups"}
    told = condition("Failed", "2023-01-01T00:00:00Z", reason="LogBackupTaskNotFound")
    sub = {"timeStarted": BORN, "timeCompleted": BORN, "conditions": [told]}
    policy = {**NO_JITTER, "onErrorPause": "Hold"}
    backup = current(phase="Failed", policy=policy, status=status, sub=sub)
    simulation, _ = cluster_with(backup, "log-start")
    run(simulation, 0)
    died(simulation)
    simulation.task = task
    decision = Companion().look(simulation)
    if task.paused_by:
        assert "completed" not in [step.event.name for step in decision.steps]
        return
    (patch,) = (each for each in decision.effects if isinstance(each, PatchBackup))
    assert "timeStarted" not in patch.body["status"]
    assert patch.body["status"]["phase"] == "Running"


def test_without_an_owner_there_is_nothing_to_mend() -> None:
    """A Job of that name that is somebody else's is not seen."""
    backup = current(metadata=annotated())
    assert decision_of(Observation(backup), None, 0).steps[0].event.name == "job_vanished"
