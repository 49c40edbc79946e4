"""The Job machine and the volume-snapshot machine, scenario by scenario."""

from __future__ import annotations

import pytest

from fsm.errors import NotEnabled
from fsm.kernel import Event, Machine, MachineState, trace_of
from fsm.machines import JOB, VOLUME_SNAPSHOT


def after(machine: Machine, text: str) -> MachineState:
    """The state after these events; each says its own name as reason."""
    state = machine.start()
    for taken in trace_of(
        machine, state, [Event(name, at, uid="u", reason=name) for at, name in enumerate(text.split())]
    ):
        state = taken.after
    return state


JOBS = {
    "": "created",
    "job_started": "active",
    "job_started job_succeeded": "succeeded",
    "job_succeeded": "succeeded",
    "job_started job_failed": "failed",
    "job_failed": "failed",
    "job_started job_failing": "failing",
    "job_started job_failing job_failed": "failed",
    "job_suspended": "suspended",
    "job_started job_suspended job_started": "active",
    "job_started job_suspended job_failing": "failing",
    "job_started deletion_requested": "terminating",
    "job_started job_failed deletion_requested": "terminating",
    "job_started job_failing deletion_requested deleted": "gone",
    "job_started job_succeeded deleted": "gone",
    "deleted": "gone",
}


@pytest.mark.parametrize("text", JOBS, ids=lambda text: text.replace(" ", "-") or "nothing")
def test_a_job_s_life_leads_to_its_state(text: str) -> None:
    assert JOB.leaves(after(JOB, text).configuration) == (JOBS[text],)


REFUSED_BY_JOBS = [
    ("job_started job_failing", "job_succeeded", "a Job that will fail does not succeed"),
    ("job_started job_succeeded", "job_failed", "a decided Job stays decided"),
    ("job_started job_failed", "job_succeeded", "a decided Job stays decided"),
    ("job_started deletion_requested", "job_failed", "a terminating Job tells nothing of its work"),
    ("job_started deletion_requested", "job_failing", "a terminating Job tells nothing of its work"),
    ("job_started deletion_requested", "job_succeeded", "a terminating Job tells nothing of its work"),
    ("deleted", "job_started", "gone is gone"),
]


@pytest.mark.parametrize(
    ("text", "name"), [row[:2] for row in REFUSED_BY_JOBS], ids=[row[2] for row in REFUSED_BY_JOBS]
)
def test_what_a_job_cannot_do_is_not_enabled(text: str, name: str) -> None:
    with pytest.raises(NotEnabled):
        after(JOB, f"{text} {name}")


def test_the_pod_tells_the_cause_before_or_after_the_job_tells_the_failure() -> None:
    early = after(JOB, "job_started pod_failed job_failing job_failed")
    late = after(JOB, "job_started job_failing job_failed pod_failed")
    assert early == late
    assert (late.context.reason, late.context.cause) == ("job_failed", "pod_failed")
    assert after(JOB, "job_started deletion_requested pod_failed").context.cause == "pod_failed"


INITIALIZED = "job_created br_started initialized_reported "
EXECUTED = INITIALIZED + "execute_created pod_preparing br_started "
VOLUMES = {
    "": "pending",
    "job_created": "init_scheduled",
    "job_created br_started": "init_running",
    INITIALIZED: "initialized",
    "job_created initialize_failed": "init_failed",
    "job_created initialize_failed job_created": "init_scheduled",
    INITIALIZED + "initialize_failed": "init_failed",
    "job_created initialize_failed execute_created": "scheduled",
    "execute_created": "scheduled",
    INITIALIZED + "execute_created pod_preparing": "preparing",
    EXECUTED: "running",
    EXECUTED + "snapshots_reported": "snapshots_created",
    EXECUTED + "snapshots_reported data_completed": "data_complete",
    EXECUTED + "data_completed": "data_complete",
    EXECUTED + "job_failed": "data_failed",
    EXECUTED + "snapshots_reported job_failed": "data_failed",
    EXECUTED + "data_completed teardown_requested": "teardown",
    EXECUTED + "data_completed teardown_requested completed": "complete",
    EXECUTED + "job_failed teardown_requested aborted": "aborted",
    "job_created teardown_requested completed": "complete",
    "job_created aborted": "aborted",
    "rejected": "invalid",
    EXECUTED + "rejected": "invalid",
    EXECUTED + "deletion_requested": "stopping",
    EXECUTED + "data_completed teardown_requested completed deletion_requested clean_started deleted": "gone",
}


@pytest.mark.parametrize("text", VOLUMES, ids=lambda text: text.strip().replace(" ", "-") or "nothing")
def test_a_volume_snapshot_s_life_leads_to_its_state(text: str) -> None:
    assert VOLUME_SNAPSHOT.leaves(after(VOLUME_SNAPSHOT, text).configuration) == (VOLUMES[text],)


def test_a_volume_snapshot_is_never_retried() -> None:
    failed = after(VOLUME_SNAPSHOT, EXECUTED + "job_failed")
    enabled = VOLUME_SNAPSHOT.enabled(failed.configuration)
    assert set(enabled) == {"teardown_requested", "aborted", "rejected", "deletion_requested", "deleted"}
    assert failed.context.reason == "job_failed"


def test_a_failed_initialization_stops_nothing() -> None:
    """Execute may still be asked for (operator-semantics 7.2 1b, S24)."""
    failed = after(VOLUME_SNAPSHOT, "job_created initialize_failed")
    assert {"execute_created", "teardown_requested", "job_created"} <= set(
        VOLUME_SNAPSHOT.enabled(failed.configuration)
    )
