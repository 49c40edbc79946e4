"""`stories`: the recorded streams that come with the package, those that belong together side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import as_file, files
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from fsm.cli.options import output_option
from fsm.cli.output import JsonObject, Output

PLACE = files("fsm") / "stories"


class Story(NamedTuple):
    """What happens, and the names of the files that tell it."""

    about: str
    names: tuple[str, ...]

    @contextmanager
    def files(self) -> Iterator[tuple[str, ...]]:
        """The paths of its files, for as long as they are needed."""
        with ExitStack() as stack:
            yield tuple(str(stack.enter_context(as_file(PLACE / f"{name}.jsonl"))) for name in self.names)


def _with_pods(name: str) -> tuple[str, str]:
    return name, f"{name}.pods"


STORIES: dict[str, Story] = {
    "snapshot-retry": Story(
        "A snapshot backup whose first Job fails; the retry completes.",
        ("backup-snapshot-retry", "backup-snapshot-retry.jobs"),
    ),
    "log-start-oom": Story(
        "A log backup whose start Job is killed for memory: nobody notices, it is stuck.",
        ("backup-logstart-oomkilled-stuck", *_with_pods("job-oomkilled")),
    ),
    "log-retry": Story(
        "A log backup under a retry policy: its start is killed for memory twice and retried, a dead pause is mended.",
        ("backup-log-retry", "backup-log-retry.jobs", "backup-log-retry.pods"),
    ),
    "log-pause-resume": Story("A log backup that is started, paused and resumed.", ("backup-log-pause-resume",)),
    "log-truncate": Story("A log backup that is truncated.", ("backup-log-truncate",)),
    "log-start-failed": Story("A log backup whose start is reported as failed.", ("backup-logstart-failed",)),
    "image-pull": Story("A Job whose image cannot be pulled.", _with_pods("job-imagepull")),
    "evicted": Story("A Job whose pod is evicted from its node.", _with_pods("job-evicted")),
    "drained": Story("A Job whose node is drained.", _with_pods("job-drained")),
    "node-lost": Story("A Job whose node is lost: FailureTarget long before Failed.", _with_pods("job-nodelost")),
    "deadline": Story("A Job that runs into its activeDeadlineSeconds.", ("job-deadline",)),
    "success": Story("A Job that succeeds (Kubernetes 1.31 and later).", _with_pods("job-success")),
    "success-1.27": Story("A Job that succeeds on Kubernetes 1.27.", ("job-success.k8s-1.27",)),
    "oom-1.27": Story("A Job killed for memory on Kubernetes 1.27.", ("job-oomkilled.k8s-1.27",)),
    "delete-background": Story("A Job deleted in the background.", ("job-delete-background",)),
    "delete-foreground": Story("A Job deleted in the foreground: it waits for its pods.", ("job-delete-foreground",)),
    "delete-orphan": Story("A Job deleted, its pods left as orphans.", ("job-delete-orphan",)),
    "watch-expired": Story("A watch that expires (410) and is listed anew.", ("job-watch-bookmark-410",)),
    "recorded-failed": Story(
        "Recorded from Kubernetes 1.20: a Job fails and is deleted in the foreground.",
        ("recorded-k8s-1.20.2-job-failed-deleted-foreground", "recorded-k8s-1.20.2-pods"),
    ),
    "recorded-jobs": Story(
        "Recorded from Kubernetes 1.20: Jobs deleted while running, past their deadline, and successful.",
        ("recorded-k8s-1.20.2-delete-running-deadline-success",),
    ),
}
"""Every bundled file is in exactly one story: many tell of the same names, and only within a story of the same uids."""


class StoryName(click.ParamType[str]):
    """The name of a bundled story, or `all`."""

    name = "story"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value != "all" and value not in STORIES:
            self.fail(f"there is no story {value!r}; there are {', '.join(STORIES)}, and all", param, ctx)
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        known = [*STORIES, "all"]
        return [CompletionItem(name) for name in known if name.startswith(incomplete)]


EPILOG = """\b
Examples:
  backup-fsm stories
  backup-fsm replay --story log-start-oom
  backup-fsm replay --story all --diagrams pictures
"""


@click.command("stories", epilog=EPILOG)
@output_option("text", "json")
def command(output: str) -> None:
    """List the recorded stories that come with the package; `replay --story NAME` tells one."""
    shown = Output(data=output == "json")
    if output == "text":
        shown.table(("STORY", "WHAT HAPPENS"), [(name, story.about) for name, story in STORIES.items()])
        return
    answer = JsonObject(shown.raw)
    rows = ({"name": name, "about": story.about, "files": list(story.names)} for name, story in STORIES.items())
    answer.array("stories", rows)
    answer.end()
