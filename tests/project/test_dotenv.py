"""`.env` files, compared with the packages by which wrangler reads them."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from wrangler_py.errors import WranglerError
from wrangler_py.project import dotenv
from wrangler_py.project.section import read_section
from wrangler_py.project.variables import environment_variables, load_variables

PROGRAM = Path(__file__).parents[1] / "drivers" / "programs" / "dotenv.mjs"
TEXTS = 1200

NAMES = ["A", "B", "C", "LONG_NAME", "a.b", "x-y", "_", "10", "2", "nullable", "A1"]
EDGES = ["", "", "", " ", "  ", "\t", "\n", "\u00a0", "\u2028", "\ufeff", "\v"]
SEPARATORS = ["=", "=", "=", "=", " = ", "= ", " =", ": ", ":", ":\t", "\n=", "=\n", "==", " "]
STARTS = ["", "", "", "export ", "export\t", "exports ", "# ", "  ", "\ufeff", "export\n"]
PLAIN = [
    *("1", "two words", "x#y", "x #y", "#", "a=b", "a:b", "postgres://u:p@h/d?x=y&z=1#f", '{"json": true}', "é😀"),
    *("\\n", "\\r", "\\t", "\\\\", "\\", "\\'", '\\"', "\\`", "'", '"', "`", "''", '""', "C:\\new\\run", "\u2029"),
]
REFERENCES = [
    *(
        "$A",
        "${A}",
        "$B",
        "${B}",
        "$C",
        "${C}",
        "${LONG_NAME}",
        "${a.b}",
        "$LATER",
        "${10}",
        "$2",
        "$",
        "$$",
        "$$A",
    ),
    *("${A:-x}", "${A-x}", "${NONE:-x y}", "${NONE-}", "${NONE:-$B}", "${NONE:-${B}}", "${NONE:-${A:-deep}}"),
    *("${A:+set}", "${A+set}", "${NONE:+set}", "${A:-a:-b}", "${x-y}", "${}", "${ A }", "${A", "$A$B", "$nullable"),
    *("\\$A", "\\${A}", "\\\\$A", "\\$", "$&", "$'", "$`", "$1", "${NONE:-$&}", "${HOME}", "$EMPTY", "${EMPTY:-e}"),
]
ENDS = [
    "\n",
    "\n",
    "\n",
    "\n\n",
    "\r\n",
    "\r\n",
    "\r",
    " # comment\n",
    "# comment\n",
    " \n",
    "\u2028",
    "\n\t",
    " trailing\n",
]
ENVIRONMENTS: list[dict[str, str]] = [
    {},
    {},
    {"A": "process"},
    {"B": "", "HOME": "/home/x", "EMPTY": ""},
    {"C": "$A", "A": "\\$x", "LATER": "l", "NONE": "${A}"},
]


def value(draw: random.Random) -> str:
    inner = "".join(draw.choice(draw.choice([PLAIN, REFERENCES])) for _ in range(draw.randrange(4)))
    quote = draw.choice(["", "", "'", '"', '"', "`"])
    if quote and draw.random() < 0.4:
        inner = inner + draw.choice(["\n", "\r\n", "\n\n  "]) + draw.choice([*PLAIN, *REFERENCES])
    if quote and draw.random() < 0.6:
        inner = inner.replace(quote, "")
    closing = quote if draw.random() < 0.9 else ""
    return quote + inner + closing


def text(draw: random.Random) -> str:
    parts = [draw.choice(["", "", "", "\ufeff", "\n", "# first\n"])]
    for _ in range(draw.randrange(1, 7)):
        name = draw.choice(NAMES)
        parts += [draw.choice(STARTS), name, draw.choice(SEPARATORS), draw.choice(EDGES), value(draw)]
        parts += [draw.choice(EDGES), draw.choice(ENDS)]
    whole = "".join(parts)
    return whole.rstrip("\n") if draw.random() < 0.2 else whole


def cases() -> list[dict[str, Any]]:
    """Cases from numbered seeds, so that each is the same in every run."""
    found: list[dict[str, Any]] = []
    for seed in range(TEXTS):
        draw = random.Random(seed)
        texts = [text(draw) for _ in range(draw.choice([1, 1, 1, 2, 4]))]
        found.append({"texts": texts, "environ": draw.choice(ENVIRONMENTS)})
    return found


@pytest.fixture(scope="module")
def answers(node: str, node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What dotenv and dotenv-expand make of `cases()`."""
    folder = tmp_path_factory.mktemp("dotenv")
    (folder / "node_modules").symlink_to(node_modules)
    (folder / "program.mjs").write_bytes(PROGRAM.read_bytes())
    (folder / "cases.json").write_text(json.dumps(cases()))
    result = subprocess.run(
        [node, "program.mjs", "cases.json"], cwd=folder, capture_output=True, encoding="utf-8", check=True
    )
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_texts_are_read_as_dotenv_reads_them(answers: list[dict[str, Any]]) -> None:
    for case, answer in zip(cases(), answers, strict=True):
        parsed: dict[str, str] = {}
        for each in case["texts"]:
            parsed.update(dotenv.parse(each))
        assert parsed == answer["raw"], case
    assert len({json.dumps(answer["raw"]) for answer in answers}) > 300


