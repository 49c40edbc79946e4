"""`replay` tells of the recorded stories what happened in them, in all its outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_running import STORIES, Run, process, story

RETRY = story("backup-snapshot-retry", "backup-snapshot-retry.jobs")
OOM = story("backup-logstart-oomkilled-stuck", "job-oomkilled", "job-oomkilled.pods")
PULL = story("job-imagepull", "job-imagepull.pods")


def only(entries: list[Any]) -> Any:
    assert len(entries) == 1
    return entries[0]


# ------------------------------------------------------------------ the answers


def test_the_retry_story_has_its_ten_transitions_at_their_times(run: Run) -> None:
    answer = run("replay", *RETRY, "--output", "json").json
    backup = only(answer["backups"])
    assert [(each["event"], each["at"][11:19]) for each in backup["transitions"]] == [
        ("job_created", "02:00:01"),
        ("pod_preparing", "02:00:12"),
        ("br_started", "02:00:13"),
        ("job_failed", "02:00:43"),
        ("failure_recorded", "02:00:48"),
        ("retry_due", "02:01:50"),
        ("job_created", "02:01:54"),
        ("pod_preparing", "02:02:05"),
        ("br_started", "02:02:06"),
        ("completed", "02:04:20"),
    ]
    assert answer["events"] == 24
    assert answer["problems"] == []
    facts = ("state", "attempt", "retries", "verdict", "since", "unexpected")
    assert [backup[each] for each in facts] == ["complete", 1, 1, "done", "2026-11-22T02:04:20Z", []]
    assert [(job["state"], job["reason"]) for job in answer["jobs"]] == [
        ("gone", "BackoffLimitExceeded"),
        ("succeeded", None),
    ]


@pytest.mark.parametrize("files", [OOM, [OOM[0], OOM[1]], [OOM[0]]], ids=["all", "without the pod", "without the Job"])
def test_a_log_start_killed_for_memory_is_stuck_if_its_job_is_given_and_else_uncertain(
    run: Run, files: list[str]
) -> None:
    answer = run("replay", *files, "--output", "json").json
    backup = only(answer["backups"])
    command = backup["commands"]["log-start"]
    if len(files) == 1:
        assert (backup["verdict"], command["verdict"]) == ("uncertain", "uncertain")
        assert backup["needs"] == ["Job tidb-cluster/backup-demo-log-log-start"]
        return
    assert (backup["verdict"], command["state"], command["verdict"]) == ("stuck", "failed", "stuck")
    assert backup["escape"]
    assert only(answer["jobs"])["cause"] == ("OOMKilled" if len(files) == 3 else None)


@pytest.mark.parametrize(
    ("at", "deadline", "verdict", "until"),
    [
        (None, None, "waiting", "2026-11-22T02:10:01Z"),
        ("2026-11-22T02:30:00Z", None, "stuck", None),
        ("2026-11-22T02:30:00Z", "image-pull=30m", "waiting", "2026-11-22T02:30:01Z"),
        ("2026-11-22T02:30:00Z", "image-pull=1798.5s", "stuck", None),
        ("2026-11-22T02:30:00Z", "image-pull=1799.5s", "waiting", "2026-11-22T02:30:01Z"),
    ],
)
def test_an_image_that_cannot_be_pulled_waits_until_its_deadline(
    run: Run, at: str | None, deadline: str | None, verdict: str, until: str | None
) -> None:
    options = [*(["--at", at] if at else []), *(["--deadline", deadline] if deadline else [])]
    answer = run("replay", *PULL, "--output", "json", *options).json
    job = only(answer["jobs"])
    assert (job["verdict"], job["until"], job["reason"]) == (verdict, until, "ImagePullBackOff")
    assert "pingcap/br:v8.5.22" in job["because"]
    backup = only(answer["backups"])
    assert (backup["verdict"], backup["machine"], backup["state"]) == ("uncertain", None, None)
    assert backup["needs"] == ["Backup tidb-cluster/demo-full"]


def test_a_resumed_log_backup_streams_and_progresses(run: Run) -> None:
    backup = only(run("replay", *story("backup-log-pause-resume"), "-o", "json").json["backups"])
    assert (backup["state"], backup["verdict"], backup["unexpected"]) == ("streaming", "progressing", [])
    assert {name: each["verdict"] for name, each in backup["commands"].items()} == {
        "log-pause": "done",
        "log-resume": "done",
        "log-start": "done",
    }


# ------------------------------------------------------------------ the outputs


def test_jsonl_has_each_transition_as_a_line_and_then_the_same_answer_as_json(run: Run) -> None:
    whole = run("replay", *RETRY, "-o", "json").json
    lines = run("replay", *RETRY, "-o", "jsonl").lines
    backup = only(whole["backups"])
    who = {key: backup[key] for key in ("namespace", "name", "uid")}
    assert lines[:10] == [{"kind": "transition", **who, **each} for each in backup["transitions"]]
    rest = {key: value for key, value in backup.items() if key not in ("transitions", "droppedTransitions")}
    assert lines[10:] == [{"kind": "backup", **rest}, *({"kind": "job", **job} for job in whole["jobs"])]


def test_jsonl_tells_a_problem_where_it_stands_in_the_stream(run: Run) -> None:
    lines = run("replay", *story("job-watch-bookmark-410"), "-o", "jsonl").lines
    assert [line["kind"] for line in lines] == ["problem", "backup", "job"]
    assert (lines[0]["problem"], lines[0]["line"]) == ("gap", 5)


def test_text_tells_every_transition_on_a_line_of_its_own_and_then_the_verdict(run: Run) -> None:
    result = run("replay", *RETRY)
    timeline, report = result.out.split("\n\n", 1)
    assert len(timeline.splitlines()) == 10
    assert timeline.splitlines()[4].split() == [
        "2026-11-22T02:00:48Z",
        "tidb-cluster/demo-full",
        "failure_recorded",
        *("failed", "→", "backoff_waiting"),
        *("attempt", "0", "[not", "timed_out,", "not", "exceeded]"),
    ]
    assert len({line.index(" → ") - len(line.split()[3]) for line in timeline.splitlines()}) == 1  # aligned
    assert "✓ done        the backup is complete" in report
    assert "complete, since 2026-11-22T02:04:20Z, attempt 1, 1 retry" in report
    assert "24 events; 1 backup (1 done); 2 jobs (2 done); nothing unexpected" in report
    assert "\x1b" not in result.out
    assert (result.code, result.err) == (0, "")


def test_verbose_text_says_with_every_transition_what_it_means(run: Run) -> None:
    assert "Recorded; the retry is planned." in run("replay", *RETRY, "-v").out
    assert "Recorded; the retry is planned." not in run("replay", *RETRY).out


def test_text_tells_a_gap_where_it_stands_in_the_timeline(run: Run) -> None:
    first = run("replay", *story("job-watch-bookmark-410")).out.splitlines()[0]
    assert first.startswith("gap ")
    assert "job-watch-bookmark-410.jsonl:5: the watch expired" in first


def test_text_marks_what_was_inferred_and_what_has_no_time_and_says_what_that_means(run: Run, tmp_path: Path) -> None:
    lines = Path(RETRY[0]).read_text().splitlines()
    torn = tmp_path / "torn.jsonl"
    torn.write_text("\n".join([lines[0], lines[-1]]))
    text = run("replay", str(torn)).out
    assert "(inferred) was not seen itself" in text
    pause = run("replay", *story("backup-log-pause-resume")).out
    assert "(at least) the objects do not tell the time" in pause
    assert "(inferred)" not in pause


def test_json_keeps_the_last_transitions_and_says_how_many_were_dropped(run: Run) -> None:
    backup = only(run("replay", *RETRY, "-o", "json", "--transitions", "3").json["backups"])
    assert [each["event"] for each in backup["transitions"]] == ["pod_preparing", "br_started", "completed"]
    assert backup["droppedTransitions"] == 7


def test_jsonl_has_all_transitions_however_few_are_kept(run: Run) -> None:
    lines = run("replay", *RETRY, "-o", "jsonl", "--transitions", "0").lines
    assert len([line for line in lines if line["kind"] == "transition"]) == 10


def test_an_input_without_objects_gives_an_empty_answer_and_says_so(run: Run) -> None:
    result = run("replay", "-", "-o", "json", stdin=b"\n")
    assert result.json == {"events": 0, "problems": [], "backups": [], "jobs": []}
    assert result.code == 0
    assert "no Backup, Job or Pod" in result.err


def test_names_that_are_not_ascii_are_printed_as_they_are(run: Run) -> None:
    text = Path(RETRY[0]).read_text().replace("demo-full", "démo-→")
    backup = only(run("replay", "-", "-o", "json", stdin=text.encode()).json["backups"])
    assert backup["name"] == "démo-→"


def test_control_characters_of_the_input_do_not_reach_a_terminal(run: Run) -> None:
    text = Path(RETRY[0]).read_text().replace("demo-full", "demo\\u001b[2J")
    assert "\x1b" not in run("replay", "-", stdin=text.encode()).out


@pytest.mark.parametrize("output", ["text", "jsonl"])
def test_a_transition_is_told_while_the_input_is_still_open(output: str) -> None:
    lines = Path(RETRY[0]).read_bytes().splitlines(keepends=True)
    started = process("replay", "-", "--output", output)
    assert started.stdin
    assert started.stdout
    started.stdin.write(lines[0] + lines[1])
    started.stdin.flush()
    assert b"job_created" in started.stdout.readline()
    started.communicate(b"".join(lines[2:]), timeout=60)
    assert started.returncode == 0


def test_the_order_of_the_files_does_not_change_the_answer(run: Run) -> None:
    answers = [run("replay", *files, "-o", "json").out for files in (RETRY, RETRY[::-1])]
    assert answers[0] == answers[1]


def test_stdin_is_merged_with_files(run: Run) -> None:
    mixed = run("replay", "-", RETRY[1], "-o", "json", stdin=Path(RETRY[0]).read_bytes())
    assert mixed.out == run("replay", *RETRY, "-o", "json").out


# ------------------------------------------------------------------ findings and the clock


@pytest.mark.parametrize(
    ("files", "more", "code"),
    [
        (OOM, ["--exit-code"], 3),
        (OOM, [], 0),
        (OOM[:1], ["--exit-code"], 0),
        (RETRY, ["--exit-code"], 0),
        (PULL, ["--exit-code", "--at", "2026-11-22T02:30:00Z"], 3),
        (PULL, ["--exit-code"], 0),
        (story("backup-logstart-failed"), ["--exit-code"], 0),
    ],
    ids=["stuck", "not asked", "uncertain", "done", "a stuck Job", "a waiting Job", "failed"],
)
@pytest.mark.parametrize("output", ["text", "json", "jsonl"])
def test_exit_code_3_means_stuck_and_only_where_it_was_asked_for(
    run: Run, files: list[str], more: list[str], code: int, output: str
) -> None:
    assert run("replay", *files, *more, "--output", output).code == code


def test_an_unexpected_transition_is_named_and_is_a_finding(run: Run) -> None:
    lines = Path(RETRY[0]).read_bytes().splitlines()
    wiped = json.loads(lines[3])
    wiped["object"]["status"] = {}
    wiped["object"]["metadata"]["resourceVersion"] = "99999999"
    content = b"\n".join([*lines[:4], json.dumps(wiped).encode()])
    result = run("replay", "-", "--exit-code", "-o", "json", stdin=content)
    assert [(each["source"], each["target"]) for each in only(result.json["backups"])["unexpected"]] == [
        ("running", "pending")
    ]
    assert result.code == 3
    text = run("replay", "-", stdin=content)
    assert "the Backup went from running to pending, and no declared path leads there" in text.out
    assert text.out.endswith("; 1 unexpected\n")
    assert text.code == 0


@pytest.mark.parametrize("output", ["text", "json", "jsonl"])
def test_a_clock_before_the_newest_observed_time_is_refused(run: Run, output: str) -> None:
    result = run("replay", *RETRY, "--at", "2026-11-22T02:04:20Z", "-o", output)
    assert result.code == 2
    assert "--at 2026-11-22T02:04:20Z lies before the newest observed time 2026-11-22T02:04:21Z" in result.err
    assert run("replay", *RETRY, "--at", "2026-11-22T02:04:21Z", "-o", output).code == 0


# ------------------------------------------------------------------ pictures and stories


def test_diagrams_shows_the_path_of_every_backup_that_was_given(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "new" / "pictures"
    result = run("replay", *RETRY, *PULL, "--diagrams", str(out), "--diagram-format", "dot")
    assert [path.name for path in out.iterdir()] == ["tidb-cluster.demo-full.dot"]
    assert "×2" in next(out.iterdir()).read_text()
    assert f"wrote 1 picture into {out}" in result.err


def test_diagrams_come_as_svg_and_whatever_else_is_asked_for(run: Run, tmp_path: Path) -> None:
    run("replay", *RETRY, "-o", "json", "--diagrams", str(tmp_path / "a"))
    assert (tmp_path / "a" / "tidb-cluster.demo-full.svg").read_text().startswith("<svg")
    run("replay", *RETRY, "--diagrams", str(tmp_path / "b"), "--diagram-format", "png", "--diagram-format", "mermaid")
    assert sorted(path.suffix for path in (tmp_path / "b").iterdir()) == [".mmd", ".png"]


def test_pictures_of_backups_with_one_name_stay_apart(run: Run, tmp_path: Path) -> None:
    files = story("backup-log-pause-resume", "backup-log-truncate")
    run("replay", *files, "--diagrams", str(tmp_path), "--diagram-format", "dot")
    assert len(list(tmp_path.iterdir())) == 2


def test_no_name_leads_a_picture_out_of_its_directory(run: Run, tmp_path: Path) -> None:
    text = Path(RETRY[0]).read_text().replace("demo-full", "../../evil/" + "x" * 400)
    out = tmp_path / "a" / "b"
    run("replay", "-", "--diagrams", str(out), "--diagram-format", "dot", stdin=text.encode())
    assert len(list(out.iterdir())) == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == list(out.iterdir())


def test_every_bundled_file_belongs_to_exactly_one_story(run: Run) -> None:
    told = [name for each in run("stories", "-o", "json").json["stories"] for name in each["files"]]
    assert sorted(told) == sorted(path.name.removesuffix(".jsonl") for path in STORIES.glob("*.jsonl"))


def test_all_stories_are_told_one_after_another_each_by_itself(run: Run, tmp_path: Path) -> None:
    names = [each["name"] for each in run("stories", "-o", "json").json["stories"]]
    result = run("replay", "--story", "all", "--diagrams", str(tmp_path), "--diagram-format", "dot")
    assert (result.code, result.err) == (0, f"backup-fsm: wrote 6 pictures into {tmp_path}\n")
    lines = result.out.splitlines()
    titles = [lines[number + 1].split()[0] for number, line in enumerate(lines) if line.startswith("──")]
    assert titles == names
    assert result.out.count("nothing unexpected") == len(names)
    assert sorted(path.name for path in tmp_path.iterdir())[-1] == "snapshot-retry.tidb-cluster.demo-full.dot"


def test_a_story_is_the_same_as_its_files(run: Run) -> None:
    assert run("replay", "--story", "snapshot-retry", "-o", "json").out == run("replay", *RETRY, "-o", "json").out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--story", "nonsense"], "there is no story 'nonsense'; there are snapshot-retry, log-start-oom"),
        (["--story", "deadline", RETRY[0]], "give files or --story, not both"),
        (["--story", "all", "-o", "json"], "--output json tells one story at a time"),
    ],
)
def test_stories_that_cannot_be_told_are_refused(run: Run, arguments: list[str], sentence: str) -> None:
    result = run("replay", *arguments)
    assert result.code == 2
    assert sentence in result.err


def test_stories_are_listed(run: Run) -> None:
    text = run("stories").out
    assert text.splitlines()[0].split() == ["STORY", "WHAT", "HAPPENS"]
    assert "log-start-oom" in text
