"""A folder as a target: a host's Prometheus, Grafana and cron files, or a checkout that is delivered from.

Applying is staged: every file is written beside its place, the whole is checked, and only then are they renamed.
Nothing is written when one file of the plan is in the way, since half a configuration is worse than the old one.
A file that capgen did not write, or that was edited since, is a conflict and is left alone.
"""

from __future__ import annotations

import fcntl
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from capgen.artifact import Artifact
from capgen.errors import Refused, TargetError
from capgen.reconcile import kustomization
from capgen.reconcile.outcome import Outcome, Result, State
from capgen.reconcile.plan import Action, Change, Plan
from capgen.reconcile.target import LeftFile, LiveFile, LiveFiles
from capgen.targets import prometheus, record, tree
from capgen.targets.record import Record, Written

_FOREIGN = "capgen did not write this file: move it away or delete it, then apply again"
_EDITED = "the file was edited since capgen wrote it: take the edit into the spec or delete the file, then apply again"

NAMED = (
    f"{kustomization.FILE} names it, and neither Argo CD, Flux nor kubectl takes a folder in which it is missing: take its spec away "
    "where it has one, and apply all specs of the project"
)

_ENDS = {Action.CREATE: State.CREATED, Action.UPDATE: State.UPDATED, Action.DELETE: State.DELETED}

Check = Callable[[Path, Mapping[str, bytes]], tuple[str, ...]]
"""(root, new files) -> what speaks against switching; () when nothing does."""


class Directory(Struct, frozen=True):
    """`reload` is POSTed to once after files were switched; "" for a folder nobody has to be told about."""

    root: Path
    reload: str = ""
    reload_seconds: float = 30
    alertmanager: str = ""
    """As `reload`, for the Alertmanager beside Prometheus."""
    check: Check = prometheus.check_tree
    environment: str = ""
    """Whose delivery it is; "" where nobody asks."""
    project: str = ""
    """What its project calls itself; "" where it has no name."""

    @property
    def name(self) -> str:
        """The folder, as it was given."""
        return str(self.root)

    def place(self) -> Mapping[str, str]:
        """The folder, as it was given: a plan for a checkout is good in every copy of it."""
        return {"root": str(self.root)}

    def read(self, desired: Iterable[Artifact], services: Collection[str] = (), *, whole: bool = False) -> LiveFiles:
        """What stands at the artifacts' places, and what is left of earlier deliveries of their services.

        `services` are looked at beside those of the artifacts. Raises TargetError when the root cannot be read.
        """
        del whole  # a file is compared as it is
        desired = tuple(desired)
        unusable = _path_problems(desired)
        try:
            with tree.opened(self.root) as root:
                written = record.load(tree.read(root, record.NAME))
                declared = {a.service for a in desired} - {""}
                everything, shared = written.whose(self.environment, declared, self.project)
                theirs = _of_others(desired, everything, shared)
                found = _read(root, desired, services, written, theirs | unusable, everything)
                found = replace(found, extra=_not_to_be_missed(root, desired, found.extra))
                return replace(found, reload_due=written.reload_due and bool(self._reloads))
        except FileNotFoundError:
            return LiveFiles(blocked=unusable)
        except (OSError, tree.Unusable) as error:
            raise TargetError(f"{self.root} cannot be read: {_why(error)}") from error

    def rehearse(self, plan: Plan) -> Plan:
        """The plan with its writes blocked when promtool or amtool refuse the folder they would make."""
        problems = self.check(self.root, _new_files(plan))
        if not problems:
            return plan
        reason = "\n".join(problems)
        return replace(plan, changes=tuple(
            replace(change, action=Action.BLOCKED, reason=reason) if change.writes else change
            for change in plan.changes
        ))  # fmt: skip

    def apply(self, plan: Plan) -> Outcome:
        """Writes what the plan says, all or nothing, and reloads once.

        Raises Refused when the check says no or the folder is not as planned any more, and TargetError when
        nothing could be written.
        """
        if plan.of(Action.CONFLICT, Action.BLOCKED):
            return Outcome(self.name, tuple(_untried(change) for change in plan.changes if _counts(change)))
        try:
            if not any(change.writes for change in plan.changes) and not self.root.is_dir():
                return Outcome(self.name, ())
            self.root.mkdir(parents=True, exist_ok=True)
            with tree.opened(self.root) as root:
                _lock(root, self.root)
                return self._apply(root, plan)
        except (OSError, tree.Unusable) as error:
            raise TargetError(f"nothing was changed in {self.root}: {_why(error)}") from error

    def wait(self, plan: Plan, outcome: Outcome, seconds: float) -> Outcome:
        """As it is: a file is there when it was switched, and a reload has its own time and its own result."""
        del plan, seconds
        return outcome

    def _apply(self, root: int, plan: Plan) -> Outcome:
        """The story of one apply; the folder is ours alone meanwhile."""
        before = record.load(tree.read(root, record.NAME))
        new, writes = _new_files(plan), any(change.writes for change in plan.changes)
        _refuse_stale(root, plan)
        if problems := self.check(self.root, new):
            raise Refused("\n".join((f"nothing was changed in {self.root}", *problems)))
        whose = (
            {"environment": self.environment, "project": self.project or before.project}
            if writes
            else {"environment": before.environment, "project": before.project}
        )
        after = replace(_record_after(before, plan), **whose)
        _stage_all(root, {**new, record.NAME: record.dump(_while_switching(before, after))} if writes else {})
        results, problems = _switch_all(root, plan) if writes else (_unchanged(plan), ())
        due = before.reload_due or writes
        if due and self._reloads and not problems:
            problems = self._reload()
        after = replace(after, reload_due=due and bool(self._reloads) and bool(problems))
        if not any(result.state in (State.FAILED, State.NOT_TRIED) for result in results):
            _write_record(root, before if not writes else None, after)
        return Outcome(self.name, results, problems, prometheus.unchecked(self.root, new))

    @property
    def _reloads(self) -> tuple[str, ...]:
        return tuple(url for url in (self.reload, self.alertmanager) if url)

    def _reload(self) -> tuple[str, ...]:
        problems = []
        for url in self._reloads:
            try:
                prometheus.reload(url, seconds=self.reload_seconds)
            except TargetError as error:
                problems.append(f"the files are in place and the reload failed: {error}; the next apply tries it again")
        return tuple(problems)


