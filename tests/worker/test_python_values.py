"""Python values that a Worker passes to JavaScript, as production treats them."""

from __future__ import annotations

import pytest
from support.worker_child import StartWorker

_WORKER = """
    import datetime
    import js
    from pyodide.ffi import to_js
    from workers import Response, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            ROWS = [{{"id": 1}}]
            AT = datetime.datetime(2024, 1, 2)
            return Response(str({expression}))
"""
_NEWEST = "2026-09-08"


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ('to_js({"at": AT}).to_py()["at"] == AT', "True"),
        ("to_js([AT])[0] is AT", "True"),
        ("js.JSON.stringify(to_js(ROWS))", '[{"id":1}]'),
        ("js.Date.new(AT).getTime()", "1704153600000"),
        ('js.Blob.new(to_js(["text"])).size', "4"),
        ('js.Response.new("x", {"status": 404}).status', "404"),
    ],
)
def test_values_arrive(start_worker: StartWorker, expression: str, answer: str) -> None:
    child = start_worker(_WORKER.format(expression=expression), compatibility_date=_NEWEST)
    assert child.client.get("/").text == answer


@pytest.mark.parametrize(
    ("expression", "error", "hint"),
    [
        ("js.JSON.stringify(ROWS)", "destroyed when an iterator was exhausted", "to_js([…])"),
        ("await js.Response.json(ROWS).text()", "destroyed when an iterator was exhausted", "to_js([…])"),
        ("js.JSON.stringify(to_js({'id': 2**60}))", "Do not know how to serialize a BigInt", "str(…)"),
        ('js.Blob.new(["text"])', "constructor parameter 1 is not of type 'Array'", "to_js([…])"),
        ("js.AbortSignal.any([])", "parameter 1 is not of type 'Array'", "to_js([…])"),
        ("to_js({1: 'a', '1': 'b'})", "Key collision when converting Python dictionary", "other keys"),
    ],
)
def test_values_are_refused_with_a_hint(start_worker: StartWorker, expression: str, error: str, hint: str) -> None:
    child = start_worker(_WORKER.format(expression=expression), compatibility_date=_NEWEST)
    answer = child.client.get("/")
    assert answer.status_code == 500
    assert error in answer.text
    assert f"Try: {hint}" in answer.text


def test_a_dict_becomes_a_map_before_pyodide_314(start_worker: StartWorker) -> None:
    expression = '(to_js({"a": 1}).constructor.name, to_js({"a": 1}).get("a"), to_js({"a": 1}).a)'
    child = start_worker(_WORKER.format(expression=expression), compatibility_date="2026-04-24")
    assert child.client.get("/").text == "('LiteralMap', 1, 1)"
