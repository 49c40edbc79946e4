"""The check of a Backup before anything else, on every sync (operator-semantics 4.7)."""

from __future__ import annotations

from fsm.model import LOG_UNKNOWN, Backup, Mode, Phase
from fsm.reference.calls import CachedCluster, Key
from fsm.reference.cluster import TidbCluster
from fsm.reference.program import (
    NIL,
    CallError,
    GoError,
    Handle,
    IgnoreError,
    PanicError,
    Program,
    RequeueError,
    not_found,
    where,
)
from fsm.reference.updater import condition_of, try_update_status
from fsm.rules import current_command, validate_spec


def validate(handle: Handle) -> Program[None]:
    """validate, 4.7: an unfit spec becomes Invalid, an absent cluster RetryFailed, an unready one waits unwritten."""
    backup = handle.backup
    command = current_command(backup)
    cluster = None
    if backup.spec.br is not None:
        yield from _known_command(handle, command)
        cluster = yield from _ready_cluster(handle, command)
    problem = validate_spec(backup, None if cluster is None else cluster.validated)
    if problem is not None:
        yield from try_update_status(handle, condition_of(Phase.INVALID, "InvalidSpec", problem, command))
        raise IgnoreError(f"invalid backup spec {where(backup)} cause {problem}")


def _known_command(handle: Handle, command: str) -> Program[None]:
    """Step 2, which the enum of the CRD keeps from happening."""
    if command == LOG_UNKNOWN:
        asked = handle.backup.spec.log_subcommand
        problem = f"log backup {where(handle.backup)} subcommand `{asked}` is not supported"
        yield from try_update_status(handle, condition_of(Phase.RETRY_FAILED, problem, problem, command))
        raise GoError(problem)


def _ready_cluster(handle: Handle, command: str) -> Program[TidbCluster]:
    """Steps 3 and 4."""
    backup = handle.backup
    key = cluster_key(backup)
    try:
        cluster = yield from cached_cluster(key)
    except GoError as error:
        failed = condition_of(Phase.RETRY_FAILED, no_cluster(key), str(error), command)
        yield from try_update_status(handle, failed)
        raise
    if backup.mode != Mode.VOLUME and not cluster.ready:
        raise RequeueError(f"backup {where(backup)}: waiting for TidbCluster {'/'.join(key)} to be ready")
    return cluster


def cluster_key(backup: Backup) -> Key:
    """The TidbCluster that is backed up, in the Backup's namespace unless the spec names one; without `br` a panic."""
    br = backup.spec.br
    if br is None:
        raise PanicError(NIL)
    return br.cluster_namespace or backup.metadata.namespace, br.cluster


def cached_cluster(key: Key) -> Program[TidbCluster]:
    """The TidbCluster in the cache, or the lister's error."""
    try:
        cluster: TidbCluster | None = yield CachedCluster(key)
    except CallError as error:
        raise GoError(error.message) from None
    if cluster is None:
        raise not_found("tidbcluster.pingcap.com", key[1])
    return cluster


def no_cluster(key: Key) -> str:
    """The reason that the status shows where the cluster is absent."""
    return f"failed to fetch tidbcluster {'/'.join(key)}"
