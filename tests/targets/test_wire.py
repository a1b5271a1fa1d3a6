"""Retries and time limits, against a server that misbehaves as scripted. A real API server does not do so on demand."""

from __future__ import annotations

import contextlib
import email.utils
import json
import socketserver
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from capgen import yamlio
from capgen.errors import TargetError
from capgen.targets.pace import Pace
from capgen.targets.wire import Login, Wire, encode

OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


def status(code: int, message: str = "", *, headers: str = "", **more: object) -> str:
    body = json.dumps({"kind": "Status", "code": code, "message": message, **more})
    return f"HTTP/1.1 {code} X\r\nContent-Length: {len(body)}\r\n{headers}Connection: close\r\n\r\n{body}"


@dataclass
class Script:
    """The answers in turn (the last one stays): raw text, "" to drop the connection, a number to wait first."""

    url: str
    answers: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Script]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            line = self.rfile.readline().decode().strip()
            length = 0
            while header := self.rfile.readline().decode().strip().lower():
                length = int(header.partition(":")[2]) if header.startswith("content-length:") else length
            self.rfile.read(length)
            scripted.requests.append(line)
            answer = scripted.answers.pop(0) if len(scripted.answers) > 1 else scripted.answers[0]
            if answer.startswith("sleep "):
                time.sleep(float(answer.split()[1]))
            self.wfile.write(answer.encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        scripted = Script(f"http://127.0.0.1:{listening.server_address[1]}")
        threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        yield scripted
        listening.shutdown()


@dataclass
class Clock:
    """A clock that sleeping moves; the answers themselves take no time on it."""

    now: float = 0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def wire(server: Script, clock: Clock, seconds: float = 300) -> Wire:
    login = Login(urllib3.PoolManager(), server.url, ())
    return Wire(lambda _: login, seconds, clock=lambda: clock.now, sleep=clock.sleep)


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize(
    "trouble",
    [
        status(429),
        status(500, "etcd"),
        status(502),
        status(503),
        status(504),
        "",
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
    ],
)
def test_what_may_pass_is_tried_again(server: Script, method: str, trouble: str) -> None:
    # The first answer proves that the server is there at all.
    server.answers = [OK, trouble, trouble, OK]
    clock = Clock()
    made = wire(server, clock)
    made.request("GET", "/", {})
    assert made.request(method, "/x", {"a": "b c"}, b"{}", "application/json").status == 200
    assert server.requests[1:] == [f"{method} /x?a=b+c HTTP/1.1"] * 3
    first, second = clock.slept
    assert 0.25 <= first <= 0.4 and 0.5 <= second <= 0.8


@pytest.mark.parametrize(
    "answer",
    [
        status(400, "no"), status(403, "no"), status(404, "no"), status(422, "no"),
        status(500, "failed to create typed patch object (x): .spec.y: field not declared in schema"),
        status(409, "Apply failed with 1 conflict", details={"causes": [{"reason": "FieldManagerConflict"}]}),
        status(409, "Operation cannot be fulfilled on configmaps: uid mismatch: no existing object was found"),
    ],
)  # fmt: skip
def test_what_will_not_pass_is_asked_once(server: Script, answer: str) -> None:
    server.answers = [answer]
    wire(server, Clock()).request("PATCH", "/x", {}, b"{}", "x")
    assert len(server.requests) == 1


def test_a_quota_that_moved_is_tried_again(server: Script) -> None:
    server.answers = [status(409, "Operation cannot be fulfilled on resourcequotas: the object has been modified"), OK]
    assert wire(server, Clock()).request("PATCH", "/x", {}, b"{}", "x").status == 200


def test_the_server_s_wish_to_wait_is_granted(server: Script) -> None:
    clock = Clock()
    server.answers = [
        status(429, headers="Retry-After: 7\r\n"),
        status(
            503,
            headers=f"Retry-After: {email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)}\r\n",
        ),
        status(429, details={"retryAfterSeconds": 3}),
        status(429, headers="Retry-After: soon\r\n"),
        OK,
    ]
    assert wire(server, clock).request("PATCH", "/x", {}, b"{}", "x").status == 200
    assert 7 <= clock.slept[0] < 8 and 25 <= clock.slept[1] <= 34 and 3 <= clock.slept[2] < 4 and clock.slept[3] < 4


def test_it_gives_up_at_the_deadline_with_the_last_answer(server: Script) -> None:
    clock = Clock()
    server.answers = [status(429, "later", headers="Retry-After: 40\r\n")]
    made = wire(server, clock, seconds=100)
    answer = made.verb(lambda: made.request("PATCH", "/x", {}, b"{}", "x"))
    assert (answer.status, answer.message) == (429, "later")
    assert [int(seconds // 5) for seconds in clock.slept] == [8, 8], "never earlier, and hardly later"
    assert clock.slept[0] != clock.slept[1], "who was turned away at once does not come back at once"


def test_constant_trouble_ends(server: Script) -> None:
    server.answers = [status(503, "down")]
    assert wire(server, Clock(), seconds=1e9).request("GET", "/x", {}).status == 503
    assert len(server.requests) == 6


def test_a_server_that_went_away_is_an_error_with_its_address(server: Script) -> None:
    server.answers = [OK, ""]
    made = wire(server, Clock())
    made.request("GET", "/x", {})
    with pytest.raises(TargetError, match=f"{server.url} gave no answer"):
        made.request("GET", "/x", {})


def test_a_server_that_was_never_there_is_not_waited_for(server: Script) -> None:
    server.answers, clock = [""], Clock()
    with pytest.raises(TargetError, match="gave no answer"):
        wire(server, clock).request("GET", "/x", {})
    assert (len(server.requests), clock.slept) == (1, [])


def test_a_slow_server_is_not_waited_for_past_the_deadline(server: Script) -> None:
    server.answers = ["sleep 3"]
    made = Wire(lambda _: Login(urllib3.PoolManager(), server.url, ()), 0.4)
    started = time.monotonic()
    with pytest.raises(TargetError):
        made.verb(lambda: made.request("GET", "/x", {}))
    assert time.monotonic() - started < 2


def test_a_redirect_is_an_answer(server: Script) -> None:
    server.answers = [status(307, headers=f"Location: {server.url}/elsewhere\r\n")]
    assert wire(server, Clock()).request("GET", "/x", {}).status == 307
    assert len(server.requests) == 1


def test_a_proxy_s_page_is_a_message_and_not_a_list(server: Script) -> None:
    page = "<html>\x1b[31mBad\r\n gateway</html>"
    server.answers = [f"HTTP/1.1 403 X\r\nContent-Length: {len(page)}\r\n\r\n{page}"]
    answer = wire(server, Clock()).request("GET", "/x", {})
    assert answer.document == {} and answer.causes == ()
    assert answer.message == "<html> [31mBad gateway</html>"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_body_is_json_and_yaml_and_means_the_same_in_both(text: str) -> None:
    document: Mapping[str, object] = {"data": {"text": text}}
    body = encode(document)
    assert json.loads(body) == document
    node, mistakes = yamlio.read(yamlio.Source("body", body.decode()))
    assert mistakes == () and node is not None and node.data() == document
    assert b"\\ud8" not in body.lower(), "the API server refuses escaped surrogates"


def test_all_verbs_share_one_time_and_what_passes_between_them_is_nobodys(server: Script) -> None:
    server.answers = [status(429, "later", headers="Retry-After: 40\r\n")]
    clock = Clock()
    made = wire(server, clock, seconds=100)
    for tries in (2, 0, 0):
        clock.slept.clear()
        clock.now += 1000  # a person thinks
        made.verb(lambda: made.request("PATCH", "/x", {}, b"{}", "x"))
        assert len(clock.slept) == tries

    def put_in_order() -> None:
        made.allow(50)
        made.request("DELETE", "/x", {}, b"{}", "x")

    made.verb(put_in_order)
    assert len(clock.slept) == 1, "what is put in order at the end has a time of its own"


def test_who_is_told_to_end_asks_for_nothing_more_but_for_what_puts_things_in_order(server: Script) -> None:
    server.answers = [OK]
    made = wire(server, Clock())

    def told() -> None:
        made.hurry()
        with pytest.raises(TargetError, match="interrupted"):
            made.request("PATCH", "/x", {}, b"{}", "x")
        made.allow(10)
        made.hurry()
        assert made.request("DELETE", "/x", {}).status == 200

    made.verb(told)
    assert made.verb(lambda: made.request("GET", "/x", {})).status == 200, "the next verb begins anew"


def test_more_is_asked_at_once_until_the_server_is_strained() -> None:
    clock = Clock()
    pace = Pace(lambda: clock.now)

    def round_of(status: int, seconds: float = 0.1) -> float:
        """As many requests as may be under way, together."""
        with contextlib.ExitStack() as under_way:
            for _ in range(int(pace.limit)):
                under_way.enter_context(pace.turn())(status)
            clock.now += seconds
        return pace.limit

    assert 8.4 < round_of(200) < 9.1, "one more a round, when all of it is used"
    for _ in range(60):
        round_of(200)
    assert pace.limit == 32
    assert round_of(429) == 16, "one decrease for what was under way together"
    assert round_of(200, seconds=3) == 8, "slow is a sign as well"
    assert round_of(0) == 4, "and so is no answer"
    for _ in range(9):
        round_of(503)
    assert pace.limit == 1
    with pace.turn() as told:
        told(200)
    assert pace.limit == 2, "it comes back"


def test_never_more_at_once_than_the_pace_allows() -> None:
    under_way, most, lock = [0], [0], threading.Lock()

    class Pool:
        def request(self, *_: object, **__: object) -> object:
            with lock:
                under_way[0] += 1
                most[0] = max(most[0], under_way[0])
                status = 429 if under_way[0] > 12 else 200
            time.sleep(0.002)
            with lock:
                under_way[0] -= 1
            return urllib3.HTTPResponse(b"{}", status=status)

    made = Wire(lambda _: Login(Pool(), "", ()), sleep=lambda _: None)
    made.at_once(lambda n: made.request("GET", f"/{n}", {}), range(300))
    assert 9 <= most[0] <= 14, "it grows beyond 8, and not when it is told that this is too much"
