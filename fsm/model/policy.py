"""The retry policy of a Backup and the records of its retries (operator-semantics 1.1, 1.2)."""

from __future__ import annotations

from fsm.model.base import Int, Model
from fsm.model.instant import Time


class BackoffRetryPolicy(Model):
    """`spec.backoffRetryPolicy`, durations as Go text. The defaults are what the operator reads where a key is absent.

    The API server fills 300s, 2 and 30m in as soon as the object itself is present (operator-semantics 1.4).
    """

    min_retry_duration: str = ""
    max_retry_times: Int = 0
    retry_timeout: str = ""


class BackoffRetryRecord(Model):
    """One entry of `status.backoffRetryStatus`. `retry_num` is 1-based; `real_retry_at` is None until it begins."""

    retry_num: Int = 0
    detect_failed_at: Time | None = None
    expected_retry_at: Time | None = None
    real_retry_at: Time | None = None
    retry_reason: str = ""
    original_reason: str = ""