def test_references_are_expanded_as_dotenv_expand_does(answers: list[dict[str, Any]]) -> None:
    outcomes = set()
    for case, answer in zip(cases(), answers, strict=True):
        environ = case["environ"]
        try:
            found: Any = {**environ, **dotenv.expand(answer["raw"], environ)}
        except WranglerError:
            found = "endless"
        assert found == answer["expanded"], case
        outcomes.add(json.dumps(found))
    assert len(outcomes) > 300


def test_the_files_of_a_project_add_up_as_in_wrangler(answers: list[dict[str, Any]], tmp_path: Path) -> None:
    section = read_section({"env": {"staging": {}}}, "staging", "wrangler.toml")
    files = [".env", ".env.local", ".env.staging", ".env.staging.local"]
    count = 0
    for case, answer in zip(cases(), answers, strict=True):
        if len(case["texts"]) < len(files) or answer["expanded"] == "endless":
            continue
        count += 1
        for name, each in zip(files, case["texts"], strict=True):
            (tmp_path / name).write_bytes(each.encode())
        assert environment_variables(tmp_path, "staging", environ=case["environ"]) == answer["expanded"]
        if not case["environ"]:
            assert load_variables(tmp_path, section, environ={}) == answer["expanded"]
    assert count > 100


def test_references_without_end_are_an_error() -> None:
    with pytest.raises(WranglerError, match="The variable B refers to itself"):
        dotenv.expand({"A": "\\${A}", "B": "y${A}"}, {})


def test_switches_are_booleans(tmp_path: Path) -> None:
    section = read_section({}, None, "wrangler.toml")
    for name in ("CLOUDFLARE_INCLUDE_PROCESS_ENV", "CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV"):
        with pytest.raises(WranglerError, match=f"{name} is neither"):
            load_variables(tmp_path, section, environ={name: "1"})


def test_a_switch_may_be_in_a_file(tmp_path: Path) -> None:
    section = read_section({}, None, "wrangler.toml")
    (tmp_path / ".env").write_text("CLOUDFLARE_INCLUDE_PROCESS_ENV=true\nA=$HOME")
    assert load_variables(tmp_path, section, environ={"HOME": "/home/x"}) == {
        "A": "/home/x",
        "CLOUDFLARE_INCLUDE_PROCESS_ENV": "true",
        "HOME": "/home/x",
    }


def test_declared_secrets_bring_the_process_in(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("KEY=$TOKEN\nA=file\nOTHER=file")
    section = read_section(
        {"vars": {"A": "config"}, "secrets": {"required": ["KEY", "TOKEN"]}}, None, "wrangler.toml"
    )
    environ = {"TOKEN": "process", "MORE": "x"}
    assert load_variables(tmp_path, section, environ=environ) == {"A": "file", "KEY": "process", "TOKEN": "process"}
    none_required = read_section({"vars": {"A": "config"}, "secrets": {}}, None, "wrangler.toml")
    assert load_variables(tmp_path, none_required, environ={**environ, "A": "process"}) == {"A": "process"}
