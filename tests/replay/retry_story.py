"""The bundled story `log-retry`, played in the simulated cluster: `python -m tests.replay.retry_story fsm/stories`.

A log-start is OOM-killed twice and retried by the companion, the second time after looks at which the task could not
be seen; it streams. Then the program of a log-pause dies after the task was paused, and the Backup is mended.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fsm.environment.beside import Companion
from fsm.environment.server import Item
from fsm.environment.simulation import Author, Simulation, simulation_of
from fsm.model import POLICY_ANNOTATION, Backup, Pod, text_of
from fsm.reference import TidbCluster

NAME, NAMESPACE = "demo-log", "tidb-cluster"
POLICY = {"maxRetryTimes": 3, "minRetryDuration": "1m", "retryTimeout": "1h"}
BACKUP = {
    "apiVersion": "pingcap.com/v1alpha1",
    "kind": "Backup",
    "metadata": {"name": NAME, "namespace": NAMESPACE, "annotations": {POLICY_ANNOTATION: json.dumps(POLICY)}},
    "spec": {
        "backupMode": "log",
        "logSubcommand": "log-start",
        "br": {"cluster": "basic", "clusterNamespace": NAMESPACE},
        "s3": {"bucket": "tidb-backups", "prefix": "demo", "provider": "aws", "region": "us-west-2"},
    },
}
CLUSTER = TidbCluster(NAMESPACE, "basic", tikv_image="pingcap/tikv:v8.5.0")
FILES = {"Backup": "backup-log-retry.jsonl", "Job": "backup-log-retry.jobs.jsonl", "Pod": "backup-log-retry.pods.jsonl"}
VERSIONS = {"Backup": "pingcap.com/v1alpha1", "Job": "batch/v1", "Pod": "v1"}
ACTORS = ("operator", "watch", "worker", "program", "job controller")
"""Who moves by itself, the first of them that can."""


@dataclass
class Play:
    """A cluster with the companion beside it. Everything that can move moves, and then time passes."""

    items: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    companion: Companion = field(default_factory=Companion)
    sees_task: bool = True

    def __post_init__(self) -> None:
        self.cluster: Simulation = simulation_of(Backup.from_json(BACKUP), _never, self._seen, CLUSTER)
        assert self.cluster.server.backup is not None
        self._seen(Item("ADDED", self.cluster.server.backup), None)

    def _seen(self, item: Item, author: Author | None) -> None:
        self.items.append((item.object.kind, item.type, item.object.to_json()))

    # -------------------------------------------------------------- what happens

    def reach(self, step: str) -> None:
        """Let everything move, and time pass, until the program of the only pod is about to do this."""
        while not self._is_at(step):
            if not self._move():
                self.cluster.wait(1)
                self.look()

    def settle(self) -> None:
        """Let everything move until nothing can."""
        while self._move():
            pass

    def _move(self) -> bool:
        moves = self.cluster.moves()
        found = next((moves[actor][0] for actor in ACTORS if moves.get(actor)), None)
        if found is not None:
            self.cluster.make(found)
        return found is not None

    def look(self) -> None:
        """The companion looks, and performs what it has decided."""
        self.companion.look(self.cluster, self.sees_task)
        while self.companion.effects:
            self.companion.perform(self.cluster)

    def wait(self, seconds: int) -> None:
        """Time passes; everybody looks every ten seconds."""
        for _ in range(0, seconds, 10):
            self.cluster.wait(10)
            self.look()
            self.settle()

    def kill(self, reason: str, exit_code: int) -> None:
        """The kubelet says how the container ended; then the Job fails."""
        self.cluster.wait(20)
        (pod,) = self.cluster.pods.values()
        dead = _dead_pod(pod.job, pod.uid, text_of(self.cluster.now.seconds), reason, exit_code)
        self.companion.pods[pod.uid] = Pod.from_json(dead)
        self.items.append(("Pod", "ADDED", dead))
        self.cluster.make(self.cluster.moves()["fault"][0])

    def _is_at(self, step: str) -> bool:
        pods = list(self.cluster.pods.values())
        return len(pods) == 1 and getattr(pods[0].invocation.next, "step", "") == step

    def texts(self) -> dict[str, str]:
        """The watch streams as kubectl prints them, one a kind, by the names of their files."""
        texts = dict.fromkeys(FILES.values(), "")
        for kind, type_, data in self.items:
            item = {"type": type_, "object": {**data, "apiVersion": VERSIONS[kind], "kind": kind}}
            texts[FILES[kind]] += json.dumps(item, separators=(",", ":"), sort_keys=True) + "\n"
        return texts


def _never(what: str) -> bool:
    return False


def _dead_pod(job: str, uid: str, at: str, reason: str, exit_code: int) -> dict[str, Any]:
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job, "uid": uid, "controller": True}
    name = f"{job}-{uid[-5:]}"
    end = {"exitCode": exit_code, "reason": reason, "finishedAt": at}
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"pod-of-{uid}", "ownerReferences": [owner]},
        "status": {"phase": "Failed", "containerStatuses": [{"name": "backup", "state": {"terminated": end}}]},
    }


def log_retry() -> Play:
    """The story."""
    play = Play()
    play.reach("br log-start")
    play.kill("OOMKilled", 137)
    play.reach("br log-start")
    play.kill("OOMKilled", 137)
    play.sees_task = False
    play.wait(180)
    play.sees_task = True
    play.wait(60)
    play.cluster.edit(logSubcommand="log-pause")
    play.reach("br log-pause")
    play.cluster.make(play.cluster.moves()["program"][0])
    play.sees_task = False
    play.kill("Error", 1)
    play.wait(20)
    play.sees_task = True
    play.wait(60)
    return play


if __name__ == "__main__":
    for name, text in log_retry().texts().items():
        (Path(sys.argv[1]) / name).write_text(text)
