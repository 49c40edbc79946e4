"""The program in the Job's pod, as the writer of the status that it is (operator-semantics 8).

It reads the Backup from an informer of its own and writes through the same updater as the operator. What it does
outside Kubernetes is a `Perform` call: TiDB, br, the storage. How a program ends is its exit code: `done` is 0.
"""

from fsm.reference.pod.arguments import Arguments, arguments_of_pod
from fsm.reference.pod.backup import storage_path
from fsm.reference.pod.program import program_of
from fsm.reference.pod.steps import Metadata

__all__ = ["Arguments", "Metadata", "arguments_of_pod", "program_of", "storage_path"]
