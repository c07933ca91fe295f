"""`wrangler-py types`."""

from __future__ import annotations

from pathlib import Path

from support.command_line import CommandLine


def test_types_are_written_and_checked(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    (project / "wrangler.toml").write_text(
        'name = "w"\nmain = "src/entry.py"\n[vars]\nGREETING = "hi"\n'
        '[[hyperdrive]]\nbinding = "DB"\nid = "x"\n[[kv_namespaces]]\nbinding = "CACHE"\nid = "y"\n'
    )
    (project / ".dev.vars").write_text("API_TOKEN=very-secret\n")
    cli = CommandLine(tmp_path / "home", project)
    stale = cli("types", "--check")
    assert stale.status == 1
    assert "out of date" in stale.stderr
    written = cli("types")
    assert written.status == 0, written.stderr
    assert 'mypy_path = "typings"' in written.stdout
    env = (project / "typings" / "js" / "_bindings.pyi").read_text()
    for line in ("GREETING: str", "API_TOKEN: str", "DB: Hyperdrive", "CACHE: Unavailable"):
        assert line in env
    assert "very-secret" not in env
    assert cli("types", "--check").status == 0
    assert "up to date" in cli("types").stdout


def test_another_folder(tmp_path: Path) -> None:
    (tmp_path / "wrangler.toml").write_text('main = "entry.py"\n')
    outcome = CommandLine(tmp_path / "home", tmp_path)("types", "--path", "stubs")
    assert 'mypy_path = "stubs"' in outcome.stdout
    assert (tmp_path / "stubs" / "js" / "__init__.pyi").is_file()


def test_a_project_without_python(tmp_path: Path) -> None:
    (tmp_path / "wrangler.toml").write_text('main = "src/index.ts"\n')
    cli = CommandLine(tmp_path / "home", tmp_path)
    for arguments in ((), ("--check",)):
        assert "npx wrangler types" in cli.fails("types", *arguments)
    assert not (tmp_path / "typings").exists()
