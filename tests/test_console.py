from __future__ import annotations

import pytest

from wrangler_py.console import Console

STRING = "postgres://app:s3cr3t@localhost/app"
MASKED = "postgres://**********@localhost/app"


@pytest.fixture(autouse=True)
def _without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")


def test_results_and_messages_go_apart(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.out("result")
    console.success("done")
    console.info("by the way")
    console.warn("careful")
    console.error("wrong", "do this\nor that")
    said = capsys.readouterr()
    assert said.out == "result\n✅ done\n"
    assert said.err == "by the way\n▲ [WARNING] careful\n✘ [ERROR] wrong\n\n  do this\n  or that\n"


def test_secrets_are_masked_in_every_message(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.success(STRING)
    console.info(STRING)
    console.warn(STRING)
    console.error(STRING, STRING)
    console.table(["a"], [[STRING]])
    said = capsys.readouterr()
    assert "s3cr3t" not in said.out + said.err
    assert (said.out + said.err).count(MASKED) == 6


def test_data_in_a_table_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Console().table(["a\x1b[1m"], [["\x1b[31mred\nline"]])
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "a\\x1b[1m" in printed
    assert "\\x1b[31mred\\nline" in printed


def test_colours_follow_the_variables(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    Console().warn("careful")
    assert capsys.readouterr().err == "\x1b[33;1m▲ [WARNING]\x1b[0m careful\n"
    monkeypatch.setenv("NO_COLOR", "1")
    Console().warn("careful")
    assert capsys.readouterr().err == "▲ [WARNING] careful\n"
