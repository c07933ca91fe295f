from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrangler_py.project.document import DocumentSyntaxError
from wrangler_py.project.jsonc_document import JSONCDocument

BINDING = {"binding": "HYPERDRIVE", "id": "0123456789abcdef0123456789abcdef"}

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["// no comment", "/* nor this */", 'quote " and \\', "{", "],", "ü😀"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
BINDINGS = st.lists(
    st.fixed_dictionaries({"binding": st.sampled_from(["A", "B", "C"]), "id": st.text(max_size=4)}), max_size=3
)
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "$schema": st.just("node_modules/wrangler/config-schema.json"),
        "name": st.text(max_size=5),
        "compatibility_date": st.just("2026-09-08"),
        "compatibility_flags": st.lists(st.sampled_from(["python_workers", "nodejs_als"]), max_size=2),
        "hyperdrive": BINDINGS,
        "vars": st.dictionaries(st.text(max_size=4), VALUES, max_size=3),
        "env": st.fixed_dictionaries(
            {"staging": st.fixed_dictionaries({}, optional={"hyperdrive": BINDINGS, "name": st.just("s")})}
        ),
    },
)
FILLER: st.SearchStrategy[str] = st.sampled_from(
    ["", "", " ", "\n", "\n  ", "\n\t", " /* c */ ", "\n  // note\n  ", "\n\n\n"]
)


