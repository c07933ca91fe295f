from __future__ import annotations

import tomllib
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from wrangler_py.project.document import DocumentSyntaxError, UnsafeEditError
from wrangler_py.project.open_section import OpenSection, is_part
from wrangler_py.project.toml_document import TOMLDocument
from wrangler_py.project.toml_sections import sections_of

BINDING = {"binding": "HYPERDRIVE", "id": "0123456789abcdef0123456789abcdef"}

# Pieces of files as people write them; every combination is valid.
TOP = st.lists(
    st.sampled_from(
        [
            'name = "my-worker"',
            'main="src/entry.py"   # the entry',
            "compatibility_date = 2026-09-08",
            "compatibility_flags = ['python_workers']",
            "compatibility_flags = [\n  # why\n  \"python_workers\", # because\n  'nodejs_als'\n]",
            'compatibility_flags = [\n\t"python_workers",\n]',
            "compatibility_flags = []",
            'hyperdrive = [{ binding = "OTHER", id = "1" }]',
            'hyperdrive = [\n  { binding = "OTHER", id = "1" },   # first\n  {binding="THIRD",id="3"}\n]',
            "hyperdrive = [ # none yet\n]",
            "hyperdrive = []",
            "node_compat = true # legacy",
            'description = """\n[[hyperdrive]]\n# not a comment "" \\\n"""',
            "text = '''\n[env.staging]\n'quoted''''",
            '"quoted key" = "a \\" # b"',
            "vars.DOTTED = 1",
            "when = 1979-05-27 07:32:00Z",
            "nested = [[1, [2]], [{ a = [3], b.c = { d = 4 } }]]",
            "",
            "# A comment",
            "   # An indented comment",
            "  indented = 1",
        ]
    ),
    max_size=8,
)
TABLES = st.lists(
    st.sampled_from(
        [
            '[[hyperdrive]]\nbinding = "OTHER"\nid = "1"',
            '  [[hyperdrive]]\n  binding = "ANOTHER"\n  id = "2"\n  localConnectionString = "postgres://h/d"',
            "[observability]\nenabled = true",
            "[[kv_namespaces]]\nbinding = \"KV\"\nid = 'x' # comment",
            '[[d1_databases]]\nbinding = "DB"\n[d1_databases.inner]\nx = 1',
            "# Attached to a table\n[triggers]\ncrons = []\n# trailing",
            "# Alone",
        ]
    ),
    max_size=5,
    unique=True,
)
ENVIRONMENTS = st.lists(
    st.sampled_from(
        [
            '[env.staging]\nname = "staging"',
            '[env.staging]\ncompatibility_flags = ["a"]\n\n[env.staging.vars]\nA = 1',
            "[env.staging.vars]\nA = 1 # only a child",
            '[[env.staging.hyperdrive]]\nbinding = "OTHER"\nid = "1"\n\n[env.staging.vars]\nB = 2',
            '[[env.staging.hyperdrive]]\nbinding = "OTHER"\nid = "1"',
            '[env]\nstaging = { name = "inline" }',
            '[env]\nstaging.name = "dotted"\nstaging.compatibility_date = "2026-09-08"',
            '[ env . "staging" ]\nhyperdrive = [{ binding = "OTHER", id = "1" }]',
        ]
    ),
    max_size=1,
)
OTHER_ENVIRONMENTS = st.lists(
    st.sampled_from(['# Production\n[env.production]\nname = "p"', "[env.'odd name'.vars]\nX = 1"]),
    max_size=2,
    unique=True,
)


@st.composite
def toml_texts(draw: st.DrawFn) -> str:
    top: list[str] = []
    keys: set[str] = set()
    for piece in draw(TOP):
        key = piece.split("=")[0].strip() if "=" in piece and not piece.strip().startswith("#") else ""
        if not key or key not in keys:
            keys.add(key)
            top.append(piece)
    tables = draw(TABLES)
    if "hyperdrive" in keys:
        tables = [table for table in tables if "[[hyperdrive]]" not in table]
    blocks = [*draw(OTHER_ENVIRONMENTS), *tables, *draw(ENVIRONMENTS), *draw(OTHER_ENVIRONMENTS)]
    blocks = draw(st.permutations(list(dict.fromkeys(blocks))))
    separator = draw(st.sampled_from(["\n", "\n\n", "\n\n\n"]))
    text = "\n".join(top) + separator * bool(top and blocks) + separator.join(blocks)
    text += draw(st.sampled_from(["", "\n", "\n\n"]))
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


