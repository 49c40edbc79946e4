"""Merges several inputs into one story by the times that the objects tell. Reads each input once, lazily; no clock.

Across kinds only observed times order (resourceVersions order the states of one object). An input is never reordered
within itself: the newest time it has told so far is the time of each of its items.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heapreplace
from typing import Final

from fsm.adapter.log_retry import happened_of
from fsm.model import Backup, Job, JobStatus, Pod, PodStatus, seconds_of
from fsm.replay.reader import Item, Problem

NEVER: Final = 0
"""The newest observed time as long as no object has told any: before every time a cluster can tell."""

Texts = list[str | None]
"""RFC 3339 times, some of them absent."""


def observed_at(item: Item) -> int | None:
    """The newest time at which, as the object tells, something has happened, in Unix seconds; None: it tells none.

    These are its creation, deletion and managedFields times, what its status and its retry records say has happened,
    and the item's own `at`. Never a wish (the spec), a plan (`expectedRetryAt`) or a TSO: these may lie in the future.
    """
    metadata = item.lean.metadata
    texts: Texts = [metadata.creation_timestamp]
    if metadata.managed_fields:
        texts += [field.time for field in metadata.managed_fields]
    texts += _told_by(item.lean)
    times = [seconds_of(text) for text in texts if text]
    if metadata.deletion_timestamp is not None:
        times.append(_asked_to_go(item.lean))
    if item.at is not None:
        times.append(item.at)
    return max(times, default=None)


def _asked_to_go(obj: Backup | Job | Pod) -> int:
    """When deletion was asked for. The API server stores for a pod when its grace period will be over."""
    grace = (obj.metadata.deletion_grace_period_seconds or 0) if obj.kind == "Pod" else 0
    return seconds_of(obj.metadata.deletion_timestamp or "") - max(grace, 0)


def _told_by(obj: Backup | Job | Pod) -> Texts:
    """What the status says has happened."""
    if obj.kind == "Job":
        return _job_texts(obj.status)
    return _pod_texts(obj.status) if obj.kind == "Pod" else _backup_texts(obj)


def _job_texts(status: JobStatus) -> Texts:
    return [status.start_time, status.completion_time, *[each.last_transition_time for each in status.conditions]]


def _pod_texts(status: PodStatus) -> Texts:
    texts: Texts = [status.start_time, *[each.last_transition_time for each in status.conditions]]
    for container in (*status.init_container_statuses, *status.container_statuses):
        if container.state.running:
            texts.append(container.state.running.started_at)
        if container.state.terminated:
            texts += (container.state.terminated.started_at, container.state.terminated.finished_at)
    return texts


def _backup_texts(backup: Backup) -> Texts:
    status = backup.status
    texts: Texts = [each.last_transition_time for each in status.conditions]
    texts += (status.time_started, status.time_completed, status.time_synced)
    for command in status.log_sub_command_statuses.values():
        texts += (command.time_started, command.time_completed)
        texts += [each.last_transition_time for each in command.conditions]
    for record in status.backoff_retry_status:
        texts += (record.detect_failed_at, record.real_retry_at)
    for progress in status.progresses:
        texts.append(progress.last_transition_time)
    for operation in status.br_operations:
        texts += (operation.started_at, operation.observed_at)
    return texts + happened_of(backup)


class _Input:
    """One input while it is merged: its next item, and the newest time it has told so far."""

    def __init__(self, stream: Iterator[Item | Problem], number: int) -> None:
        self.stream = stream
        self.number = number
        self.newest = NEVER
        self.item: Item | None = None

    def advance(self) -> Iterator[Problem]:
        """Takes the next item (None at the end), and yields the problems before it."""
        self.item = None
        for result in self.stream:
            if not isinstance(result, Problem):
                self._take(result)
                return
            yield result

    def _take(self, item: Item) -> None:
        self.item = item
        if not item.repeat:  # a repeat says nothing new
            self.newest = max(self.newest, observed_at(item) or NEVER)

    def order(self) -> tuple[int, bool, int]:
        """At equal seconds Pods and Jobs come before Backups: what is recorded in a Backup happened to them first."""
        return self.newest, self.item is not None and self.item.lean.kind == "Backup", self.number


def merged(streams: Sequence[Iterator[Item | Problem]]) -> Iterator[tuple[int, Item] | Problem]:
    """The items of all inputs in the order in which they were observed, each with the newest time observed up to it.

    A problem comes right after what stands before it in its own input. One input alone passes through item by item, so
    that a live one is not held up; with several, the next item of each must have been read.
    """
    inputs = [_Input(iter(stream), number) for number, stream in enumerate(streams)]
    for each in inputs:
        yield from each.advance()
    heap = [(*each.order(), each) for each in inputs if each.item]
    heapify(heap)
    newest = NEVER
    while heap:
        each = heap[0][-1]
        newest = max(newest, each.newest)
        if each.item:
            yield newest, each.item
        yield from each.advance()
        if each.item:
            heapreplace(heap, (*each.order(), each))
        else:
            heappop(heap)
