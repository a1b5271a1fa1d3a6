"""One writer at a time for a service: a Lease beside its inventory, renewed while the run lasts.

A run for many services holds one lease that stands for all, or renewing a thousand would be most of its work. So whoever
holds a lease looks for those of the other form: both write first and look then, so at least one of two sees the other, and
who writes for a few gives way.

Times are the server's own (its Date header), so the clocks of two machines that deliver need not agree. A lease is
deleted at every end of a run; one whose holder was killed is taken over when it has not been renewed for its time.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from capgen.errors import Refused, TargetError
from capgen.reconcile import applyset
from capgen.reconcile.kinds import Kind
from capgen.reconcile.plan import Document
from capgen.targets.at_once import at_once
from capgen.targets.listing import list_objects, quoted
from capgen.targets.objects import remove
from capgen.targets.wire import Answer, Wire

SECONDS = 30
_KEEPERS = 8
_TRIES = 3
_PAGE = 500
_LEASE = Kind("Lease", "coordination.k8s.io", "v1", "leases", 0, "")
_PUTTING_BACK = 10.0  # seconds, also when the time for the run is over
_PATIENCE = 2  # times the lease's own: longer than it takes for a killed run's to be stale


class Leases:
    """Those that this run holds."""

    def __init__(self, wire: Wire, home: str, seconds: int) -> None:
        self._wire, self._home, self._seconds = wire, home, seconds
        self._holder = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        self._held: dict[str, Document] = {}
        self._renewed: dict[str, float] = {}
        self._asked: set[str] = set()
        self._done = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._taken = ""

    @property
    def lost(self) -> str:
        """Why nothing more may be written: a lease was taken away, or may have been by now; "" while all are held."""
        now = time.monotonic()
        if late := next((name for name, then in list(self._renewed.items()) if now - then > self._seconds), ""):
            # For good: another run may have begun since, which is not seen in this lease.
            self._taken = self._taken or (
                f"the lease {late} could not be renewed for {self._seconds} s, and another run may have it"
            )
        return self._taken

    def take(self, names: Collection[str]) -> None:
        """Raises Refused when another run keeps one of them, and TargetError when leases cannot be kept here."""
        end = time.monotonic() + _PATIENCE * self._seconds
        if len(names) > applyset.FEW:
            self._take(applyset.LEASE_OF_ALL, end)
            self._until_nobody(lambda: self._of_each(names), end)
            return
        while True:
            for name in sorted(names):  # always in the same order, so that nobody waits in a ring
                self._take(name, end)
            if not names or not self._of_all():
                return
            for name in names:
                self._give_back(name)
            self._until_nobody(self._of_all, end)

    def _until_nobody(self, others: Callable[[], Mapping[str, Document]], end: float) -> None:
        while found := others():
            name = min(found)
            self._rest(end, name, found[name])

    def _rest(self, end: float, name: str, holder: Document) -> None:
        if time.monotonic() > end or self._wire.is_over:
            raise Refused(_busy(name, holder))
        self._wire.rest(min(1.0, self._seconds / 5))

    def _of_all(self) -> dict[str, Document]:
        """The lease that stands for all, where another run holds it."""
        answer = self._look(applyset.LEASE_OF_ALL)
        return self._others({applyset.LEASE_OF_ALL: answer.document} if answer.status == 200 else {}, _now(answer))

    def _of_each(self, names: Collection[str]) -> dict[str, Document]:
        """Those of the leases that other runs hold."""
        found = list_objects(self._wire, _LEASE, self._home, _PAGE)
        if isinstance(found, str):
            raise TargetError(f"the leases in the namespace {self._home} cannot be read: {found}")
        now = _now(self._look(applyset.LEASE_OF_ALL))
        return self._others({name: lease for name, lease in found.items() if name in names}, now)

    def _look(self, name: str) -> Answer:
        answer = self._wire.request("GET", self._path(name), {}, at_once=True)
        if answer.status not in (200, 404):
            raise TargetError(f"the lease {name} in the namespace {self._home} cannot be read: {answer.message}")
        return answer

    def _others(self, found: Mapping[str, Document], now: datetime) -> dict[str, Document]:
        """What the leases say that another run keeps."""
        said = {name: lease.get("spec") or {} for name, lease in found.items()}
        return {
            name: s for name, s in said.items() if s.get("holderIdentity") != self._holder and not _is_stale(s, now)
        }

    def _take(self, name: str, end: float) -> None:
        self._asked.add(name)
        while True:
            begun = time.monotonic()
            answer = self._wire.request("GET", self._path(name), {}, at_once=True)
            if answer.status == 404:
                answer = self._send("POST", name, self._body(name, answer))
            elif answer.status == 200:
                holder = answer.document.get("spec", {})
                if holder.get("holderIdentity") != self._holder and not _is_stale(holder, _now(answer)):
                    self._rest(end, name, holder)
                    continue
                answer = self._send("PUT", name, self._body(name, answer))
            if answer.status in (200, 201):
                self._note(name, answer.document, begun)
                return
            if answer.status != 409:
                raise TargetError(
                    f"no lease {name} in the namespace {self._home}, so another run could write at the same time: "
                    f"{answer.message}"
                )

    def keep(self) -> None:
        """Renews what is held, beside whatever else is done, until it is released."""
        self._keeper.start()

    def _keep(self) -> None:
        while not self._done.wait(self._seconds / 3):
            # One after the other, the last of them would be too late on a busy machine.
            at_once(self._renew, list(self._held), workers=_KEEPERS)

    def _renew(self, name: str) -> None:
        if self._done.is_set():
            return
        with contextlib.suppress(TargetError):
            begun = time.monotonic()
            answer = self._wire.request("GET", self._path(name), {}, at_once=True)
            held = self._held.get(name)
            if held is None:
                return  # given back meanwhile
            if answer.status == 200 and self._is_mine(answer) and _same(held, answer.document):
                answer = self._send("PUT", name, self._body(name, answer))
                # One that came too late brings nothing back: another run may have begun in between.
                if answer.status == 200 and not self.lost and name in self._held:
                    self._note(name, answer.document, begun)
            elif answer.status in (200, 404):
                self._taken = f"another run took the lease {name} meanwhile"
                self._held.pop(name, None)

    def release(self) -> None:
        """Gives back whatever is held, and what was got without the answer having been read."""
        self._done.set()
        self._wire.hurry()
        if self._keeper.is_alive():
            self._keeper.join()
        self._wire.allow(_PUTTING_BACK)
        for name in sorted(self._asked):
            with contextlib.suppress(TargetError):
                self._give_back(name)

    def _give_back(self, name: str) -> None:
        lease = self._held.pop(name, None) or self._mine(name)
        self._renewed.pop(name, None)
        for _ in range(_TRIES):
            if lease is None or remove(self._wire, self._path(name), lease).status != 409:
                return
            lease = self._mine(name)  # it was renewed meanwhile

    def _note(self, name: str, lease: Document, begun: float) -> None:
        """`begun` is when the server's time was asked for, which is the time that others see."""
        self._held[name], self._renewed[name] = lease, begun

    def _mine(self, name: str) -> Document | None:
        answer = self._wire.request("GET", self._path(name), {}, at_once=True)
        return answer.document if answer.status == 200 and self._is_mine(answer) else None

    def _is_mine(self, answer: Answer) -> bool:
        return bool(answer.document.get("spec", {}).get("holderIdentity") == self._holder)

    def _path(self, name: str = "") -> str:
        leases = f"/apis/coordination.k8s.io/v1/namespaces/{quoted(self._home)}/leases"
        return f"{leases}/{quoted(name)}" if name else leases

    def _send(self, method: str, name: str, body: Document) -> Answer:
        path = self._path() if method == "POST" else self._path(name)
        return self._wire.request(
            method,
            path,
            {"fieldManager": "capgen-lease"},
            json.dumps(body).encode(),
            "application/json",
            pinned=True,
            at_once=True,
        )

    def _body(self, name: str, seen: Answer) -> Document:
        """The lease in this run's name; of one that is there the version is kept, so that only one run gets it."""
        now = _now(seen).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        before = seen.document if seen.status == 200 else {}
        kept = before.get("metadata") or {}
        old = before.get("spec") or {}
        metadata: dict[str, Any] = {"name": name, "namespace": self._home}
        metadata |= {key: kept[key] for key in ("uid", "resourceVersion") if key in kept}
        ours = old.get("holderIdentity") == self._holder
        spec = {
            "holderIdentity": self._holder,
            "leaseDurationSeconds": self._seconds,
            "acquireTime": old.get("acquireTime", now) if ours else now,
            "renewTime": now,
            "leaseTransitions": int(old.get("leaseTransitions") or 0) + (0 if ours or not old else 1),
        }
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