def is_valid(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


TEXTS = toml_texts().filter(is_valid)


def line_counts(text: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for line in text.splitlines(keepends=True):
        counts[line] = counts.get(line, 0) + 1
    return counts


def non_blank(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def assert_only_added(before: str, after: str) -> None:
    """Every line of `before` is in `after` and in the same order, with its own line end."""
    rest = iter(after.splitlines(keepends=True))
    for line in before.splitlines(keepends=True):
        assert any(other.startswith(line) for other in rest), f"{line!r} is gone"


@given(TEXTS)
def test_each_section_is_a_document_of_its_own(text: str) -> None:
    sections = sections_of(text)
    gaps, at = "", 0
    for section in sections:
        gaps += text[at : section.start]
        at = section.end
    gaps += text[at:]
    assert all(not line.strip() or line.lstrip().startswith("#") for line in gaps.splitlines())
    assert all(text[: section.start].endswith("\n") or section.start == 0 for section in sections)
    assert tomllib.loads("".join(text[s.start : s.end] for s in sections)) == tomllib.loads(text)
    for section in sections:
        data: Any = tomllib.loads(text[section.start : section.end])
        for key in section.path:
            if isinstance(key, str) or isinstance(data, list):
                data = data[0 if isinstance(key, int) else key]
        whole: Any = tomllib.loads(text)
        for key in section.path:
            whole = whole[key]
        assert set(data) <= set(whole)


@given(TEXTS)
def test_appending_a_binding_changes_nothing_else(text: str) -> None:
    document = TOMLDocument(text)
    expected: dict[str, Any] = tomllib.loads(text)
    expected.setdefault("hyperdrive", []).append(BINDING)
    inline = document.is_inline(("hyperdrive",))

    document.append(("hyperdrive",), BINDING)

    assert document.data == expected
    assert tomllib.loads(document.text) == expected
    if "\r" not in text:  # where it keeps line ends inside of strings, unlike tomllib
        assert tomlkit.parse(document.text).unwrap() == expected
    if not inline:
        assert_only_added(text, document.text)
    assert ("\r\n" in document.text) == ("\r\n" in text)
    assert "\n" not in document.text.replace("\r\n", "") or "\r\n" not in text


@given(TEXTS)
def test_appending_to_an_environment_changes_nothing_else(text: str) -> None:
    document = TOMLDocument(text)
    expected: dict[str, Any] = tomllib.loads(text)
    if "staging" not in expected.get("env", {}):
        return
    expected["env"]["staging"].setdefault("hyperdrive", []).append(BINDING)
    inline = document.is_inline(("env", "staging")) or document.is_inline(("env", "staging", "hyperdrive"))

    document.append(("env", "staging", "hyperdrive"), BINDING)

    assert tomllib.loads(document.text) == expected
    if not inline:
        assert_only_added(text, document.text)


@given(TEXTS, st.sampled_from(["", "env"]))
def test_a_binding_added_and_removed_leaves_the_data_and_the_comments(text: str, where: str) -> None:
    document = TOMLDocument(text)
    base: tuple[str, ...] = ("env", "staging") if where else ()
    if where and "staging" not in document.data.get("env", {}):
        return
    data = document.data if not where else document.data["env"]["staging"]
    count = len(data.get("hyperdrive", []))
    fresh = "hyperdrive" not in data
    before = tomllib.loads(text)

    document.append((*base, "hyperdrive"), BINDING)
    document.remove((*base, "hyperdrive", count))

    after = tomllib.loads(document.text)
    if fresh:
        (after["env"]["staging"] if where else after).pop("hyperdrive", None)
    assert after == before
    assert document.text.count("#") == text.count("#")
    if not document.is_inline((*base, "hyperdrive")):
        assert non_blank(document.text) == non_blank(text)


@given(TEXTS)
def test_removing_each_binding_changes_nothing_else(text: str) -> None:
    document = TOMLDocument(text)
    expected: dict[str, Any] = tomllib.loads(text)
    lines = line_counts(text)
    while document.data.get("hyperdrive"):
        inline = document.is_inline(("hyperdrive",))
        document.remove(("hyperdrive", 0))
        expected["hyperdrive"].pop(0)
        if not expected["hyperdrive"] and not inline:
            del expected["hyperdrive"]
        assert tomllib.loads(document.text) == expected
        if not inline:
            assert all(lines.get(line, 0) >= count for line, count in line_counts(document.text).items())


@given(TEXTS, st.sampled_from([(), ("env", "staging")]))
def test_setting_a_flag_changes_nothing_else(text: str, base: tuple[str, ...]) -> None:
    document = TOMLDocument(text)
    expected: dict[str, Any] = tomllib.loads(text)
    table = expected
    if base:
        if "staging" not in expected.get("env", {}):
            return
        table = expected["env"]["staging"]
    present = "compatibility_flags" in table
    inline = document.is_inline(base)
    table.setdefault("compatibility_flags", []).append("nodejs_compat")
    path = (*base, "compatibility_flags")

    if present:
        document.append(path, "nodejs_compat")
    else:
        document.set(path, ["nodejs_compat"], after="compatibility_date")

    assert tomllib.loads(document.text) == expected
    if "\r" not in text:  # where it keeps line ends inside of strings, unlike tomllib
        assert tomlkit.parse(document.text).unwrap() == expected
    if not present and not inline:
        assert_only_added(text, document.text)


@given(TEXTS)
def test_a_key_goes_and_its_neighbours_stay(text: str) -> None:
    document = TOMLDocument(text)
    expected: dict[str, Any] = tomllib.loads(text)
    for key in [key for key in expected if document.is_inline((key,))]:
        document.remove((key,))
        del expected[key]
        assert tomllib.loads(document.text) == expected


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('name = "x"\nmain "y"\n', 2, 6),
        ("a = 1\na = 2\n", 2, 6),
        ("a = [1,\n", 1, 8),
        ('a = "x', 1, 7),
    ],
)
def test_broken_text_is_located(text: str, line: int, column: int) -> None:
    with pytest.raises(DocumentSyntaxError) as caught:
        TOMLDocument(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert "(at " not in caught.value.message


def test_a_top_level_key_goes_before_the_first_table_and_its_comment() -> None:
    document = TOMLDocument("# License\n\n# The variables\n[vars]\nA = 1\n")
    document.set(("node_compat",), True)
    assert document.text == "# License\n\nnode_compat = true\n\n# The variables\n[vars]\nA = 1\n"


def test_a_binding_goes_before_the_environments() -> None:
    document = TOMLDocument('name = "x"\n\n# Staging\n[env.staging]\nname = "y"\n')
    document.append(("hyperdrive",), {"binding": "DB", "id": "1"})
    assert document.text == (
        'name = "x"\n\n[[hyperdrive]]\nbinding = "DB"\nid = "1"\n\n# Staging\n[env.staging]\nname = "y"\n'
    )


def test_a_file_without_a_last_line_end_keeps_its_line_ends() -> None:
    document = TOMLDocument('name = "x"\r\nmain = "y"')
    document.append(("hyperdrive",), {"binding": "DB", "id": "1"})
    assert document.text == ('name = "x"\r\nmain = "y"\r\n\r\n[[hyperdrive]]\r\nbinding = "DB"\r\nid = "1"\r\n')


def test_an_array_over_several_lines_grows_in_its_own_style() -> None:
    document = TOMLDocument('flags = [\n    "a", # first\n    "b"  # second\n]\n')
    document.append(("flags",), "c")
    assert document.text == 'flags = [\n    "a", # first\n    "b",  # second\n    "c"\n]\n'
    document.remove(("flags", 0))
    assert document.text == 'flags = [\n    "b",  # second\n    "c"\n]\n'


def test_an_environment_that_is_only_a_binding_stays_without_it() -> None:
    document = TOMLDocument('[[env.a.hyperdrive]]\nbinding = "X"\nid = "1"\n')
    document.remove(("env", "a", "hyperdrive", 0))
    assert document.text == "[env.a]\n"


def test_unsafe_edits_are_refused() -> None:
    text = 'env = { staging.name = "x" }\n'
    document = TOMLDocument(text)
    with pytest.raises(UnsafeEditError):
        document.append(("env", "staging", "hyperdrive"), {"binding": "DB", "id": "1"})
    assert document.text == text
    document.set(("name",), "still works")
    assert document.data["name"] == "still works"


def test_strings_are_quoted_for_toml() -> None:
    document = TOMLDocument("")
    document.set(("name",), 'quote " back \\ tab \t delete \x7f umlaut ü')
    assert tomllib.loads(document.text)["name"] == 'quote " back \\ tab \t delete \x7f umlaut ü'


@pytest.mark.parametrize(
    "text",
    [
        'name = "x"\n',
        'name = "x"\r\n\r\n[vars]\r\nA = 1\r\n',
        'name = "x"\n\n[[hyperdrive]]\nbinding = "A"\nid = "1"\n\n# Staging\n[env.staging]\nname = "y"\n',
    ],
)
def test_a_binding_added_and_removed_leaves_no_trace(text: str) -> None:
    document = TOMLDocument(text)
    count = len(document.data.get("hyperdrive", []))
    document.append(("hyperdrive",), BINDING)
    document.remove(("hyperdrive", count))
    assert document.text == text


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ('f = [\n "a",\n "b" # x\n # tail\n]\n', 'f = [\n "a",\n "b", # x\n # tail\n "c",\n]\n'),
        ('f = [ "a" # x\n]\n', 'f = [ "a", # x\n  "c",\n]\n'),
        ('f = ["a" # x\n # tail\n  ]\n', 'f = ["a", # x\n # tail\n "c",\n  ]\n'),
        ("f = [\n  # none\n]\n", 'f = [\n  # none\n  "c"\n]\n'),
        ('f = ["a", # x\n "b"]\n', 'f = ["a", # x\n "b",\n "c"]\n'),
    ],
)
def test_an_array_grows_whatever_comments_it_has(text: str, result: str) -> None:
    document = TOMLDocument(text)
    document.append(("f",), "c")
    assert document.text == result


