"""The PersistentVolumeClaim of an export (operator-semantics 4.8): named after TiDB's address, made where it is absent,
never resized."""

from __future__ import annotations

import re
from decimal import Decimal

from fsm.model import Backup
from fsm.reference.calls import CachedClaim, CreateClaim
from fsm.reference.program import CallError, Program, ReasonedError, where

DEFAULT_SIZE = "100Gi"
DEFAULT_PORT = 4000

_SAFE = "bcdfghjklmnpqrstvwxz2456789"
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?")
_FACTORS = {
    "": Decimal(1),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", 1)},
    **{suffix: Decimal(1000) ** -power for power, suffix in enumerate("mun", 1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", 1)},
}


def ensure_claim(backup: Backup) -> Program[None]:
    """Make the claim; one that is there must be large enough."""
    asked = backup.spec.storage_size or DEFAULT_SIZE
    size = quantity(asked)
    if size is None:
        text = f"backup {where(backup)} parse storage size {DEFAULT_SIZE} failed, err: "
        raise ReasonedError("ParseStorageSizeFailed", text)
    key = (backup.metadata.namespace, claim_name(backup))
    try:
        found: str | None = yield CachedClaim(key)
    except CallError as error:
        raise ReasonedError("GetPVCFailed", f"backup {where(backup)} get pvc {key[1]} failed, err: {error}") from None
    if found is None:
        yield from _create(backup, key, asked)
    elif (quantity(found) or 0) < size:
        text = (
            f"{where(backup)}'s backup pvc {key[1]}'s storage size {found} is less than expected storage size {asked}"
        )
        raise ReasonedError("PVCStorageSizeTooSmall", f"{text}, please delete old pvc to continue")


def _create(backup: Backup, key: tuple[str, str], size: str) -> Program[None]:
    try:
        yield CreateClaim(key, size)
    except CallError as error:
        text = f"backup {where(backup)} create backup pvc {key[1]} failed, err: {error}"
        raise ReasonedError("CreatePVCFailed", text) from None


def quantity(text: str) -> Decimal | None:
    """The number that a Kubernetes quantity says, or None where it is none."""
    found = _QUANTITY.fullmatch(text)
    if found is None:
        return None
    suffix = found[2] or ""
    factor = Decimal(f"1{suffix}") if suffix[:1] in {"e", "E"} and len(suffix) > 1 else _FACTORS.get(suffix)
    return None if factor is None else Decimal(found[1]) * factor


def claim_name(backup: Backup) -> str:
    """`backup-pvc-` and a hash of host and port: the 32 bits of FNV-1 in decimal, in letters that spell no word."""
    access = backup.spec.from_
    assert access is not None, "validation lets no export pass without spec.from"
    hashed = 2166136261
    for byte in f"{access.host}_{access.port or DEFAULT_PORT}".encode():
        hashed = (hashed * 16777619 & 0xFFFFFFFF) ^ byte
    return "backup-pvc-" + "".join(_SAFE[ord(digit) % len(_SAFE)] for digit in str(hashed))
