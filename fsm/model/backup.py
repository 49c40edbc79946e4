"""The `Backup` resource: the spec fields that steer its lifecycle, and its status (operator-semantics 1.1, 1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from fsm.model.base import (
    NULL_LIST,
    NULL_MAP,
    Bool,
    CleanPolicyOrNone,
    ConditionStatus,
    Int,
    Model,
    NullAs,
    PhaseOrNone,
)
from fsm.model.instant import Time
from fsm.model.meta import Resource
from fsm.model.policy import BackoffRetryPolicy, BackoffRetryRecord
from fsm.model.vocabulary import CleanPolicy, Mode, Phase


class BrConfig(Model):
    """`spec.br`: which cluster is backed up with BR. Without it the Backup is a Dumpling export."""

    cluster: str = ""
    cluster_namespace: str = ""
    db: str = ""
    table: str = ""


class TidbAccess(Model):
    """`spec.from`: how to reach TiDB over SQL."""

    host: str = ""
    port: Int = 0
    user: str = ""
    secret_name: str = ""
    tls_client_secret_name: str | None = None


class S3Storage(Model):
    """`spec.s3`."""

    provider: str = ""
    bucket: str = ""
    prefix: str = ""
    endpoint: str = ""
    secret_name: str = ""


class GcsStorage(Model):
    """`spec.gcs`."""

    project_id: str = ""
    bucket: str = ""
    prefix: str = ""
    secret_name: str = ""


class AzblobStorage(Model):
    """`spec.azblob`."""

    container: str = ""
    prefix: str = ""
    secret_name: str = ""
    storage_account: str = ""
    sas_token: str = ""


class Volume(Model):
    """`spec.local.volume`, of which only the name matters here."""

    name: str = ""


class VolumeMount(Model):
    """`spec.local.volumeMount`."""

    name: str = ""
    mount_path: str = ""


class LocalStorage(Model):
    """`spec.local`: a volume mounted into the pod."""

    volume: Volume = Volume()
    volume_mount: VolumeMount = VolumeMount()
    prefix: str = ""


class CleanOption(Model):
    """`spec.cleanOption`: how the clean Job deletes data."""

    page_size: Int = 0
    retry_count: Int = 0
    batch_concurrency: Int = 0
    routine_concurrency: Int = 0


NO_POLICY = BackoffRetryPolicy()


class BackupSpec(Model):
    """What is wished. A scalar that is absent has the CRD's default, which the API server always fills in."""

    backup_mode: str = Mode.SNAPSHOT.value
    backup_type: str = ""
    br: BrConfig | None = None
    from_: TidbAccess | None = Field(default=None, alias="from")
    s3: S3Storage | None = None
    gcs: GcsStorage | None = None
    azblob: AzblobStorage | None = None
    local: LocalStorage | None = None
    storage_size: str = ""
    commit_ts: str = ""
    log_subcommand: str = ""
    log_stop: Bool = False
    log_truncate_until: str = ""
    clean_policy: CleanPolicyOrNone = CleanPolicy.RETAIN
    clean_option: CleanOption | None = None
    backoff_retry_policy: Annotated[BackoffRetryPolicy, NullAs(NO_POLICY)] = NO_POLICY
    federal_volume_backup_phase: str = ""
    resume_gc_schedule: Bool = False
    volume_backup_init_job_max_active_seconds: Int = 600
    calc_size_level: str = "all"


class Condition(Model):
    """A sticky fact about the Backup. `command` is the log subcommand it is about, blanked in stored conditions."""

    type: Phase
    status: ConditionStatus
    last_transition_time: Time | None = None
    reason: str = ""
    message: str = ""
    command: str = ""


class LogSubCommandStatus(Model):
    """Where one log subcommand stands; the phase `Repeatable` says that it may run again."""

    command: str = ""
    time_started: Time | None = None
    time_completed: Time | None = None
    log_truncating_until: str = ""
    phase: PhaseOrNone = ""
    conditions: Annotated[tuple[Condition, ...], NULL_LIST] = ()


class Progress(Model):
    """How far a step of a volume backup is, in percent."""

    step: str = ""
    progress: int | float = 0
    last_transition_time: Time | None = None


class BrOperation(Model):
    """A `br` run that was seen in TiKV; the newest is first in the status, at most ten are kept."""

    operation_id: str = Field(default="", alias="operationID")
    started_at: Time | None = None
    command: str = ""
    observed_at: Time | None = None


class BackupStatus(Model):
    """What was observed and recorded. Conditions are never removed; the phase is the type of the last one written."""

    phase: PhaseOrNone = ""
    conditions: Annotated[tuple[Condition, ...], NULL_LIST] = ()
    backup_path: str = ""
    time_started: Time | None = None
    time_completed: Time | None = None
    time_taken: str = ""
    time_synced: Time | None = None
    backup_size: Int = 0
    backup_size_readable: str = ""
    incremental_backup_size: Int = 0
    incremental_backup_size_readable: str = ""
    commit_ts: str = ""
    log_checkpoint_ts: str = ""
    log_success_truncate_until: str = ""
    log_sub_command_statuses: Annotated[Mapping[str, LogSubCommandStatus], NULL_MAP] = {}
    progresses: Annotated[tuple[Progress, ...], NULL_LIST] = ()
    br_operations: Annotated[tuple[BrOperation, ...], NULL_LIST] = ()
    backoff_retry_status: Annotated[tuple[BackoffRetryRecord, ...], NULL_LIST] = ()

    def condition(self, type_: Phase) -> Condition | None:
        """The first condition of that type."""
        for one in self.conditions:
            if one.type == type_:
                return one
        return None

    def holds(self, type_: Phase) -> bool:
        """The first condition of that type is True: T(X) of the semantics, whatever the phase."""
        found = self.condition(type_)
        return found is not None and found.status == "True"


NO_STATUS = BackupStatus()


class Backup(Resource):
    """A Backup as the API server stores it. It has no status subresource: one write replaces spec and status."""

    kind: Literal["Backup"] = "Backup"
    spec: BackupSpec = BackupSpec()
    status: Annotated[BackupStatus, NullAs(NO_STATUS)] = NO_STATUS

    @property
    def mode(self) -> str:
        """`spec.backupMode`: absent means snapshot (CRD default); "" and unknown words are snapshots without retry."""
        return self.spec.backup_mode