def test_each_line_keeps_its_own_line_end() -> None:
    text = 'a = 1\r\nflags = [\n  "a"\r\n]\n# x\r\n[vars]\nA = 1\r\nB = """\nx\r\n"""\n\r\n[env.s]\nname = "y"'
    document = TOMLDocument(text)
    document.append(("flags",), "b")
    document.set(("env", "s", "main"), "m.py", after="name")
    document.append(("env", "s", "flags"), "z")
    assert document.text == (
        'a = 1\r\nflags = [\n  "a",\r\n  "b"\r\n]\n# x\r\n[vars]\nA = 1\r\nB = """\nx\r\n"""\n\r\n'
        '[env.s]\nname = "y"\r\nmain = "m.py"\r\nflags = ["z"]'
    )


def test_a_binding_among_tables_out_of_order() -> None:
    text = (
        '[[hyperdrive]]\nbinding = "A"\nid = "1"\n[vars]\nX = 1\n[[hyperdrive]] # two\nbinding = "B"\nid = "2"\n'
        "[env.a]\n[x.y]\n[x]\n"
    )
    document = TOMLDocument(text)
    document.set(("hyperdrive", 0, "id"), "9")
    document.append(("env", "a", "hyperdrive"), {"binding": "C", "id": "3"})
    document.remove(("hyperdrive", 1))
    assert document.text == (
        '[[hyperdrive]]\nbinding = "A"\nid = "9"\n[vars]\nX = 1\n[env.a]\n\n[[env.a.hyperdrive]]\nbinding = "C"\n'
        'id = "3"\n\n[x.y]\n[x]\n'
    )


def test_comments_and_strings_are_not_sections() -> None:
    text = "text = \"\"\"\n[a]\n# \"\"\"\nlist = [\n[1],\n[\n2]\n]\n# [b]\n[c]\nd = '''\n[e]\n#'''\n"
    document = TOMLDocument(text)
    document.set(("c", "f"), True)
    assert document.text == text + "f = true\n"


@pytest.mark.parametrize("damage", ["comment", "value", "order"])
def test_an_edit_that_changes_other_lines_is_refused(damage: str) -> None:
    text = "[vars]\nA = 1 # one\nB = 2\n"
    opened = OpenSection(text, sections_of(text)[-1])
    table = opened.table
    table["C"] = 3
    assert opened.edit(is_part).text == text + "C = 3\n"
    if damage == "comment":
        table.value.item("A").comment("two")
    elif damage == "value":
        table["B"] = 3
    else:
        del table["A"]
        table["A"] = 1
    with pytest.raises(UnsafeEditError, match="other lines would have changed"):
        opened.edit(is_part)
