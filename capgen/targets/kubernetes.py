"""An API server as a target: read by one list a kind, written by server-side apply, never by force.

The only module that imports the Kubernetes client, and only for what it is good at: turning a kubeconfig into
an authenticated connection pool. What is unchanged costs no request; what is changed costs one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from capgen.artifact import Artifact
from capgen.errors import TargetError
from capgen.naming import MANAGER
from capgen.reconcile.compare import compare_whole
from capgen.reconcile.kinds import KINDS
from capgen.reconcile.manifest import Manifest, read_manifests
from capgen.reconcile.order import missing_for, waves
from capgen.reconcile.outcome import Outcome, Result, State
from capgen.reconcile.plan import Action, Change, Document, Plan, Verdict
from capgen.reconcile.target import LiveObjects
from capgen.targets import kubeconfig
from capgen.targets.listing import collection, list_objects, quoted
from capgen.targets.refusal import Why, refusal
from capgen.targets.wire import Answer, Login, Wire, encode

PAGE = 500
_AT_ONCE = 8
_PATCH = "application/apply-patch+yaml"
_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True)
class Cluster:
    """`namespace` is where objects go that name none; `seconds` is the time for one of the three verbs."""

    name: str
    namespace: str
    wire: Wire
    seconds: float = 300
    page: int = PAGE

    def read(self, desired: Sequence[Artifact]) -> LiveObjects:
        """The live objects, by one paged list a kind and namespace.

        What cannot be read is blocked with the reason. Raises TargetError when the server does not answer or
        does not know the user, and Findings for what is no manifest.
        """
        self.wire.begin(self.seconds)
        manifests = read_manifests(desired, self.namespace)
        scopes = sorted({(m.kind.name, m.namespace) for m in manifests if not m.obstacle})
        listed = _at_once(lambda scope: list_objects(self.wire, KINDS[scope[0]], scope[1], self.page), scopes)
        by_scope = dict(zip(scopes, listed, strict=True))
        found: dict[str, Document] = {}
        blocked: dict[str, str] = {}
        for manifest in manifests:
            standing = by_scope.get((manifest.kind.name, manifest.namespace), {})
            if isinstance(standing, str):
                blocked[manifest.key] = standing
            elif manifest.name in standing:
                found[manifest.key] = standing[manifest.name]
        unread = found.keys() | blocked.keys()
        missing = [m for m in manifests if m.key not in unread and m.kind.namespaced and not m.obstacle]
        blocked |= self._homeless(missing, {m.name for m in manifests if m.kind.name == "Namespace"})
        return LiveObjects(self.namespace, found, blocked)

    def rehearse(self, plan: Plan) -> Plan:
        """The plan with what a server-side dry run says of each change; estimated where the user may not ask."""
        self.wire.begin(self.seconds)
        asked = plan.of(Action.CREATE, Action.UPDATE, Action.CONFLICT)
        created = {change.key for change in asked if change.kind == "Namespace" and change.action is Action.CREATE}
        asked = tuple(change for change in asked if f"Namespace/{_home(change)}" not in created)
        # One of a kind goes first: whoever may not ask for it may not ask for the others either.
        first = {(change.kind, _home(change)): change for change in reversed(asked)}
        firsts = list(first.values())
        seen = dict(zip((c.key for c in firsts), _at_once(self._ask, firsts), strict=True))
        answers = {scope: seen[change.key] for scope, change in first.items()}
        refused = {scope: change.reason for scope, change in answers.items() if change.verdict is Verdict.ESTIMATED}
        rest = [c for c in asked if c.key not in seen and (c.kind, _home(c)) not in refused]
        alike = [c for c in asked if c.key not in seen and (c.kind, _home(c)) in refused]
        seen |= {c.key: replace(c, reason=c.reason or refused[c.kind, _home(c)]) for c in alike}
        seen |= dict(zip((c.key for c in rest), _at_once(self._ask, rest), strict=True))
        return replace(plan, changes=tuple(seen.get(change.key, change) for change in plan.changes))

    def apply(self, plan: Plan) -> Outcome:
        """Applies what the plan creates and updates, in order; what does not depend on a failure goes on."""
        self.wire.begin(self.seconds)
        results: dict[str, Result] = {}
        failed: list[Change] = []
        for wave in waves(plan):
            ended = _at_once(partial(self._carry_out, failed=tuple(failed)), wave)
            results |= {result.key: result for result in ended}
            failed += [change for change, result in zip(wave, ended, strict=True) if _is_open(result)]
        unknown = plan.of(Action.BLOCKED)
        results |= {c.key: Result(c.key, State.FAILED, c.reason) for c in unknown if c.key not in results}
        return Outcome(self.name, tuple(results[c.key] for c in plan.changes if c.key in results))

    def _ask(self, change: Change) -> Change:
        """A change as the server's dry run sees it."""
        try:
            answer = self._patch(change, {"dryRun": "All"})
        except TargetError as error:
            return replace(change, reason=str(error))
        refused = refusal(change, answer)
        if refused is None:
            return _exact(change, answer.document)
        match refused.why:
            case Why.CONFLICT:
                return replace(
                    change, action=Action.CONFLICT, verdict=Verdict.EXACT, fields=refused.fields, reason=refused.reason
                )
            case Why.REFUSED | Why.STALE:
                return replace(change, action=Action.BLOCKED, verdict=Verdict.EXACT, reason=refused.reason)
            case _:
                return replace(change, reason=change.reason or f"not asked of the server: {refused.reason}")

    def _carry_out(self, change: Change, failed: tuple[Change, ...]) -> Result:
        match change.action:
            case Action.UNCHANGED:
                return Result(change.key, State.UNCHANGED)
            case Action.CONFLICT:
                return Result(change.key, State.CONFLICT, change.reason, change.fields)
            case Action.BLOCKED:
                return Result(change.key, State.FAILED, change.reason)
        if needed := missing_for(change, failed):
            return Result(change.key, State.NOT_TRIED, f"needs {needed}, which was not applied")
        if self.wire.is_over:
            return Result(change.key, State.NOT_TRIED, f"the {self.seconds:g} s for this run were over")
        try:
            answer = self._patch(change, {})
        except TargetError as error:
            return Result(change.key, State.FAILED, str(error))
        if refused := refusal(change, answer):
            state = State.CONFLICT if refused.why is Why.CONFLICT else State.FAILED
            return Result(change.key, state, refused.reason, refused.fields)
        if answer.status == 201:
            return Result(change.key, State.CREATED)
        same = _meta(answer.document, "resourceVersion") == _meta(change.before, "resourceVersion")
        return Result(change.key, State.UNCHANGED if same else State.UPDATED)

    def _patch(self, change: Change, query: Mapping[str, str]) -> Answer:
        """Server-side apply of one object: no force, unknown fields refused, and the very object that was read."""
        document = _object(change.after)
        metadata = dict(document["metadata"])
        if uid := _meta(change.before, "uid"):
            metadata["uid"] = uid
        path = f"{collection(KINDS[change.kind], metadata.get('namespace', ''))}/{quoted(metadata['name'])}"
        asked = {"fieldManager": MANAGER, "fieldValidation": "Strict", **query}
        return self.wire.request("PATCH", path, asked, encode({**document, "metadata": metadata}), _PATCH)

    def _homeless(self, missing: Iterable[Manifest], created: set[str]) -> dict[str, str]:
        """Why objects cannot be created whose namespace is not there; nothing when the user may not look."""
        homes: dict[str, list[str]] = {}
        for manifest in missing:
            if manifest.namespace not in created:
                homes.setdefault(manifest.namespace, []).append(manifest.key)
        answers = _at_once(lambda home: self.wire.request("GET", f"/api/v1/namespaces/{quoted(home)}", {}), list(homes))
        blocked: dict[str, str] = {}
        for (home, keys), answer in zip(homes.items(), answers, strict=True):
            if answer.status == 404:
                blocked |= dict.fromkeys(keys, f"the namespace {home} does not exist: create it first")
            elif answer.status == 200 and _meta(answer.document, "deletionTimestamp"):
                blocked |= dict.fromkeys(keys, f"the namespace {home} is being deleted: wait, and create it again")
        return blocked