@st.composite
def jsonc_texts(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A config written with random layout and comments, and its data."""
    data = draw(CONFIGS)

    def write(value: Any) -> str:
        if isinstance(value, dict):
            items = [
                f"{draw(FILLER)}{json.dumps(k)}{draw(FILLER)}:{draw(FILLER)}{write(v)}{draw(FILLER)}"
                for k, v in value.items()
            ]
            return "{" + body(items) + "}"
        if isinstance(value, list):
            return "[" + body([f"{draw(FILLER)}{write(v)}{draw(FILLER)}" for v in value]) + "]"
        return json.dumps(value, ensure_ascii=draw(st.booleans()))

    def body(items: list[str]) -> str:
        trailing = "," if draw(st.booleans()) and items else ""
        return ",".join(items) + trailing + draw(FILLER)

    text = draw(FILLER) + write(data) + draw(FILLER)
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"]))), data


def pretty(data: Any, newline: str = "\n", indent: int | str = 2) -> str:
    return json.dumps(data, indent=indent).replace("\n", newline) + newline


def comments(text: str) -> list[str]:
    return re.findall(r"/\* c \*/|// note", text)


def assert_only_added(before: str, after: str) -> None:
    """`before` is `after` with characters left out, none moved or changed."""
    rest = iter(after)
    assert all(any(character == other for other in rest) for character in before)


@given(jsonc_texts())
def test_what_is_written_is_read(case: tuple[str, dict[str, Any]]) -> None:
    text, data = case
    assert JSONCDocument(text).data == data


@given(jsonc_texts(), st.sampled_from([(), ("env", "staging")]))
def test_appending_a_binding_changes_nothing_else(case: tuple[str, dict[str, Any]], base: tuple[str, ...]) -> None:
    text, data = case
    table = data.get("env", {}).get("staging") if base else data
    if table is None:
        return
    document = JSONCDocument(text)
    table.setdefault("hyperdrive", []).append(BINDING)

    document.append((*base, "hyperdrive"), BINDING)

    assert document.data == data
    assert comments(document.text) == comments(text)
    assert_only_added(text, document.text)
    assert document.text.count("\r\n") == document.text.count("\n") or "\r\n" not in text


@given(jsonc_texts())
def test_removing_each_binding_changes_nothing_else(case: tuple[str, dict[str, Any]]) -> None:
    text, data = case
    document = JSONCDocument(text)
    while data.get("hyperdrive"):
        before = document.text
        document.remove(("hyperdrive", 0))
        data["hyperdrive"].pop(0)
        assert document.data == data
        assert_only_added(document.text, before)


@given(jsonc_texts())
def test_setting_a_flag_and_a_key_changes_nothing_else(case: tuple[str, dict[str, Any]]) -> None:
    text, data = case
    document = JSONCDocument(text)
    if "compatibility_flags" in data:
        document.append(("compatibility_flags",), "nodejs_compat")
    else:
        document.set(("compatibility_flags",), ["nodejs_compat"], after="compatibility_date")
    document.set(("node_compat",), True, after="compatibility_date")
    assert_only_added(text, document.text)
    assert comments(document.text) == comments(text)
    data.setdefault("compatibility_flags", []).append("nodejs_compat")
    data["node_compat"] = True
    assert document.data == data
    document.remove(("node_compat",))
    del data["node_compat"]
    assert document.data == data


@given(jsonc_texts())
def test_a_key_goes_and_its_neighbours_stay(case: tuple[str, dict[str, Any]]) -> None:
    text, data = case
    document = JSONCDocument(text)
    for key in list(data):
        document.remove((key,))
        del data[key]
        assert document.data == data


@given(CONFIGS, st.just("\n") | st.just("\r\n"), st.sampled_from([2, 4, "\t"]))
def test_a_formatted_file_stays_formatted(data: dict[str, Any], newline: str, indent: int | str) -> None:
    document = JSONCDocument(pretty(data, newline, indent))
    document.append(("hyperdrive",), BINDING)
    known = bool(data)  # an empty object does not tell its indentation
    data.setdefault("hyperdrive", []).append(BINDING)
    assert document.text == pretty(data, newline, indent if known else 2)


def test_comments_and_layout_are_kept() -> None:
    document = JSONCDocument(
        """{
\t// The Worker
\t"name": "x",
\t"compatibility_date": "2026-09-08", // from the docs
\t/* databases */
\t"hyperdrive": [
\t\t{ "binding": "DB", "id": "1" } // main
\t],
}
"""
    )
    document.append(("hyperdrive",), {"binding": "DB2", "id": "2"})
    document.set(("compatibility_flags",), ["nodejs_compat"], after="compatibility_date")
    assert (
        document.text
        == """{
\t// The Worker
\t"name": "x",
\t"compatibility_date": "2026-09-08", // from the docs
\t"compatibility_flags": ["nodejs_compat"],
\t/* databases */
\t"hyperdrive": [
\t\t{ "binding": "DB", "id": "1" }, // main
\t\t{
\t\t\t"binding": "DB2",
\t\t\t"id": "2"
\t\t}
\t],
}
"""
    )


def test_a_file_on_one_line_stays_on_it() -> None:
    document = JSONCDocument('{"name": "x"}')
    document.append(("hyperdrive",), {"binding": "DB", "id": "1"})
    assert document.text == '{"name": "x", "hyperdrive": [{"binding": "DB", "id": "1"}]}'


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, 1),
        ("[]", 1, 1),
        ('{\n  "a": 1\n  "b": 2\n}', 3, 3),
        ('{\n  "a": tru\n}', 2, 8),
        ('{"a": "x\n"}', 1, 7),
        ("{a: 1}", 1, 2),
        ('{"a" 1}', 1, 6),
        ('{"a": 1} x', 1, 10),
        ('{"a": 1', 1, 8),
        ('{"a": 01}', 1, 8),
        ('{"a": "\\x"}', 1, 7),
        ("{\r\n/* open", 2, 1),
        ('{"a": [1,,2]}', 1, 10),
    ],
)
def test_broken_text_is_located(text: str, line: int, column: int) -> None:
    with pytest.raises(DocumentSyntaxError) as caught:
        JSONCDocument(text)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_nesting_has_a_limit() -> None:
    with pytest.raises(DocumentSyntaxError, match="deeply"):
        JSONCDocument('{"a": ' + "[" * 100_000)
