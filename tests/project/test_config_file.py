from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wrangler_py.errors import WranglerError
from wrangler_py.project.config_file import BindingNameError, ConfigFile, is_identifier
from wrangler_py.project.section import HyperdriveBinding

ID = "0123456789abcdef0123456789abcdef"
TOML = """\
name = "app"
main = "src/entry.py"
compatibility_date = 2026-09-08
compatibility_flags = ["python_workers"]

[vars]
GREETING = "hi" # a comment
SINCE = 2020-01-01

[[kv_namespaces]]
binding = "CACHE"
id = "1"

[[hyperdrive]]
binding = "DB"
id = "one"
localConnectionString = "postgres://user:hunter2@localhost/app"

[durable_objects]
bindings = [{ name = "ROOM", class_name = "Room" }]

[[queues.producers]]
binding = "JOBS"
queue = "jobs"

[env.staging]
main = "src/staging.py"

[env.staging.vars]
GREETING = "hello"

[env.empty]
"""
JSONC = """\
{
  // comment
  "name": "app",
  "compatibility_flags": ["python_workers"],
  "hyperdrive": [{ "binding": "DB", "id": "one" }],
  "env": { "staging": {} },
}
"""


@pytest.fixture(params=["wrangler.toml", "wrangler.jsonc", "wrangler.json"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A config file of each kind: binding DB, environment staging, flag python_workers."""
    name: str = request.param
    file = tmp_path / name
    file.write_text(TOML if name.endswith("toml") else JSONC)
    return file


def test_the_top_level_is_read(tmp_path: Path) -> None:
    (tmp_path / "wrangler.toml").write_text(TOML)
    section = ConfigFile.find(tmp_path).section(None)
    assert section.name is None
    assert section.main == "src/entry.py"
    assert section.compatibility_date == "2026-09-08"
    assert section.compatibility_flags == ("python_workers",)
    assert section.vars == {"GREETING": "hi", "SINCE": "2020-01-01"}
    assert section.hyperdrive == (HyperdriveBinding("DB", "one", "postgres://user:hunter2@localhost/app"),)
    assert section.other_bindings == {
        "CACHE": "kv_namespaces",
        "ROOM": "durable_objects",
        "JOBS": "queues",
    }
    assert "hunter2" not in repr(section)


def test_an_environment_inherits_main_but_not_bindings(tmp_path: Path) -> None:
    (tmp_path / "wrangler.toml").write_text(TOML)
    file = ConfigFile.find(tmp_path)
    staging = file.section("staging")
    assert staging.main == "src/staging.py"
    assert staging.compatibility_flags == ("python_workers",)
    assert staging.vars == {"GREETING": "hello"}
    assert staging.hyperdrive == ()
    assert staging.other_bindings == {}
    empty = file.section("empty")
    assert empty.main == "src/entry.py"
    assert empty.vars == {}


def test_an_unknown_environment_names_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "wrangler.toml").write_text(TOML)
    with pytest.raises(WranglerError, match="'prod'") as caught:
        ConfigFile.find(tmp_path).section("prod")
    assert caught.value.hint == "It has: staging, empty."


def test_the_file_is_looked_for_upwards_and_json_comes_first(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    with pytest.raises(WranglerError, match=r"No wrangler\.toml"):
        ConfigFile.find(inner)
    (tmp_path / "a" / "wrangler.toml").write_text("")
    assert ConfigFile.find(inner).path == tmp_path / "a" / "wrangler.toml"
    (tmp_path / "a" / "wrangler.jsonc").write_text("{}")
    (tmp_path / "a" / "wrangler.json").write_text("{}")
    file = ConfigFile.find(inner)
    assert file.path == tmp_path / "a" / "wrangler.json"
    assert [path.name for path in file.ignored] == ["wrangler.jsonc", "wrangler.toml"]
    assert ConfigFile.find(inner, tmp_path / "a" / "wrangler.toml").path.suffix == ".toml"


def test_a_binding_is_added_replaced_and_removed(path: Path) -> None:
    file = ConfigFile.load(path)
    file.add_hyperdrive("HYPERDRIVE", ID)
    file.add_hyperdrive("HYPERDRIVE", ID, "staging")
    file.save()
    file = ConfigFile.load(path)
    assert [b.binding for b in file.section().hyperdrive] == ["DB", "HYPERDRIVE"]
    assert file.section("staging").hyperdrive == (HyperdriveBinding("HYPERDRIVE", ID),)
    assert "comment" in file.text

    file.add_hyperdrive("HYPERDRIVE", "two", replace=True)
    assert file.section().hyperdrive[1].id == "two"
    file.remove_hyperdrive("HYPERDRIVE")
    file.remove_hyperdrive("DB")
    file.remove_hyperdrive("HYPERDRIVE", "staging")
    assert file.section().hyperdrive == file.section("staging").hyperdrive == ()
    file.save()
    assert ConfigFile.load(path).section("staging").hyperdrive == ()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("DB", "hyperdrive"), ("GREETING", "vars"), ("CACHE", "kv_namespaces"), ("ROOM", "durable_objects")],
)
def test_a_taken_name_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / "wrangler.toml").write_text(TOML)
    file = ConfigFile.find(tmp_path)
    with pytest.raises(WranglerError, match=f"taken.*`{kind}`"):
        file.add_hyperdrive(name, ID)
    assert file.text == TOML


@pytest.mark.parametrize("id", ["0" * 32, "<YOUR_HYPERDRIVE_ID>"])
def test_a_placeholder_gives_way_to_an_id(path: Path, id: str) -> None:
    file = ConfigFile.load(path)
    file.add_hyperdrive("HYPERDRIVE", id)
    file.add_hyperdrive("HYPERDRIVE", ID)
    assert [entry.id for entry in file.section().hyperdrive] == ["one", ID]
    with pytest.raises(BindingNameError, match="taken"):
        file.add_hyperdrive("HYPERDRIVE", "two")


@pytest.mark.parametrize("name", ["", "1A", "MY-DB", "MY DB", "a.b", "ü", "A\n"])
def test_an_invalid_identifier_is_refused(path: Path, name: str) -> None:
    assert not is_identifier(name)
    with pytest.raises(WranglerError, match="is not a valid binding name"):
        ConfigFile.load(path).add_hyperdrive(name, ID)


def test_a_binding_that_is_not_there_cannot_be_removed(path: Path) -> None:
    with pytest.raises(WranglerError, match="no Hyperdrive binding OTHER") as caught:
        ConfigFile.load(path).remove_hyperdrive("OTHER")
    assert caught.value.hint == "It has: DB."


def test_flags_of_an_environment_start_from_the_inherited_ones(path: Path) -> None:
    file = ConfigFile.load(path)
    file.set_compatibility_flag("nodejs_compat", "staging")
    file.set_compatibility_flag("nodejs_compat", "staging")
    assert file.section("staging").compatibility_flags == ("python_workers", "nodejs_compat")
    assert file.section().compatibility_flags == ("python_workers",)
    file.remove_compatibility_flag("nodejs_compat", "staging")
    file.remove_compatibility_flag("python_workers")
    assert file.section("staging").compatibility_flags == ("python_workers",)
    assert file.section().compatibility_flags == ()


def test_an_inherited_legacy_key_is_switched_off_for_an_environment(path: Path) -> None:
    file = ConfigFile.load(path)
    file.set_node_compat()
    assert file.section("staging").node_compat
    file.remove_node_compat("staging")
    assert not file.section("staging").node_compat
    assert file.section().node_compat
    file.remove_node_compat()
    assert "node_compat" not in file.data


def test_saving_keeps_line_ends_mode_and_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "wrangler.toml"
    path.write_bytes(b'\xef\xbb\xbfname = "x"\r\n')
    path.chmod(0o640)
    file = ConfigFile.load(path)
    file.add_hyperdrive("DB", ID)
    file.save()
    assert path.read_bytes() == (
        b'\xef\xbb\xbfname = "x"\r\n\r\n[[hyperdrive]]\r\nbinding = "DB"\r\nid = "%s"\r\n' % ID.encode()
    )
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="making symbolic links needs rights")
def test_saving_follows_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    target = tmp_path / "shared" / "base.toml"
    target.write_text("")
    link = tmp_path / "wrangler.toml"
    link.symlink_to("shared/base.toml")
    file = ConfigFile.load(link)
    file.add_hyperdrive("DB", ID)
    file.save()
    assert link.is_symlink()
    assert "DB" in target.read_text()


def test_saving_without_an_edit_writes_nothing(path: Path) -> None:
    before = path.stat()
    ConfigFile.load(path).save()
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino


def test_a_change_made_meanwhile_is_not_overwritten(path: Path) -> None:
    file = ConfigFile.load(path)
    file.add_hyperdrive("OTHER", ID)
    theirs = path.read_bytes() + b"\n"
    path.write_bytes(theirs)
    with pytest.raises(WranglerError, match="changed by another program"):
        file.save()
    assert path.read_bytes() == theirs


@pytest.mark.skipif(sys.platform == "win32", reason="file sizes cannot be limited there")
def test_a_write_that_fails_half_way_leaves_the_file_alone(path: Path) -> None:
    before = path.read_bytes()
    script = """if True:
        import pathlib, resource, sys
        from wrangler_py.errors import WranglerError
        from wrangler_py.project.config_file import ConfigFile
        file = ConfigFile.load(pathlib.Path(sys.argv[1]))
        file.add_hyperdrive("OTHER", "1")
        resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
        try:
            file.save()
        except WranglerError as error:
            print(error.message)
    """
    result = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert result.stdout == f"Cannot write {path}: File too large.\n"
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_broken_toml_is_shown_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "wrangler.toml"
    path.write_text('name = "x"\n\tmain "y"\n')
    with pytest.raises(WranglerError) as caught:
        ConfigFile.load(path)
    assert caught.value.message.startswith(f"{path}:2:7: Expected '='")
    assert caught.value.hint == '2 | \tmain "y"\n  | \t     ^'


def test_broken_json_is_shown_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "wrangler.jsonc"
    path.write_text('{\n  "a": 1\n  "b": 2\n}\n')
    with pytest.raises(WranglerError, match=r":3:3: Expected ',' or '}'\.") as caught:
        ConfigFile.load(path)
    assert caught.value.hint == '3 |   "b": 2\n  |   ^'


def test_a_broken_line_does_not_show_a_password(tmp_path: Path) -> None:
    path = tmp_path / "wrangler.toml"
    path.write_text('localConnectionString "postgres://user:hunter2@host/db"\n')
    with pytest.raises(WranglerError) as caught:
        ConfigFile.load(path)
    assert "hunter2" not in str(caught.value.hint)
    assert "postgres://************@host/db" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("main = 1", "`main` must be a string"),
        ("vars = 1", "`vars` must be a table"),
        ("compatibility_flags = 'x'", "`compatibility_flags` must be an array"),
        ("compatibility_flags = [1]", "`compatibility_flags` must be an array of strings"),
        ("hyperdrive = [1]", r"`hyperdrive\[0\]` must be a table"),
        ("[[hyperdrive]]\nid = '1'", r"hyperdrive\[0\] has no `binding`"),
        ("[[hyperdrive]]\nbinding = 'A'\nid = 1", r"`hyperdrive\[0\].id` must be a string"),
    ],
)
def test_wrong_values_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrangler.toml"
    path.write_text(text)
    with pytest.raises(WranglerError, match=message):
        ConfigFile.load(path).section()


def test_files_that_are_no_config_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WranglerError, match="No such config file"):
        ConfigFile.load(tmp_path / "missing.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(WranglerError, match="Cannot read"):
        ConfigFile.load(tmp_path / "folder.toml")
    (tmp_path / "config.yaml").write_text("")
    with pytest.raises(WranglerError, match="must end in"):
        ConfigFile.load(tmp_path / "config.yaml")
    (tmp_path / "wrangler.toml").write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(WranglerError, match=":2: This is not UTF-8"):
        ConfigFile.load(tmp_path / "wrangler.toml")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("wrangler.toml", 'name = "x"\n'),
        ("wrangler.toml", 'name = "x"\n[env.a]\nname = "y"\n'),
        ("wrangler.toml", "[env.a]\n"),
        ("wrangler.toml", '[env]\na.name = "y"\n'),
        ("wrangler.toml", '[env]\na = { name = "y" }\n'),
        ("wrangler.toml", "\ufeff[env.a]\r\nvars.X = 1 # x\r\n"),
        ("wrangler.json", '{"name": "x", "env": {"a": {}}}'),
        ("wrangler.json", '{\n  "name": "x",\n  "env": {\n    "a": {\n      "name": "y"\n    }\n  }\n}\n'),
        ("wrangler.jsonc", '{\n  // c\n  "name": "x", // d\n  "env": { "a": { /* e */ } },\n}\n'),
    ],
)
@pytest.mark.parametrize("environment", [None, "a"])
def test_binding_and_unbinding_leaves_no_trace(
    name: str, text: str, environment: str | None, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode())
    before = ConfigFile.load(path).data
    if environment is not None and "env" not in before:
        return
    file = ConfigFile.load(path)
    file.add_hyperdrive("DB", ID, environment)
    file.save()
    file.remove_hyperdrive("DB", environment)
    file.save()
    assert ConfigFile.load(path).data == before


@pytest.mark.parametrize(
    ("name", "text", "left"),
    [
        ("wrangler.toml", 'hyperdrive = [{ binding = "DB", id = "1" }] # c\nname = "x"\n', {"name": "x"}),
        ("wrangler.toml", 'hyperdrive = [\n  # c\n  { binding = "DB", id = "1" },\n]\n', {}),
        ("wrangler.json", '{"hyperdrive": [{"binding": "DB", "id": "1"}]}', {}),
    ],
)
def test_the_last_binding_goes_with_its_array(
    name: str, text: str, left: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(text)
    file = ConfigFile.load(path)
    file.remove_hyperdrive("DB")
    file.save()
    assert ConfigFile.load(path).data == left


def test_the_last_flag_goes_with_its_array_unless_it_hides_others(path: Path) -> None:
    file = ConfigFile.load(path)
    file.set_compatibility_flag("nodejs_compat", "staging")
    for flag in ("python_workers", "nodejs_compat"):
        file.remove_compatibility_flag(flag, "staging")
    assert file.section("staging").compatibility_flags == ()
    assert file.section().compatibility_flags == ("python_workers",)
    file.remove_compatibility_flag("python_workers")
    assert "compatibility_flags" not in file.data
    file.set_compatibility_flag("nodejs_compat", "staging")
    file.remove_compatibility_flag("nodejs_compat", "staging")
    assert "compatibility_flags" not in file.data["env"]["staging"]


def test_an_environment_stays_that_only_its_binding_makes(tmp_path: Path) -> None:
    path = tmp_path / "wrangler.toml"
    path.write_text('[env]\na.hyperdrive = [{ binding = "DB", id = "1" }]\n')
    file = ConfigFile.load(path)
    file.remove_hyperdrive("DB", "a")
    assert file.environments == ("a",)


def test_an_edit_that_cannot_be_made_shows_the_lines(tmp_path: Path) -> None:
    path = tmp_path / "wrangler.toml"
    path.write_text('env = { a.name = "x" }\n')
    file = ConfigFile.load(path)
    with pytest.raises(WranglerError, match=r"`env\.a\.hyperdrive` cannot be edited") as caught:
        file.add_hyperdrive("DB", ID, "a")
    assert caught.value.hint == (
        f'Nothing was written. Add this by hand:\n[[env.a.hyperdrive]]\nbinding = "DB"\nid = "{ID}"'
    )
    file.save()
    assert path.read_text() == 'env = { a.name = "x" }\n'