def connect(access: kubeconfig.Access, namespace: str = "", *, seconds: float = 300) -> Cluster:
    """A cluster to deliver to; objects that name no namespace go to `namespace`, else to the context's.

    Nothing is sent, and no credential plugin is run, before the first verb.
    """
    home = namespace or access.namespace or "default"
    return Cluster(f"the cluster of context {access.context}", home, Wire(lambda: log_in(access)), seconds)


def identity(cluster: Cluster) -> str:
    """The UID of the namespace kube-system, which no two clusters share. Raises TargetError when it cannot be read."""
    cluster.wire.begin(cluster.seconds)
    answer = cluster.wire.request("GET", "/api/v1/namespaces/kube-system", {})
    uid = answer.document.get("metadata", {}).get("uid") if answer.status == 200 else None
    if not isinstance(uid, str):
        raise TargetError(f"{cluster.name} does not say which cluster it is: {answer.message}")
    return uid


def log_in(access: kubeconfig.Access) -> Login:
    """A connection pool with the context's certificates and credentials. Raises TargetError, never asks as nobody."""
    import kubernetes  # half a second
    import kubernetes.config

    client: Any = kubernetes.client
    config: Any = kubernetes.config

    user = kubeconfig.with_credentials(access)
    named = {"cluster": "it", "user": "me"} if user.user else {"cluster": "it"}
    document = {
        "current-context": access.context,
        "contexts": [{"name": access.context, "context": named}],
        "clusters": [{"name": "it", "cluster": dict(user.cluster)}],
        "users": [{"name": "me", "user": dict(user.user)}] if user.user else [],
    }
    configuration = client.Configuration()
    try:
        config.load_kube_config_from_dict(document, access.context, configuration, persist_config=False)
        settings = configuration.auth_settings().values()
        pool = client.ApiClient(configuration).rest_client.pool_manager
    except (config.ConfigException, OSError, ValueError) as error:
        raise TargetError(f"the context {access.context!r} cannot be used: {error}") from error
    headers = {str(s["key"]): str(s["value"]) for s in settings if s["in"] == "header" and s["value"]}
    if access.has_credentials and not headers and not configuration.cert_file:
        raise TargetError(
            f"the credentials of the context {access.context!r} could not be used; log in with kubectl first"
        )
    return Login(pool, str(configuration.host), {"User-Agent": MANAGER, **headers})


