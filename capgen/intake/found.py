"""Objects and files as they were found, each value with its place, so that whatever is wrong can be pointed at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from capgen.check.rulefile import documents_of
from capgen.diagnostics import Diagnostic, Severity, Span
from capgen.yamlio import Node, Source, read

HPA, VPA, RULES = "HorizontalPodAutoscaler", "VerticalPodAutoscaler", "PrometheusRule"
SERVICE_MONITOR, POD_MONITOR, SCRAPE_CONFIG = "ServiceMonitor", "PodMonitor", "ScrapeConfig"
WORKLOADS = ("Deployment", "StatefulSet")
SERVICE = "Service"
CONFIGURATION = "prometheus.yml"
"""What a file is called here that has Prometheus' own `scrape_configs`, `rule_files` or `groups`."""
KINDS = (HPA, VPA, RULES, SERVICE_MONITOR, POD_MONITOR, SCRAPE_CONFIG, SERVICE, *WORKLOADS)
MANAGED_BY, PART_OF = "app.kubernetes.io/managed-by", "app.kubernetes.io/part-of"
_TIMES = 16
"""How many times the size of a spec an export may have: a List of everything in a namespace, with its owners."""


class Found(Struct, frozen=True):
    """One object, or one file of a Prometheus. `live`: it was read from a server, where lines mean nothing."""

    kind: str
    namespace: str
    name: str
    node: Node
    live: bool = False

    def __str__(self) -> str:
        if self.kind == CONFIGURATION:
            return self.name
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def labels(self) -> Mapping[str, str]:
        """The object's own labels."""
        labels = self.node.at(("metadata", "labels"))
        return {k: str(v.value) for k, v in labels.value.items()} if labels and isinstance(labels.value, dict) else {}

    @property
    def service(self) -> str:
        """The service that capgen made it for, "" for what capgen did not make."""
        return self.labels.get(PART_OF, "") if self.labels.get(MANAGED_BY) == "capgen" else ""


class Remark(Struct, frozen=True):
    """What is not taken over as it is: the object, the field, and why."""

    object: str
    field: str
    why: str
    span: Span | None = None


class View(Struct, frozen=True):
    """A place in an object. Values of a wrong type are noted in `into` and read as if they were not there."""

    found: Found
    node: Node
    shown: str
    into: list[Diagnostic]

    def __bool__(self) -> bool:
        return self.node.value is not None

    def at(self, *keys: str) -> View:
        """Further inside; an empty view where nothing is."""
        view = self
        for key in keys:
            inside = view.node.value if isinstance(view.node.value, dict) else {}
            if view.node.value is not None and not isinstance(view.node.value, dict):
                view.wrong("a mapping")
            missing = Node(None, view.node.source, view.node.mark)
            view = View(view.found, inside.get(key, missing), f"{view.shown}.{key}", view.into)
        return view

    def text(self, default: str = "") -> str:
        """A text, or a number written as one."""
        value = self.node.value
        if value is None:
            return default
        if isinstance(value, (dict, list, bool)):
            self.wrong("text")
            return default
        return str(value)

    def whole(self) -> int | None:
        """A whole number."""
        value = self.node.value
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        self.wrong("a whole number")
        return None

    def items(self) -> tuple[View, ...]:
        """The items of a list."""
        value = self.node.value
        if value is None:
            return ()
        if not isinstance(value, list):
            self.wrong("a list")
            return ()
        return tuple(View(self.found, item, f"{self.shown}[{n}]", self.into) for n, item in enumerate(value))

    def keys(self) -> tuple[str, ...]:
        """The keys of a mapping."""
        value = self.node.value
        if value is None:
            return ()
        if not isinstance(value, dict):
            self.wrong("a mapping")
            return ()
        return tuple(value)

    def texts(self) -> dict[str, str]:
        """A mapping of texts, like labels."""
        return {key: self.at(key).text() for key in self.keys()}

    def data(self) -> Any:
        """The plain value."""
        return self.node.data()

    def others(self, *known: str) -> tuple[View, ...]:
        """What a mapping holds beside the known keys."""
        return tuple(self.at(key) for key in self.keys() if key not in known and self.at(key))

    def remark(self, why: str) -> Remark:
        """Why this place is not taken over."""
        return Remark(str(self.found), self.shown, why, None if self.found.live else self.node.span)

    def wrong(self, wanted: str) -> None:
        """Notes that this is not what belongs here."""
        where = f" ({self.found})" if self.found.live else ""
        self.into.append(
            Diagnostic(
                "CG440", f"{self.shown or self.found} has to be {wanted}{where}", self.node.span,
                "export it again, whole: kubectl get … -o yaml", Severity.ERROR, self.node.source.line(self.node.mark[0]),
            )
        )  # fmt: skip


def view(found: Found, into: list[Diagnostic]) -> View:
    """The whole of an object."""
    return View(found, found.node, "", into)


def read_found(source: Source, *, live: bool = False) -> tuple[tuple[Found, ...], tuple[Diagnostic, ...]]:
    """What of interest is in a text: manifests, Lists of them, several documents, files of a Prometheus."""
    found: list[Found] = []
    wrong: list[Diagnostic] = []
    for document in documents_of(source):
        node, problems = read(document, times=_TIMES, foreign=True)
        wrong += problems
        if node is not None:
            found += _found(node, source.name, live=live, wrong=wrong)
    return tuple(found), tuple(wrong)


def _found(node: Node, file: str, *, live: bool, wrong: list[Diagnostic]) -> Iterator[Found]:
    inside = node.value if isinstance(node.value, dict) else {}
    kind = str(inside["kind"].value) if "kind" in inside else ""
    if kind.endswith("List") and "items" in inside:
        listed = inside["items"].value
        if not isinstance(listed, list):
            View(Found(kind, "", file, node, live), inside["items"], ".items", wrong).wrong("a list")
            return
        for item in listed:
            yield from _found(item, file, live=live, wrong=wrong)
        return
    if kind in KINDS:
        here = View(Found(kind, "", file, node, live), node, "", wrong)
        name, namespace = here.at("metadata", "name").text(), here.at("metadata", "namespace").text()
        if not name:
            here.at("metadata", "name").wrong("the object's name")
            return
        yield Found(kind, namespace, name, node, live)
    elif not kind and inside.keys() & {"scrape_configs", "groups", "rule_files", "scrape_config_files"}:
        yield Found(CONFIGURATION, "", file, node, live)
