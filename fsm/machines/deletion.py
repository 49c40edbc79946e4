"""The end of every machine: a Backup with a deletionTimestamp. Shared; each chart gets states of its own.

As the operator: operator-semantics 9. What the sync does there is read from the phase and the Clean conditions.
"""

from __future__ import annotations

from typing import Any

from fsm.kernel import Compound, Event, action, edge, state


@action()
def forget_reason(context: Any, event: Event) -> tuple[Any, tuple[()]]:
    """What was wrong before no longer matters."""
    return context._replace(reason="", message="", sync_error=""), ()


def deleting_states() -> Any:
    """The compound `deleting` with its edges, for the body of a chart that declares how it is entered."""

    class deleting(Compound):  # a state is named by its id
        """The Backup has a deletionTimestamp: work is ended, data is cleaned as the policy says, then it goes."""

        stopping = state(
            "What still runs is stopped: Jobs are removed, a log task is stopped by a Job of its own.", initial=True
        )
        cleaning = state("The clean Job deletes the data, because the clean policy asks for it.")
        clean_failed = state("The clean Job failed; its own retries go on until they are used up.")
        gone = state("The object is gone.", outcome="good")

        clean_started = edge((stopping, clean_failed), cleaning, "Cleaning began: the condition Clean was written.")
        clean_refused = edge((stopping, cleaning), clean_failed, "The clean program reported CleanFailed.")
        edge((stopping, cleaning, clean_failed), gone, "The finalizer is off and the object is gone.", event="deleted")

    return deleting


def declare_deletion(sources: tuple[Any, ...], deleting: Any) -> None:
    """Every state of the lifecycle, the final ones too, can be left by deletion, with or without a finalizer."""
    edge(sources, deleting, "A deletionTimestamp was set.", event="deletion_requested", do=forget_reason)
    edge(
        sources,
        deleting.gone,
        "The object went at once: nothing held it with a finalizer.",
        event="deleted",
        do=forget_reason,
    )
