"""wrangler and Postgres.js from npm, installed once into a cache folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

FOLDER = user_cache_path("wrangler-py-benchmarks") / "npm"
PACKAGES = ("wrangler@4", "postgres@3")
MISSING = "Node.js and npm are not here, so there is no wrangler to compare with: install Node.js 20 or later."


@dataclass(frozen=True)
class NodePackages:
    """`folder` has them in its node_modules; Workers below it can import them."""

    folder: Path
    node: str

    @property
    def wrangler(self) -> list[str]:
        """wrangler as its own script runs, without what npx adds."""
        return [self.node, str(self.folder / "node_modules" / "wrangler" / "bin" / "wrangler.js")]

    @property
    def environment(self) -> dict[str, str]:
        """Without what wrangler would ask of the network."""
        return {
            **os.environ,
            "CI": "1",
            "NO_COLOR": "1",
            "WRANGLER_SEND_METRICS": "false",
            "WRANGLER_HIDE_BANNER": "true",
            "CLOUDFLARE_CF_FETCH_ENABLED": "false",
        }


def installed_version(package: str) -> str | None:
    """The version in the cache folder."""
    about = FOLDER / "node_modules" / package / "package.json"
    return str(json.loads(about.read_text())["version"]) if about.exists() else None


def install_node_packages(say: Callable[[str], None]) -> NodePackages | None:
    """None without Node.js and npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    if not installed_version("wrangler") or not installed_version("postgres"):
        say(f"installing {' and '.join(PACKAGES)} into {FOLDER}")
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / "package.json").write_text('{"private": true}\n')
        command = [npm, "install", "--no-audit", "--no-fund", "--silent", *PACKAGES]
        subprocess.run(command, cwd=FOLDER, check=True, stdout=subprocess.DEVNULL)
    return NodePackages(FOLDER, node)