def _exact(change: Change, result: Document) -> Change:
    """What a dry run that was taken makes of a change."""
    if change.before is None:
        return replace(change, verdict=Verdict.EXACT)
    before = _object(change.before)
    fields = compare_whole(change.kind, before, result)
    if not fields and _ownership(before) == _ownership(result):
        return replace(change, action=Action.UNCHANGED, verdict=Verdict.EXACT, fields=(), reason="")
    reason = change.reason if change.action is Action.UPDATE else ""
    return replace(change, action=Action.UPDATE, verdict=Verdict.EXACT, fields=fields, reason=reason)


def _ownership(document: Document) -> list[dict[str, Any]]:
    entries = document.get("metadata", {}).get("managedFields") or ()
    return sorted(({k: v for k, v in entry.items() if k != "time"} for entry in entries), key=repr)


def _home(change: Change) -> str:
    return str(_meta(change.after, "namespace") or "")


def _object(value: Document | str | None) -> Document:
    """A plan for a cluster holds objects; a plan for a folder was given to the wrong target."""
    if not isinstance(value, Mapping):
        raise TypeError("a change without an object cannot be applied to a cluster")
    return value


def _meta(document: Document | str | None, key: str) -> Any:
    return document.get("metadata", {}).get(key) if isinstance(document, Mapping) else None


def _is_open(result: Result) -> bool:
    return result.state in (State.FAILED, State.CONFLICT, State.NOT_TRIED)


def _at_once(work: Callable[[_In], _Out], items: Sequence[_In]) -> list[_Out]:
    """The results of several requests, in the order of the items."""
    if len(items) < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(min(_AT_ONCE, len(items))) as pool:
        return list(pool.map(work, items))
