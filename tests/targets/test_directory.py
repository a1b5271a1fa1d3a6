"""The folder target: staged and switched; nothing led out of the root, nothing half done, whoever kills it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.delivery import Reloads, apply, contents, file, plan

from capgen.artifact import Artifact
from capgen.errors import Refused, TargetError
from capgen.reconcile.outcome import State
from capgen.reconcile.plan import Action
from capgen.targets import record, tree
from capgen.targets.directory import Directory

# --- killed in between


@pytest.mark.parametrize("renames", [0, 1, 2, 3])
def test_a_run_killed_at_any_rename_is_finished_by_the_next(tmp_path: Path, renames: int, reloads: Reloads) -> None:
    root = tmp_path / "root"
    target = Directory(root, reload=reloads.url)
    old = {"a/rules.yml": "old a\n", "b/rules.yml": "old b\n"}
    apply(target, *(file(path, text) for path, text in old.items()))
    apply(target, *(file(path, text) for path, text in old.items()), file("z/rules.yml", "goes"))
    new = (file("a/rules.yml", "new a\n"), file("b/rules.yml", "new b\n"), file("c/rules.yml", "new c\n"))

    wanted = plan(target, *new)
    child = os.fork()
    if child == 0:
        _die_after_renames(renames)
        target.apply(wanted)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL

    # The record goes first: after n renames, n - 1 files are new, and each is whole.
    switched = {artifact.path: artifact.text for artifact in new[: max(0, renames - 1)]}
    assert contents(root) == {**old, **switched, "z/rules.yml": "goes"}

    reloads.asked.clear()
    outcome = apply(target, *new)
    assert outcome.error() is None, "the killed run's files are capgen's own, and no conflict"
    assert contents(root) == {artifact.path: artifact.text for artifact in new}
    assert not list(root.rglob(f"*{tree.STAGED}"))
    assert reloads.asked == ["/-/reload"]


def _die_after_renames(count: int) -> None:
    rename, left = os.rename, [count]

    def counted(*arguments: object, **options: object) -> None:
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        rename(*arguments, **options)  # type: ignore[arg-type]

    os.rename = counted  # type: ignore[assignment]


def test_killed_before_the_reload_it_is_made_up_for(tmp_path: Path, reloads: Reloads) -> None:
    target = Directory(tmp_path / "root", reload=reloads.url)
    wanted = plan(target, file("a/rules.yml", "a\n"))
    child = os.fork()
    if child == 0:
        _die_after_renames(2)
        Directory(tmp_path / "root").apply(wanted)
        os._exit(0)
    os.waitpid(child, 0)
    assert contents(tmp_path / "root") == {"a/rules.yml": "a\n"}
    assert reloads.asked == []
    assert plan(target, file("a/rules.yml", "a\n")).is_clean
    apply(target, file("a/rules.yml", "a\n"))
    apply(target, file("a/rules.yml", "a\n"))
    assert reloads.asked == ["/-/reload"]


# --- nothing leads out of the root


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../../x",
        "/etc/x",
        "a//x",
        "./x",
        "a/./x",
        "",
        "a\\..\\x",
        "a\0b",
        ".capgen.json",
        ".x.capgen-new",
        "a/",
    ],
)
def test_a_path_that_is_none_under_the_root_is_refused(tmp_path: Path, path: str) -> None:
    target = Directory(tmp_path / "root")
    found = plan(target, file(path, "evil"), file("good.yml", "good"))
    assert {change.key: change.action for change in found.changes} == {path: Action.BLOCKED, "good.yml": Action.CREATE}
    outcome = target.apply(found)
    assert isinstance(outcome.error(), TargetError)
    assert list(tmp_path.rglob("*")) == [], "all or nothing"


def test_a_file_may_not_be_a_folder_as_well(tmp_path: Path) -> None:
    found = plan(Directory(tmp_path), file("a", "x"), file("a/b", "y"))
    assert found.changes[0].action is Action.BLOCKED and "folder" in found.changes[0].reason


@pytest.mark.parametrize("kind", ["folder", "file", "dangling"])
def test_links_are_not_followed(tmp_path: Path, kind: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "a").mkdir(parents=True)
    outside.mkdir()
    (outside / "rules.yml").write_text("theirs")
    match kind:
        case "folder":
            (root / "a").rmdir()
            (root / "a").symlink_to(outside)
        case "file":
            (root / "a/rules.yml").symlink_to(outside / "rules.yml")
        case "dangling":
            (root / "a/rules.yml").symlink_to(outside / "new.yml")
    target = Directory(root)
    found = plan(target, file("a/rules.yml", "mine"))
    assert [change.action for change in found.changes] == [Action.BLOCKED]
    assert "link" in found.changes[0].reason
    assert target.apply(found).results[0].state is State.FAILED
    assert contents(outside) == {"rules.yml": "theirs"}


def test_a_link_put_there_after_the_plan_is_not_followed_either(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    target = Directory(root)
    found = plan(target, file("a/rules.yml", "mine"), file("b/rules.yml", "mine"))
    root.mkdir()
    (root / "b").symlink_to(outside)
    with pytest.raises(TargetError, match="links are not followed"):
        target.apply(found)
    assert list(outside.iterdir()) == []
    assert not list(root.rglob("*rules*")), "what was staged for the others is taken back"


# --- all or nothing


def test_one_foreign_file_in_the_way_keeps_everything_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text("theirs")
    target = Directory(tmp_path)
    outcome = apply(target, file("a.yml", "mine"), file("b.yml", "mine"))
    assert [result.state for result in outcome.results] == [State.NOT_TRIED, State.CONFLICT]
    assert contents(tmp_path) == {"b.yml": "theirs"}
    assert type(outcome.error()) is TargetError and "did not write this file" in str(outcome.error())


def test_a_file_with_the_wanted_content_is_taken_note_of(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("same")
    target = Directory(tmp_path)
    assert apply(target, file("a.yml", "same")).error() is None
    assert [change.action for change in plan(target, file("a.yml", "new")).changes] == [Action.UPDATE]


def test_a_file_changed_since_the_plan_stops_the_whole_plan(tmp_path: Path) -> None:
    target = Directory(tmp_path)
    apply(target, file("a.yml", "1"), file("b.yml", "1"))
    found = plan(target, file("a.yml", "2"), file("b.yml", "2"))
    (tmp_path / "b.yml").write_text("edited meanwhile")
    with pytest.raises(Refused, match=r"b\.yml changed since the plan"):
        target.apply(found)
    assert contents(tmp_path) == {"a.yml": "1", "b.yml": "edited meanwhile"}


def test_a_leftover_that_somebody_edited_is_told_and_left(tmp_path: Path) -> None:
    target = Directory(tmp_path)
    apply(target, file("apm/a.yml", "1"), file("apm/c.yml", "1"), file("web/a.yml", "1", service="web"))
    (tmp_path / "apm/a.yml").write_text("by hand")
    found = plan(target, file("apm/b.yml", "1"))
    assert {change.key: change.action for change in found.changes} == {
        "apm/b.yml": Action.CREATE, "apm/a.yml": Action.EXTRA, "apm/c.yml": Action.DELETE,
    }  # fmt: skip
    assert "edited" in found.of(Action.EXTRA)[0].reason
    target.apply(found)
    assert set(contents(tmp_path)) == {"apm/a.yml", "apm/b.yml", "web/a.yml"}


def test_a_second_writer_waits_for_nothing_and_says_so(tmp_path: Path) -> None:
    import fcntl

    target = Directory(tmp_path)
    found = plan(target, file("a.yml", "1"))
    held = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        with pytest.raises(TargetError, match="another capgen is writing"):
            target.apply(found)
    finally:
        os.close(held)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(("umask", "plain", "script"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700)])
def test_files_have_the_umask_s_rights_and_scripts_may_run(tmp_path: Path, umask: int, plain: int, script: int) -> None:
    previous = os.umask(umask)
    try:
        apply(Directory(tmp_path), file("a.yml", "x\n"), file("jobs/run.sh", "#!/bin/sh\n"))
    finally:
        os.umask(previous)
    assert (tmp_path / "a.yml").stat().st_mode & 0o777 == plain
    assert (tmp_path / "jobs/run.sh").stat().st_mode & 0o777 == script


@pytest.mark.parametrize("where", ["root", "folder", "new root"])
def test_without_the_right_to_write_it_says_so_and_changes_nothing(tmp_path: Path, where: str) -> None:
    root = tmp_path / "root"
    (root / "apm").mkdir(parents=True)
    (root / "apm/a.yml").write_text("theirs")
    tmp_path.chmod(0o755)
    for folder in (tmp_path, root, root / "apm"):
        folder.chmod(0o555)
    if where == "folder":
        root.chmod(0o777)
    target = Directory(tmp_path / "new" if where == "new root" else root)
    message = _as_nobody(
        tmp_path, lambda: str(_error_of(target, *(file(path, "mine") for path in ("a.yml", "apm/b.yml", "c.yml"))))
    )
    for folder in (tmp_path, root, root / "apm"):
        folder.chmod(0o755)
    assert "Permission denied" in message and "nothing was changed" in message, message
    assert contents(tmp_path) == {"root/apm/a.yml": "theirs"}
    assert not list(tmp_path.rglob(f"*{tree.STAGED}")), "what was staged before is taken back"


def _error_of(target: Directory, *desired: Artifact) -> Exception | None:
    try:
        return apply(target, *desired).error()
    except TargetError as error:
        return error


def _as_nobody(folder: Path, work: Callable[[], str]) -> str:
    """What a function returns in a child process without root's rights."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                # pytest's temporary folders are the user's own; only what is below counts here.
                inside = [p for p in folder.parents if "pytest" in str(p)]
                for parent in inside:
                    with contextlib.suppress(OSError):
                        parent.chmod(parent.stat().st_mode | 0o055)
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            os.write(into, work().encode())
        except BaseException as error:
            os.write(into, repr(error).encode())
        os._exit(0)
    os.close(into)
    os.waitpid(child, 0)
    with os.fdopen(out) as pipe:
        return pipe.read()


def test_a_record_that_cannot_be_read_stops_everything(tmp_path: Path) -> None:
    target = Directory(tmp_path)
    apply(target, file("a.yml", "1"))
    (tmp_path / record.NAME).write_text("<<<<<<< merge")
    with pytest.raises(TargetError, match="cannot be read"):
        plan(target, file("a.yml", "2"))
    assert (tmp_path / "a.yml").read_text() == "1"


def test_a_record_names_no_time_and_no_place(tmp_path: Path) -> None:
    texts = []
    for name in ("one", "two"):
        target = Directory(tmp_path / name)
        apply(target, file("b.yml", "1"))
        apply(target, file("a.yml", "1"))
        texts.append((tmp_path / name / record.NAME).read_text())
    assert texts[0] == texts[1]
    assert str(tmp_path) not in texts[0]