def _of_others(desired: Sequence[Artifact], everything: str, shared: str) -> dict[str, str]:
    """Path -> why it is not this delivery's to write."""
    reasons = {artifact.path: everything or ("" if artifact.service else shared) for artifact in desired}
    return {path: f"{path} stays: {why}" for path, why in reasons.items() if why}


def _path_problems(desired: Sequence[Artifact]) -> dict[str, str]:
    """Path -> why it cannot be used, by itself or beside the others."""
    paths = [artifact.path for artifact in desired]
    folders = {path[: path.index("/", at)] for path in paths for at in _slashes(path)}
    problems, times = {}, Counter(paths)
    for path in times:
        if problem := tree.path_problem(path):
            problems[path] = problem
        elif path == record.NAME or times[path] > 1:
            problems[path] = f"{path} is wanted twice" if path != record.NAME else f"capgen keeps its record in {path}"
        elif path in folders:
            problems[path] = f"{path} is wanted as a file and as a folder"
    return problems


def _slashes(path: str) -> Iterable[int]:
    return (at for at, character in enumerate(path) if character == "/")


def _read(
    root: int,
    desired: Sequence[Artifact],
    others: Collection[str],
    written: Record,
    unusable: Mapping[str, str],
    foreign: str,
) -> LiveFiles:
    """`foreign` is why nothing here is this delivery's, "" if it may be."""
    found: dict[str, LiveFile] = {}
    blocked = dict(unusable)
    for artifact in desired:
        if artifact.path in blocked:
            continue
        try:
            content = tree.read(root, artifact.path)
        except tree.Unusable as error:
            blocked[artifact.path] = str(error)
            continue
        if content is not None:
            obstacle = _obstacle(written.files.get(artifact.path), content)
            text = content.decode("utf-8", "surrogateescape")
            # What is as it is wanted is kept once.
            found[artifact.path] = LiveFile(artifact.text if text == artifact.text else text, obstacle)
    wanted, services = {a.path for a in desired}, {a.service for a in desired} | set(others)
    mine = {path: entry for path, entry in written.files.items() if entry.service in services}
    left = {path: _left(root, path, entry) for path, entry in mine.items() if path not in wanted}
    extra = {path: replace(file, obstacle=foreign or file.obstacle) for path, file in left.items() if file is not None}
    everybody = frozenset(entry.service for entry in written.files.values())
    return LiveFiles(found, blocked, extra, len(mine), everybody)


def _not_to_be_missed(root: int, desired: Sequence[Artifact], extra: Mapping[str, LeftFile]) -> Mapping[str, LeftFile]:
    """What is left over, kept where the kustomization that stays names it: nobody takes a folder in which it is missing."""
    if kustomization.FILE in extra or any(artifact.path == kustomization.FILE for artifact in desired):
        return extra
    content = tree.read(root, kustomization.FILE) or b""
    named = kustomization.resources(content.decode("utf-8", "surrogateescape"))
    return {p: replace(file, obstacle=file.obstacle or NAMED) if p in named else file for p, file in extra.items()}


