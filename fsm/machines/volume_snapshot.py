"""The volume-snapshot lifecycle, driven from outside by `spec.federalVolumeBackupPhase`; never retried.

An outside controller asks for initialize, execute and teardown in turn. The phase of such a Backup jumps back and forth
between its two Jobs, so only its conditions count (operator-semantics 7).
"""

from __future__ import annotations

from fsm.kernel import Chart, Compound, compile_chart, edge, state
from fsm.machines import retry
from fsm.machines.deletion import declare_deletion, deleting_states, forget_reason


class VolumeSnapshot(Chart):
    """A volume-snapshot backup: initialize, execute, teardown, each asked for from outside, none of them retried."""

    context_type = retry.RunContext

    pending = state("Accepted; the initialize Job does not exist yet.", initial=True)

    class initialize(Compound):  # a state is named by its id
        """The initialize Job holds garbage collection and schedulers still while volumes are snapshotted."""

        init_scheduled = state("The initialize Job was created.", initial=True)
        init_running = state("Its program runs; GC and schedulers are being paused.")
        initialized = state("GC and schedulers are paused: the snapshots may be taken.")
        init_failed = state("It ended too early. Nothing stops because of it: execute may still be asked for.")

    class execute(Compound):
        """The execute Job backs the volumes up."""

        scheduled = state("The execute Job was created.", initial=True)
        preparing = state("Its pod prepares.")
        running = state("br backs the volumes up.")
        snapshots_created = state("All volume snapshots exist; their data is still copied.")
        data_complete = state("The data is complete; teardown is to be asked for.")
        data_failed = state("The backup of the data failed; teardown is to be asked for.")

    teardown = state("Teardown was asked for; it waits for the execute Job to end.")
    complete = state("Torn down with all data.", outcome="good")
    aborted = state("Torn down after a failure, or failed for good before.", outcome="bad")
    invalid = state("The spec was rejected; correcting it does not help.", outcome="bad")
    deleting = deleting_states()

    job_created = edge(
        pending, initialize.init_scheduled, "The initialize Job was created.", do=retry.first_attempt
    ) | edge(
        initialize.init_failed,
        initialize.init_scheduled,
        "A vanished initialize Job was made anew.",
        do=retry.first_attempt,
    )
    execute_created = edge(
        (pending, initialize), execute.scheduled, "The execute Job was created.", do=retry.first_attempt
    )
    br_started = edge(initialize.init_scheduled, initialize.init_running, "The initialize program runs.") | edge(
        execute.preparing, execute.running, "The program is about to run br."
    )
    pod_preparing = edge(execute.scheduled, execute.preparing, "The pod started; the program prepares.")
    initialized_reported = edge(
        (initialize.init_scheduled, initialize.init_running), initialize.initialized, "GC and schedulers are paused."
    )
    initialize_failed = edge(
        (initialize.init_scheduled, initialize.init_running, initialize.initialized),
        initialize.init_failed,
        "The initialize Job failed, ended or vanished before the snapshots were done.",
        do=retry.note_reason,
    )
    snapshots_reported = edge(
        (execute.scheduled, execute.preparing, execute.running),
        execute.snapshots_created,
        "The storage has backupmeta.",
    )
    data_completed = edge(
        (execute.scheduled, execute.preparing, execute.running, execute.snapshots_created),
        execute.data_complete,
        "The program reported VolumeBackupComplete.",
    )
    job_failed = edge(
        (execute.scheduled, execute.preparing, execute.running, execute.snapshots_created),
        execute.data_failed,
        "The execute Job failed, or its program reported VolumeBackupFailed.",
        do=retry.note_reason,
    )
    teardown_requested = edge(
        (pending, initialize, execute), teardown, "federalVolumeBackupPhase became teardown.", do=forget_reason
    )
    completed = edge(teardown, complete, "Torn down: Complete was written.")
    edge(
        (pending, initialize, execute, teardown),
        aborted,
        "Failed was written.",
        event="aborted",
        do=retry.note_reason,
    )
    rejected = edge(
        (pending, initialize, execute, teardown), invalid, "A sync found the spec invalid.", do=retry.note_reason
    )
    declare_deletion((pending, initialize, execute, teardown, complete, aborted, invalid), deleting)


VOLUME_SNAPSHOT = compile_chart(VolumeSnapshot)
