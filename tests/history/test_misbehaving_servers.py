"""Servers of history that are slow, broken, partial or none at all."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from history.answering import answering
from planning.shapes import HOUR, START

from capgen.errors import TargetError, UsageError
from capgen.history.cache import Cache
from capgen.history.login import headers
from capgen.history.prometheus import Server, query_range
from capgen.spec.documents import ServerAuth


def matrix(form: dict[str, str], *, step: float = HOUR, **more: object) -> bytes:
    begin, end = float(form["start"]), float(form["end"])
    values = [[begin + step * index, "1.5"] for index in range(int((end - begin) / step) + 1)]
    result = [{"metric": {}, "values": values}]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}, **more}).encode()


def patient(url: str, **head: str) -> Server:
    return Server(url, head, sleep=lambda _: None)


def test_what_may_pass_is_tried_again_and_gzip_is_read() -> None:
    tries = []

    def answer(form: dict[str, str], head: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        tries.append(head)
        if len(tries) < 3:
            return 502, {}, b"bad gateway"
        return 200, {"Content-Encoding": "gzip"}, gzip.compress(matrix(form))

    with answering(answer) as url:
        series = query_range(patient(url, Authorization="Bearer let-me-in"), "up", START, START + 9 * HOUR, HOUR)
    assert len(series.times) == 10
    assert {head["Authorization"] for head in tries} == {"Bearer let-me-in"}


def test_a_piece_with_too_many_samples_is_halved_until_it_fits() -> None:
    def answer(form: dict[str, str], _: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if float(form["end"]) - float(form["start"]) > 100 * HOUR:
            return 422, {}, b'{"status":"error","error":"query processing would load too many samples into memory"}'
        return 200, {}, matrix(form)

    with answering(answer) as url:
        series = query_range(patient(url), "up", START, START + 999 * HOUR, HOUR)
    assert series.times == pytest.approx(START + HOUR * np.arange(1000))


def test_a_partial_answer_is_told_and_not_remembered(tmp_path: Path) -> None:
    cache = Cache(tmp_path, now=START + 1000 * HOUR)
    with answering(lambda form, _: (200, {}, matrix(form, warnings=["store gateway down"]))) as url:
        series = query_range(patient(url), "up", START, START + 9 * HOUR, HOUR, cache=cache)
        assert [notice.code for notice in series.notices] == ["CG918"]
        assert cache.spans(url, "up", HOUR) == ()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b"who are you", "does not let capgen ask"),
        (400, b'{"error":"parse error"}', "refuses the query"),
        (200, b"<html>a login page</html>", "does not answer in JSON"),
        (200, b'{"status":"success","data":{"resultType":"vector","result":[]}}', "does not answer like Prometheus"),
        (
            200,
            b'{"status":"success","data":{"resultType":"matrix","result":[{"values":[["x",1]]}]}}',
            "like Prometheus",
        ),
        (503, b"later", "did not answer after 5 tries"),
        (302, b"", "refuses the query"),
    ],
)
def test_a_server_that_is_none_is_a_reason_and_no_traceback(status: int, body: bytes, said: str) -> None:
    with answering(lambda *_: (status, {"Location": "http://127.0.0.1:1/"} if status == 302 else {}, body)) as url:  # noqa: SIM117
        with pytest.raises(TargetError, match=said):
            query_range(patient(url), "up", START, START + HOUR, HOUR)
    with pytest.raises(TargetError, match="did not answer"):
        query_range(patient("http://127.0.0.1:1"), "up", START, START + HOUR, HOUR)


def test_secrets_are_references(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("from-a-file\n")
    bearer = ServerAuth.model_validate({"bearer": {"file": str(token)}})
    basic = ServerAuth.model_validate({"basic": {"username": "planner", "password": {"env": "PASSWORD"}}})
    assert headers(bearer, {}) == {"Authorization": "Bearer from-a-file"}
    assert headers(basic, {"PASSWORD": "p"}) == {"Authorization": "Basic cGxhbm5lcjpw"}
    assert headers(None) == {}
    for auth in (basic, ServerAuth.model_validate({"bearer": {"secret": {"name": "a", "key": "b"}}})):
        with pytest.raises(UsageError, match=r"prometheus\.auth"):
            headers(auth, {})
    with pytest.raises(UsageError, match="no secret that a header can carry"):
        headers(basic, {"PASSWORD": "a\nX-Evil: 1"})
    assert "let-me-in" not in repr(Server("http://a", {"Authorization": "let-me-in"}))
