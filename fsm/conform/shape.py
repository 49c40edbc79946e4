"""The shapes of a vector's parts (docs/conformance.md): where parsed JSON becomes types. Pure.

Every part is refused unless all of it is known, for a key that nobody reads would make a vector say less than it seems
to. Times are resolved before.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from fsm.errors import InputError, Place
from fsm.model import Backup, Job, Model
from fsm.reference import Etcd, Key, Refused, TidbCluster

T = TypeVar("T")


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """Root of the shapes."""


# ------------------------------------------------------------------ what there is


class ClusterInShort(
    Part, rename={"tikv_image": "tikvImage", "across_k8s": "acrossK8s", "has_tikv": "hasTikv"}, frozen=True
):
    """A TidbCluster, as far as the operator looks at it; what is absent is empty."""

    namespace: str = ""
    name: str = ""
    ready: bool = False
    tikv_image: str = ""
    across_k8s: bool = False
    has_tikv: bool = False
    tls: bool = False

    @property
    def whole(self) -> TidbCluster:
        return TidbCluster(**msgspec.structs.asdict(self))


class Secret(Part, frozen=True):
    """A secret by its keys, each of which has a value."""

    namespace: str
    name: str
    keys: tuple[str, ...] = ()


class Claim(Part, frozen=True):
    """A PersistentVolumeClaim by the storage that it requests."""

    namespace: str
    name: str
    storage: str


class Contents(Part, frozen=True):
    """What the API server or the informers hold; what is UNSET is not said."""

    backup: Backup | UnsetType | None = UNSET
    jobs: tuple[Job, ...] | UnsetType = UNSET
    clusters: tuple[ClusterInShort, ...] | UnsetType = UNSET
    secrets: tuple[Secret, ...] | UnsetType = UNSET
    claims: tuple[Claim, ...] | UnsetType = UNSET

    def over(self, other: Contents) -> Contents:
        """This, and where it says nothing the other."""
        said = {name: value for name, value in msgspec.structs.asdict(self).items() if value is not UNSET}
        return msgspec.structs.replace(other, **said)


class Found(Part, frozen=True):
    """What one get of etcd finds: values, or an error. Bytes are base64 in JSON."""

    values: tuple[bytes, ...] = ()
    error: str = ""


class Task(Part, rename={"last_error": "last-error"}, frozen=True):
    """The log task in PD. `unreachable`: why no etcd client can be made."""

    unreachable: str = ""
    checkpoint: Found = Found()
    info: Found = Found()
    pause: Found = Found()
    last_error: Found = Found()

    @property
    def etcd(self) -> Etcd:
        """The answers to the gets of who has a client."""
        gets = (self.checkpoint, self.info, self.pause, self.last_error)
        return Etcd(*(each.error or each.values for each in gets))


class Given(Part, frozen=True):
    """A vector's beginning."""

    server: Contents = Contents()
    cache: Contents = Contents()
    task: Task = Task()
    storage: frozenset[str] = frozenset()


# ------------------------------------------------------------------ what happens


class Fault(Part, frozen=True):
    """How the API server answers the nth call of a kind in a run. `performed`: it did it all the same."""

    call: Literal["update backups", "create jobs", "delete jobs", "get tidbclusters", "create persistentvolumeclaims"]
    nth: Annotated[int, Meta(ge=1)]
    error: Refused
    message: str
    performed: bool = False


class Run(Part, tag_field="run", frozen=True):
    """Root of the runs: each wakes the operator once."""

    answers: tuple[Fault, ...] = ()


class Event(Run, tag="event", frozen=True):
    """The Backup handler gets the cached object itself, unless another object or a tombstone is given."""

    object: Backup | None = None
    tombstone: bool = False


class JobDeleted(Run, tag="jobDeleted", frozen=True):
    """The Job handler gets a deleted Job, or the tombstone of one."""

    job: Job | None = None
    tombstone: bool = False

    def __post_init__(self) -> None:
        if self.job is None and not self.tombstone:
            raise ValueError("found no job; expected job, or tombstone")


