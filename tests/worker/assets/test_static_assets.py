"""Static assets through the front door: files that change, paths that would leave the folder, ends of all kinds."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from support.asset_answers import ask
from support.asset_sites import ESCAPES
from support.dev_process import DevProcess, write_project
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

ENTRY = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("worker")
"""
ASSETS = '[assets]\ndirectory = "public"\n'
ASSETS_ONLY = f'name = "app"\ncompatibility_date = "2026-09-08"\n{ASSETS}'


def with_files(root: Path, files: dict[str, str], entry: str = ENTRY, config: str = ASSETS) -> Path:
    write_project(root, entry, config)
    write_files(root / "public", files)
    return root


def write_files(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def raw(dev: DevProcess, path: str) -> tuple[int, bytes]:
    """The answer to a path that a client would not send as it stands."""
    port = urlsplit(dev.url).port
    assert port is not None
    status, _, body = ask(port, "GET", path, {})
    return status, body


def test_files_come_first_and_the_worker_answers_the_rest(tmp_path: Path) -> None:
    with DevProcess(with_files(tmp_path, {"index.html": "<h1>home</h1>"})) as dev:
        assert dev.ready().get("/").text == "<h1>home</h1>"
        assert dev.get("/nothing").text == "worker"
        dev.wait_for("^Static assets: public$")
        dev.wait_for("^GET / 200 OK ")


def test_the_next_request_sees_what_was_saved(tmp_path: Path) -> None:
    root = with_files(tmp_path, {"page.txt": "one"})
    page = root / "public" / "page.txt"
    with DevProcess(root) as dev:
        assert dev.ready().get("/page.txt").text == "one"
        about = page.stat()
        tags = set()
        for text in ("two", "six", "ten"):
            page.write_text(text)
            os.utime(page, ns=(about.st_atime_ns, about.st_mtime_ns))  # as an editor or a build tool may do
            answer = dev.get("/page.txt")
            assert answer.text == text
            tags.add(answer.headers["etag"])
            again = httpx.get(f"{dev.url}/page.txt", headers={"If-None-Match": answer.headers["etag"]})
            assert again.status_code == 304
        assert len(tags) == 3
        (root / "public" / "new").mkdir()
        (root / "public" / "new" / "index.html").write_text("new")
        assert dev.get("/new/").text == "new"
        page.rename(root / "public" / "other.txt")
        assert dev.get("/page.txt").text == "worker"
        assert dev.get("/other.txt").text == "ten"
        (root / "public" / "_headers").write_text("/other.txt\n  X-One: 1\n")
        assert dev.get("/other.txt").headers["x-one"] == "1"
        (root / "public" / "_headers").write_text("/other.txt\n  X-One: 2\n/bad\n")
        assert dev.get("/other.txt").headers["x-one"] == "2"
        dev.wait_for("▶︎ No headers specified")
        (root / "public" / "_headers").unlink()
        assert "x-one" not in dev.get("/other.txt").headers
        (root / "public" / "_redirects").write_text("/other.txt /new/ 301\n")
        assert dev.get("/other.txt").headers["location"] == "/new/"
        (root / "public" / "_redirects").unlink()
        (root / "public" / ".assetsignore").write_text("other.txt\n")
        assert dev.get("/other.txt").text == "worker"
        (root / "public" / ".assetsignore").write_text("# nothing\n")
        assert dev.get("/other.txt").text == "ten"


@pytest.mark.parametrize("worker", [True, False], ids=["beside a Worker", "alone"])
def test_no_path_leaves_the_folder(tmp_path: Path, worker: bool) -> None:
    root = with_files(tmp_path, {"index.html": "home", "blog/post.html": "post", "_headers": "/x\n  X-Y: z\n"})
    if not worker:
        (root / "wrangler.toml").write_text(ASSETS_ONLY)
    (root / "outside.txt").write_text("outside of the folder")
    secret = "outside of the folder", "compatibility_date", "X-Y"
    with DevProcess(root) as dev:
        dev.ready()
        for path in ESCAPES:
            status, body = raw(dev, path)
            assert status in (200, 307, 404), path
            assert not any(text in body.decode(errors="replace") for text in secret), path


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a privilege on Windows")
def test_links_that_lead_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    root = with_files(tmp_path, {"inside.txt": "inside", "sub/a.txt": "a"})
    write_files(tmp_path / "private", {"key.txt": "secret"})
    public = root / "public"
    (public / "key.txt").symlink_to(root / "private" / "key.txt")
    (public / "relative.txt").symlink_to(Path("..", "private", "key.txt"))
    (public / "private").symlink_to(root / "private", target_is_directory=True)
    (public / "chain.txt").symlink_to(public / "key.txt")
    (public / "publicly").symlink_to(root / "public-too", target_is_directory=True)
    write_files(root / "public-too", {"b.txt": "begins with the name of the folder"})
    (public / "loop").symlink_to(public / "loop")
    (public / "dangling.txt").symlink_to(root / "nowhere")
    (public / "link.txt").symlink_to(public / "inside.txt")
    (public / "linked").symlink_to(public / "sub", target_is_directory=True)
    os.mkfifo(public / "pipe")
    with DevProcess(root) as dev:
        dev.ready()
        for path in ("key.txt", "relative.txt", "private/key.txt", "chain.txt", "publicly/b.txt", "loop"):
            assert dev.get(f"/{path}").text == "worker", path
        for path in ("dangling.txt", "pipe", "sub"):
            assert dev.get(f"/{path}").text == "worker", path
        assert dev.get("/link.txt").text == "inside"
        assert dev.get("/linked/a.txt").text == "a"
        dev.wait_for("/private/key.txt is not served: a symbolic link leads out of the folder")


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a privilege on Windows")
def test_the_folder_may_be_a_link_itself(tmp_path: Path) -> None:
    root = with_files(tmp_path / "project", {})
    (root / "public").rmdir()
    write_files(tmp_path / "built", {"index.html": "built"})
    (root / "public").symlink_to(tmp_path / "built", target_is_directory=True)
    with DevProcess(root) as dev:
        assert dev.ready().get("/").text == "built"


def test_assets_without_a_worker(tmp_path: Path) -> None:
    write_files(tmp_path / "public", {"index.html": "home"})
    (tmp_path / "wrangler.toml").write_text(ASSETS_ONLY)
    with DevProcess(tmp_path) as dev:
        assert dev.ready().get("/").text == "home"
        assert dev.get("/nothing").status_code == 404
        assert dev.get("/cdn-cgi/handler/scheduled").status_code == 404
        assert httpx.post(dev.url).status_code == 405
        (tmp_path / "src").mkdir()
        (tmp_path / "src" / "entry.py").write_text(ENTRY)
        flags = 'main = "src/entry.py"\ncompatibility_flags = ["python_workers"]\n'
        (tmp_path / "wrangler.toml").write_text(flags + ASSETS_ONLY)
        dev.wait_until_answers("worker", "/nothing")
        assert dev.get("/").text == "home"
        assert dev.interrupt() == 0


def test_a_changed_config_is_followed(tmp_path: Path) -> None:
    root = with_files(tmp_path, {"index.html": "home"})
    write_files(root / "other", {"index.html": "other"})
    config = (root / "wrangler.toml").read_text()
    with DevProcess(root) as dev:
        assert dev.ready().get("/").text == "home"
        (root / "wrangler.toml").write_text(config.replace('"public"', '"other"'))
        dev.wait_until_answers("other")
        (root / "wrangler.toml").write_text(config.replace('"public"', '"missing"'))
        dev.wait_for("does not exist")
        assert dev.get("/").text == "other"


def test_files_are_served_while_the_worker_cannot_be_loaded(tmp_path: Path) -> None:
    with DevProcess(with_files(tmp_path, {"index.html": "home"}, "import nowhere\n")) as dev:
        dev.wait_for("The Worker cannot be loaded")
        assert dev.ready().get("/").text == "home"
        assert dev.get("/nothing").status_code == 500


def test_a_large_file_arrives_whole(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096 * 20
    root = with_files(tmp_path, {})
    (root / "public" / "large.bin").write_bytes(content)
    with DevProcess(root) as dev:
        assert dev.ready().get("/large.bin").content == content
        head = httpx.head(f"{dev.url}/large.bin")
        assert head.headers["content-length"] == str(len(content))
        with (root / "public" / "huge.bin").open("wb") as file:
            file.truncate(25 * 2**20 + 1)
        assert dev.get("/huge.bin").status_code == 500
        dev.wait_for("/huge.bin is larger than the 25 MiB of a static asset")


def test_a_client_that_goes_away_leaves_nothing_behind(tmp_path: Path) -> None:
    root = with_files(tmp_path, {"index.html": "home"})
    (root / "public" / "large.bin").write_bytes(bytes(20 * 2**20))
    with DevProcess(root) as dev:
        address = urlsplit(dev.ready().url)
        with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
            connection.sendall(b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(1000)
        assert dev.get("/").text == "home"
        assert dev.interrupt() == 0
        assert "Traceback" not in dev.output


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    root = with_files(tmp_path, {"index.html": "home"})
    if os.name == "nt" or os.geteuid() == 0:
        pytest.skip("this user may read every file")
    (root / "public" / "index.html").chmod(0)
    with DevProcess(root) as dev:
        assert dev.ready().get("/").status_code == 500
        dev.wait_for("Cannot read the static asset /index.html: Permission denied")


def test_a_websocket_at_the_path_of_a_file(tmp_path: Path) -> None:
    with DevProcess(with_files(tmp_path, {"about.html": "about"})) as dev:
        url = dev.ready().url.replace("http", "ws")
        with pytest.raises(InvalidStatus) as refused, connect(f"{url}/about"):
            pass
        assert refused.value.response.status_code == 200
        assert refused.value.response.body == b"about"


def test_the_table_is_inherited_by_environments(tmp_path: Path) -> None:
    config = (
        '[assets]\ndirectory = "public"\nbinding = "ASSETS"\n[env.same]\n[env.other.assets]\ndirectory = "other"\n'
        '[env.other.vars]\nASSETS = "free"\n'
    )
    entry = ENTRY.replace('"worker"', 'str(hasattr(self.env.ASSETS, "fetch"))')
    root = with_files(tmp_path, {"index.html": "home"}, entry, config)
    write_files(root / "other", {"index.html": "other"})
    with DevProcess(root, "--env", "same") as dev:
        assert dev.ready().get("/").text == "home"
        assert dev.get("/nothing").text == "True"
    with DevProcess(root, "--env", "other") as dev:
        assert dev.ready().get("/").text == "other"
        assert dev.get("/nothing").text == "False"


WORDS = {
    'assets = "public"': '"assets" should be an object, but got value "public" of type string',
    "[assets]\ndirectory = 5": 'Expected "assets.directory" to be of type string but got 5.',
    '[assets]\ndirectory = "public"\nbinding = true': (
        'Expected "assets.binding" to be of type string but got true.'
    ),
    '[assets]\ndirectory = "public"\nhtml_handling = "x"': (
        'Expected "assets.html_handling" field to be one of '
        '["auto-trailing-slash","force-trailing-slash","drop-trailing-slash","none"] but got "x".'
    ),
    '[assets]\ndirectory = "public"\nnot_found_handling = "spa"': (
        'Expected "assets.not_found_handling" field to be one of '
        '["single-page-application","404-page","none"] but got "spa".'
    ),
    '[assets]\ndirectory = "public"\nrun_worker_first = "/a"': (
        'The field "assets.run_worker_first" should be an array of strings or a boolean, but got "/a".'
    ),
    '[assets]\ndirectory = "public"\nrun_worker_first = [1]': (
        'Expected "assets.run_worker_first.[0]" to be of type string but got 1.'
    ),
    '[assets]\ndirectory = "public"\nrun_worker_first = []': "No `run_worker_first` rules were provided",
    '[assets]\ndirectory = "public"\nrun_worker_first = ["!/a"]': "Only negative `run_worker_first` rules",
    '[assets]\ndirectory = "public"\nrun_worker_first = ["a"]': "'a': rules must start with '/' or '!/'",
    '[assets]\ndirectory = "public"\nrun_worker_first = ["/x", "!b"]': "'!b': negative rules must start with '!/'",
    '[assets]\ndirectory = "public"\nrun_worker_first = ["/x/*", "/x/y"]': "'/x/y': rule '/x/*' makes it redundant",
    '[assets]\ndirectory = "public"\nrun_worker_first = ["/x", "/x"]': "'/x': rule is a duplicate",
    '[assets]\ndirectory = "public"\nbase_path = ""': "Invalid assets base_path: The value must not be empty.",
    '[assets]\ndirectory = "public"\nbase_path = "//x"': "base_path: The value must be a pathname, not a URL.",
    '[assets]\ndirectory = "public"\nbase_path = "/a?b"': "must not contain query strings or fragments.",
    '[assets]\nbinding = "A"': "is missing the required `directory` property",
    '[assets]\ndirectory = ""': "The assets directory cannot be an empty string.",
    '[assets]\ndirectory = "nope"': (
        'The directory specified by the "assets.directory" field in your configuration file does not exist'
    ),
    '[assets]\ndirectory = "src/entry.py"': "doesn't point to a directory",
    '[assets]\ndirectory = "public"\n[site]\nbucket = "public"': "Cannot use assets and Workers Sites",
    '[assets]\ndirectory = "public"\nbinding = "A"\n[vars]\nA = "1"\n[[hyperdrive]]\nbinding = "A"\nid = "x"': "A",
}
WORDS_WITHOUT_MAIN = {
    f'{ASSETS}binding = "A"': "Cannot use assets with a binding in an assets-only Worker.",
    f"{ASSETS}run_worker_first = true": "Cannot set run_worker_first without a Worker script.",
    f'{ASSETS}run_worker_first = ["/a"]': "Cannot set run_worker_first without a Worker script.",
}


@pytest.mark.parametrize("config", WORDS)
def test_errors_in_the_table(config: str, tmp_path: Path) -> None:
    refused(with_files(tmp_path, {}, config=f"{config}\n"), WORDS[config])


@pytest.mark.parametrize("config", WORDS_WITHOUT_MAIN)
def test_errors_without_a_worker(config: str, tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "wrangler.toml").write_text(f'name = "app"\ncompatibility_date = "2026-09-08"\n{config}\n')
    refused(tmp_path, WORDS_WITHOUT_MAIN[config])


def test_an_error_in_an_environment(tmp_path: Path) -> None:
    root = with_files(tmp_path, {}, config=f"{ASSETS}[env.x.assets]\ndirectory = 5\n")
    refused(root, 'wrangler.toml (environment x): Expected "assets.directory" to be of type string', "--env", "x")


def test_folders_that_cannot_be_deployed_are_refused(tmp_path: Path) -> None:
    root = with_files(tmp_path, {"sub/_worker.js": "fine", "_worker.js": "not fine"})
    refused(root, "Uploading a Pages _worker.js file as an asset.")
    write_files(root / "public", {".assetsignore": "_worker.js\nbig\n"})
    with (root / "public" / "big").open("wb") as file:
        file.truncate(26 * 2**20)
    with DevProcess(root) as dev:
        assert dev.ready().get("/_worker.js").text == "worker"
    write_files(root / "public", {".assetsignore": "_worker.js\n"})
    refused(root, "Asset too large.")


def test_what_is_probably_not_meant(tmp_path: Path) -> None:
    root = with_files(tmp_path, {}, config=f"{ASSETS}run_worker_first = true\nnot_found = 1\n")
    with DevProcess(root) as dev:
        dev.ready()
        dev.wait_for('Unexpected fields found in assets field: "not_found"')
        dev.wait_for("run_worker_first=true set without an assets binding")


def test_private_files_in_the_folder_are_warned_of(tmp_path: Path) -> None:
    root = with_files(tmp_path, {}, config='[assets]\ndirectory = "."\n')
    (root / ".dev.vars").write_text("TOKEN=secret\n")
    write_files(root, {".assetsignore": "src\nhome\nwrangler.toml\n"})
    with DevProcess(root) as dev:
        dev.ready()
        dev.wait_for(r"Everyone can read \.dev\.vars as a static asset")
        assert dev.get("/src/entry.py").text == "worker"


def refused(root: Path, words: str, *arguments: str) -> None:
    with DevProcess(root, *arguments) as dev:
        assert dev.wait() == 1, dev.output
        shown = " ".join(dev.output.split())
        assert " ".join(words.split()) in shown
        assert "Traceback" not in dev.output
