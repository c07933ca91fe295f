from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrangler_py.errors import WranglerError
from wrangler_py.project import dotenv
from wrangler_py.project.section import Section, read_section
from wrangler_py.project.variables import load_variables, variable_files


def section(environment: str | None = None, **data: object) -> Section:
    config: dict[str, object] = {"vars": {"A": "config", "N": {"x": [1]}}, **data}
    config["env"] = {"staging": {"vars": {"A": "staging"}}}
    return read_section(config, environment, "wrangler.toml")


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("A=1\nB = two words \n", {"A": "1", "B": "two words"}),
        ("export A=1\n  B: 2", {"A": "1", "B": "2"}),
        ("A='x # y' # comment", {"A": "x # y"}),
        ("A=x # comment\nB=#\nC=", {"A": "x", "B": "", "C": ""}),
        (
            "A=\"line\\nbreak\"\nB='line\\nbreak'\nC=`a \"b\" 'c'`",
            {"A": "line\nbreak", "B": "line\\nbreak", "C": "a \"b\" 'c'"},
        ),
        ('KEY="-----BEGIN\nabc\n-----END"\nB=2', {"KEY": "-----BEGIN\nabc\n-----END", "B": "2"}),
        ('A="unclosed\nB=2', {"A": '"unclosed', "B": "2"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1\nA=2", {"A": "2"}),
        ("# A=1\nnot a line\n=x\nB.C-D=1", {"B.C-D": "1"}),
        ('A={"json": true}', {"A": '{"json": true}'}),
        ("A=postgres://u:p@h/d?x=y", {"A": "postgres://u:p@h/d?x=y"}),
    ],
)
def test_files_are_read_as_dotenv_reads_them(text: str, variables: dict[str, str]) -> None:
    assert dotenv.parse(text) == variables


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    dotenv.expand(dotenv.parse(text), {})


@given(st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]*", fullmatch=True), st.text("ab '#=\n\t$`\\", max_size=9)))
def test_quoted_values_come_back(variables: dict[str, str]) -> None:
    variables = {name: value for name, value in variables.items() if "`" not in value and not value.endswith("\\")}
    text = "".join(f"{name}=`{value}`\n" for name, value in variables.items())
    assert dotenv.parse(text) == variables


def test_references_are_expanded() -> None:
    variables = {"A": "1", "B": "${A}$A", "C": "${NONE:-x}${NONE}", "D": r"\$A", "E": "$LATER", "LATER": "y"}
    assert dotenv.expand(variables, {}) == {
        "A": "1", "B": "11", "C": "x", "D": "$A", "E": "", "LATER": "y",
    }  # fmt: skip
    assert dotenv.expand({"A": "1", "B": "$A"}, {"A": "process"}) == {"A": "process", "B": "process"}


def test_config_then_dev_vars_then_overrides(tmp_path: Path) -> None:
    assert load_variables(tmp_path, section(), environ={}) == {"A": "config", "N": {"x": [1]}}
    (tmp_path / ".dev.vars").write_text("A=file\nB=file\nC=$A")
    (tmp_path / ".env").write_text("A=env\nD=env")
    loaded = load_variables(tmp_path, section(), overrides={"B": "flag"}, environ={})
    assert loaded == {"A": "file", "N": {"x": [1]}, "B": "flag", "C": "$A"}


def test_an_environments_dev_vars_stand_in_for_the_general_ones(tmp_path: Path) -> None:
    (tmp_path / ".dev.vars").write_text("A=general\nB=general")
    assert load_variables(tmp_path, section("staging"), environ={}) == {"A": "general", "B": "general"}
    (tmp_path / ".dev.vars.staging").write_text("C=special")
    assert load_variables(tmp_path, section("staging"), environ={}) == {"A": "staging", "C": "special"}
    assert load_variables(tmp_path, section(), environ={})["B"] == "general"


def test_env_files_add_up_the_most_specific_winning(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("W=1\nX=1\nY=1\nZ=1")
    (tmp_path / ".env.local").write_text("X=2\nY=2\nZ=2")
    (tmp_path / ".env.staging").write_text("Y=3\nZ=${Y}${X}")
    (tmp_path / ".env.staging.local").write_text("Z=4$X")
    loaded = load_variables(tmp_path, section("staging"), environ={})
    assert loaded == {"A": "staging", "W": "1", "X": "2", "Y": "3", "Z": "42"}
    assert load_variables(tmp_path, section(), environ={})["Z"] == "2"
    off = {"CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV": "false"}
    assert load_variables(tmp_path, section("staging"), environ=off) == {"A": "staging"}


def test_named_files_stand_in_for_env_files(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("B=default")
    first, second = tmp_path / "one.env", tmp_path / "two.env"
    first.write_text("B=1\nC=1")
    second.write_text("C=2")
    loaded = load_variables(tmp_path, section("staging"), env_files=[first, second], environ={})
    assert loaded == {"A": "staging", "B": "1", "C": "2"}
    (tmp_path / ".dev.vars").write_text("B=dev")
    assert variable_files(tmp_path, None, env_files=[first], environ={}) == (first,)
    assert variable_files(tmp_path, None, environ={}) == (tmp_path / ".dev.vars",)


def test_a_missing_named_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WranglerError, match="No such env file"):
        load_variables(tmp_path, section(), env_files=[tmp_path / "none.env"], environ={})


def test_process_variables_count_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=file\nB=$HOME")
    environ = {"HOME": "/home/x", "A": "process"}
    assert load_variables(tmp_path, section("staging"), environ=environ) == {"A": "file", "B": ""}
    environ["CLOUDFLARE_INCLUDE_PROCESS_ENV"] = "true"
    loaded = load_variables(tmp_path, section("staging"), environ=environ)
    assert (loaded["A"], loaded["B"], loaded["HOME"]) == ("process", "/home/x", "/home/x")


def test_declared_secrets_limit_what_files_give(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("KEY=file\nOTHER=file")
    declared = section(secrets={"required": ["KEY", "TOKEN"]})
    loaded = load_variables(tmp_path, declared, environ={"TOKEN": "process", "MORE": "x"})
    assert loaded == {"A": "config", "N": {"x": [1]}, "KEY": "file", "TOKEN": "process"}