def _obstacle(entry: Written | None, content: bytes) -> str:
    if entry is None:
        return _FOREIGN
    return "" if record.digest(content) in entry.digests else _EDITED


def _left(root: int, path: str, entry: Written) -> LeftFile | None:
    """A file of an earlier delivery, None when it is gone already."""
    if tree.path_problem(path):
        return None
    try:
        content = tree.read(root, path)
    except tree.Unusable as error:
        return LeftFile(entry.service, "", str(error))
    if content is None:
        return None
    edited = "" if record.digest(content) in entry.digests else "it was edited since capgen wrote it"
    return LeftFile(entry.service, content.decode("utf-8", "surrogateescape"), edited)


def _new_files(plan: Plan) -> dict[str, bytes]:
    return {change.key: _content(change) for change in plan.of(Action.CREATE, Action.UPDATE)}


def _content(change: Change) -> bytes:
    return str(change.after).encode("utf-8", "surrogateescape")


def _refuse_stale(root: int, plan: Plan) -> None:
    """The plan says what stood there; a file that somebody changed since is not what was approved."""
    for change in plan.changes:
        if not change.writes:
            continue
        content = tree.read(root, change.key)
        before = None if change.before is None else str(change.before).encode("utf-8", "surrogateescape")
        if content != before:
            raise Refused(f"{change.key} changed since the plan was made; nothing was changed: plan again")


def _stage_all(root: int, files: Mapping[str, bytes]) -> None:
    """Writes every file beside its place; takes all of them back when one cannot be written."""
    staged: list[str] = []
    try:
        for path, content in files.items():
            staged.append(path)
            tree.stage(root, path, content)
    except BaseException:
        for path in staged:
            tree.discard(root, path)
        raise


def _switch_all(root: int, plan: Plan) -> tuple[tuple[Result, ...], tuple[str, ...]]:
    """Renames the staged files, the record first: a run that is killed here knows old and new as its own."""
    tree.switch(root, record.NAME)
    results: list[Result] = []
    failed = ""
    for change in plan.changes:
        if not _counts(change):
            continue
        if not change.writes:
            results.append(Result(change.key, State.UNCHANGED))
        elif failed:
            tree.discard(root, change.key)
            results.append(Result(change.key, State.NOT_TRIED, f"after {failed} could not be switched"))
        else:
            try:
                (tree.remove if change.action is Action.DELETE else tree.switch)(root, change.key)
            except tree.Unusable as error:
                failed = change.key
                tree.discard(root, change.key)
                results.append(Result(change.key, State.FAILED, str(error)))
            else:
                results.append(Result(change.key, _ENDS[change.action]))
    return tuple(results), (f"{failed} could not be switched",) if failed else ()


def _record_after(before: Record, plan: Plan) -> Record:
    """Everything capgen wrote so far, with the plan's files as they will be (those that are right already too)."""
    gone = {change.key for change in plan.of(Action.DELETE)}
    mine = {
        change.key: Written(change.service, (record.digest(_content(change)),))
        for change in plan.changes
        if change.action in (Action.CREATE, Action.UPDATE, Action.UNCHANGED)
    }
    return Record({**{path: entry for path, entry in before.files.items() if path not in gone}, **mine})


def _while_switching(before: Record, after: Record) -> Record:
    """Both states of each file, what goes as well, with the reload marked as due."""
    files = {**before.files} | {
        path: replace(entry, digests=tuple(sorted({*entry.digests, *before.files.get(path, entry).digests})))
        for path, entry in after.files.items()
    }
    return replace(after, files=files, reload_due=True)


def _write_record(root: int, standing: Record | None, wanted: Record) -> None:
    if wanted != standing:
        tree.stage(root, record.NAME, record.dump(wanted))
        tree.switch(root, record.NAME)


def _lock(root: int, shown: Path) -> None:
    try:
        fcntl.flock(root, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise TargetError(f"another capgen is writing to {shown}; try again when it is done") from error


def _counts(change: Change) -> bool:
    return change.action is not Action.EXTRA


def _unchanged(plan: Plan) -> tuple[Result, ...]:
    return tuple(Result(change.key, State.UNCHANGED) for change in plan.changes if _counts(change))


def _untried(change: Change) -> Result:
    match change.action:
        case Action.CONFLICT:
            return Result(change.key, State.CONFLICT, change.reason, change.fields)
        case Action.BLOCKED:
            return Result(change.key, State.FAILED, change.reason)
        case Action.UNCHANGED:
            return Result(change.key, State.UNCHANGED)
        case _:
            return Result(change.key, State.NOT_TRIED, "files are written all together or not at all")


def _why(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