class Sync(Run, tag="sync", frozen=True):
    """A worker syncs the Backup's key."""


class Tick(Run, tag="tick", frozen=True):
    """The Backup's tracker ticks."""


class Measured(Part, rename="camel", frozen=True):
    """What `backupmeta` says: TSOs, and bytes."""

    start_version: int = 0
    end_version: int = 0
    size: int = 0


class Step(Part, frozen=True):
    """What a step of a program outside Kubernetes yields: an error, or what the step is for; nothing by default."""

    error: str | UnsetType = UNSET
    text: str = ""
    metadata: Measured | UnsetType = UNSET
    sizes: tuple[int, int] | UnsetType = UNSET


StepName = Literal[
    "archive",
    "archive size",
    "br",
    "br log-pause",
    "br log-resume",
    "br log-start",
    "br log-stop",
    "br log-truncate",
    "clean data",
    "commit TS",
    "connect",
    "dump",
    "export path",
    "get GC life time",
    "hold",
    "pause GC and schedulers",
    "read metadata",
    "reset GC life time",
    "set GC life time",
    "upload",
    "volume size",
]


class Pod(Run, tag="pod", frozen=True):
    """The program in a Job's pod is called with these arguments. The informer follows what it writes."""

    args: tuple[str, ...] = ()
    steps: dict[StepName, Step] = {}

    def step(self, name: str) -> Step:
        """What a step yields; one that is not named succeeds."""
        return next((step for known, step in self.steps.items() if known == name), Step())


class Changes(Part, frozen=True):
    """What is replaced: of server and cache the keys that are given, of the others all."""

    server: Contents = Contents()
    cache: Contents = Contents()
    task: Task | UnsetType = UNSET
    storage: frozenset[str] | UnsetType = UNSET


class Set(Part, frozen=True):
    """Something changes without the operator."""

    set: Changes


class Refresh(Part, frozen=True):
    """The informers of these catch up with the server."""

    refresh: tuple[Literal["backup", "jobs", "clusters"], ...]


Happening = Event | JobDeleted | Sync | Tick | Pod | Set | Refresh
_RUN = Event | JobDeleted | Sync | Tick | Pod
_KINDS: dict[str, Any] = {"run": _RUN, "set": Set, "refresh": Refresh}


def happening(data: dict[str, Any], path: str) -> Happening:
    """One entry of `when`."""
    shape = next((shape for key, shape in _KINDS.items() if key in data), None)
    if shape is None:
        raise InputError(
            f"found {', '.join(data) or 'nothing'}", expected="run, set or refresh", place=Place(path=path)
        )
    found: Happening = shaped(data, shape, path)
    return found


# ------------------------------------------------------------------ from JSON

_AT = re.compile(r"(.*?)(?: - at (?:`key` in )?`\$\.?(.*)`)?", re.DOTALL)


def shaped(data: Any, shape: Any, path: str = "") -> Any:
    """Parsed JSON as a value of that shape; what does not fit is an InputError with its path."""
    try:
        return msgspec.convert(data, shape, dec_hook=_object)
    except msgspec.ValidationError as error:
        found = _AT.fullmatch(str(error))
        assert found is not None  # both parts may be empty
        inside = ".".join(part for part in (path, found[2]) if part)
        raise InputError(found[1], place=Place(path=inside.replace(".[", "["))) from None


def _object(type_: type[Any], data: Any) -> Any:
    """A Kubernetes object, or a part of one. msgspec adds the path to a ValueError."""
    assert issubclass(type_, Model), f"{type_} is read by msgspec itself"
    if not isinstance(data, dict):
        raise ValueError("Expected `object`")
    try:
        return type_.from_json(data)
    except InputError as error:
        raise ValueError(str(error)) from None


def by_key(parts: tuple[Any, ...]) -> dict[Key, Any]:
    """Secrets, claims or clusters by namespace and name."""
    return {(each.namespace, each.name): each for each in parts}
