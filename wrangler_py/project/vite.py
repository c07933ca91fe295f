"""Projects whose Worker runs in Vite's dev server, by Cloudflare's plugin for it."""

from __future__ import annotations

from pathlib import Path

from wrangler_py.project.package_manager import read_package

VITE_PLUGIN = "@cloudflare/vite-plugin"


def vite_folder(root: Path) -> Path | None:
    """The folder of the package.json that lists the plugin: `root` or the nearest one above with a package.json."""
    for folder in (root, *root.parents):
        if (folder / "package.json").is_file():
            package = read_package(folder)
            listed = (package.get(key) for key in ("dependencies", "devDependencies"))
            return folder if any(isinstance(each, dict) and VITE_PLUGIN in each for each in listed) else None
    return None


def dev_script(folder: Path) -> str | None:
    """The name of the script that starts the dev server; None if package.json has none."""
    scripts = read_package(folder).get("scripts")
    if not isinstance(scripts, dict):
        return None
    return next((name for name in ("dev", "start") if isinstance(scripts.get(name), str)), None)