@contextlib.contextmanager
def held(wire: Wire, home: str, names: Collection[str], seconds: int = SECONDS) -> Iterator[Leases]:
    """Holds the leases for the length of the block."""
    leases = Leases(wire, home, seconds)
    try:
        leases.keep()  # also while the others are waited for, which may take longer than a lease lasts
        leases.take(names)
        yield leases
    finally:
        leases.release()


def _is_stale(holder: Document, now: datetime) -> bool:
    try:
        renewed = datetime.fromisoformat(str(holder["renewTime"]).replace("Z", "+00:00"))
        # The Date header has whole seconds.
        return now - renewed > timedelta(seconds=int(holder["leaseDurationSeconds"]) + 1)
    except (KeyError, ValueError, TypeError):
        return not holder.get("holderIdentity")


def _now(answer: Answer) -> datetime:
    """The server's time."""
    try:
        return parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError, TypeError):
        return datetime.now(UTC)


def _same(before: Document, now: Document) -> bool:
    return bool(before["metadata"].get("uid") == now.get("metadata", {}).get("uid"))


def _busy(name: str, holder: Document) -> str:
    return (
        f"another run ({holder.get('holderIdentity')}) holds the lease {name} and renewed it at "
        f"{holder.get('renewTime')}; nothing was changed: try again when it is done"
    )
