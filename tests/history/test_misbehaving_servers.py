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
from capgen.history.matrix import Clock, query_matrix
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


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"),
        (503, "query timed out in expression evaluation"),
        (400, "the total query time range exceeds the limit (query length: 1h0m0s, limit: 1m0s) (err-mimir-max-total-query-length)"),
        (422, "the query exceeded the maximum number of chunks (limit: 2000000 chunks) (err-mimir-max-chunks-per-query)"),
        (422, "rpc error: code = ResourceExhausted desc = exceeded samples limit: limit 100 violated (got 101)"),
        (500, "rpc error: grpc: received message larger than max (5000000 vs. 4194304)"),
        (422, "cannot select more than -search.maxSamplesPerQuery=1000 samples; possible solutions: to reduce time range"),
        (422, "too many points for the given step=60000: 30001; cannot exceed -search.maxPointsPerTimeseries=30000"),
    ],
)  # fmt: skip
def test_what_each_server_says_of_too_long_a_range(status: int, error: str) -> None:
    asked = []

    def answer(form: dict[str, str], _: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        asked.append(form)
        long = float(form["end"]) - float(form["start"]) > 60 * HOUR
        return (
            (status, {}, json.dumps({"status": "error", "error": error}).encode()) if long else (200, {}, matrix(form))
        )

    with answering(answer) as url:
        series = query_range(patient(url), "up", START, START + 99 * HOUR, HOUR)
    assert (len(series.times), len(asked)) == (100, 3)


def test_a_mistake_in_the_query_is_none_of_its_length() -> None:
    asked = []

    def answer(form: dict[str, str], _: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        asked.append(form)
        return 422, {}, b'{"error":"found duplicate series for the match group {resource=\\"limits\\"}"}'

    with answering(answer) as url, pytest.raises(TargetError, match="refuses the query"):
        query_range(patient(url), "up", START, START + 99 * HOUR, HOUR)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("more", "codes"),
    [
        ({"warnings": ["store gateway down"]}, ["CG918"]),
        ({"isPartial": True}, ["CG918"]),
        ({"isPartial": False, "warnings": None}, []),
        ({"infos": ["PromQL info: metric might not be a counter"]}, []),
        ({"warnings": ["PromQL info: metric might not be a counter"]}, []),
    ],
)
def test_a_partial_answer_is_told_and_not_remembered(tmp_path: Path, more: dict[str, object], codes: list[str]) -> None:
    cache = Cache(tmp_path, now=START + 1000 * HOUR)
    with answering(lambda form, _: (200, {}, matrix(form, **more))) as url:
        series = query_range(patient(url), "up", START, START + 9 * HOUR, HOUR, cache=cache)
        assert [notice.code for notice in series.notices] == codes
        assert bool(cache.spans(url, "up", HOUR)) == (codes == [])


def test_values_as_other_servers_write_them() -> None:
    """Whole seconds, Go's spellings of floats, series of histograms, and no list where nothing was found."""
    values = [
        [int(START), "1e+06"],
        [int(START + HOUR), "+Inf"],
        [int(START + 2 * HOUR), "NaN"],
        [START + 3 * HOUR, "0.5"],
    ]
    result = [{"metric": {}, "values": values}, {"metric": {}, "histograms": [[START, {"count": "1"}]]}]
    answers = iter([result, None])
    body = {"status": "success", "data": {"resultType": "matrix"}}
    made = lambda *_: (200, {}, json.dumps({**body, "data": {**body["data"], "result": next(answers)}}).encode())  # noqa: E731
    with answering(made) as url:
        series = query_range(patient(url), "up", START, START + 3 * HOUR, HOUR)
        assert (list(series.times), list(series.values)) == ([START, START + 3 * HOUR], [1e6, 0.5])
        assert list(query_range(patient(url), "up", START, START + 3 * HOUR, HOUR).times) == []


def test_a_rules_instants_are_not_to_be_moved() -> None:
    """A cache that aligns ranges to the step would tell of other evaluations than the rule's."""
    clock = Clock.over(int(START) * 1000, int(START) * 1000 + 3_600_000, 60_000, phase=40_000)

    def aligned(form: dict[str, str], _: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        assert form["nocache"] == "1"  # by which VictoriaMetrics lets it be
        begin = float(form["start"]) // 60 * 60
        return 200, {}, matrix({**form, "start": str(begin)}, step=60.0)

    with answering(aligned) as url, pytest.raises(TargetError, match="other instants than those"):
        query_matrix(patient(url), "up", clock)
    with answering(lambda form, _: (200, {}, matrix(form, step=60.0))) as url:
        ((ticks, values),) = query_matrix(patient(url), "up", clock).rows.values()
    assert (ticks.tolist(), set(values)) == (list(range(clock.count)), {1.5})


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
