"""The TidbCluster that is backed up, as far as the Backup controller looks at it. A value."""

from __future__ import annotations

from dataclasses import dataclass

from fsm.rules import Cluster


@dataclass(frozen=True, slots=True)
class TidbCluster:
    """`ready`: its status has a condition Ready that is True. `tls`: TLS between its components is on."""

    namespace: str
    name: str
    ready: bool = True
    tikv_image: str = ""
    across_k8s: bool = False
    has_tikv: bool = True
    tls: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace, self.name

    @property
    def validated(self) -> Cluster:
        """What the validation of a spec asks."""
        return Cluster(self.tikv_image, self.across_k8s, self.has_tikv)

    @property
    def tikv_version(self) -> str:
        """The tag of the TiKV image, "" where it has none."""
        return self.tikv_image.rpartition(":")[2] if ":" in self.tikv_image else ""
