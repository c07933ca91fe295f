"""Checks whether a folder of static assets can be deployed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from wrangler_py.worker.assets.ignore_file import IGNORE_FILE, IgnorePatterns
from wrangler_py.worker.assets.size_limits import MAX_ASSET_COUNT, MAX_ASSET_SIZE

WORKER_FILE = "_worker.js"


_PRIVATE = (".dev.vars", ".env", "wrangler.toml", "wrangler.json", "wrangler.jsonc")
"""How the names of files begin that are not meant to be read by everyone."""
_NAMED = 3


def warning_of_private_files(directory: Path) -> str | None:
    """A warning of files in the folder that were hardly meant to be public; None if there are none."""
    patterns, _ = _patterns(directory)
    private = sorted(path for path, entry in _files(directory, "", patterns) if entry.name.startswith(_PRIVATE))
    if not private:
        return None
    named = ", ".join(private[:_NAMED]) + (", …" if len(private) > _NAMED else "")
    return (
        f"Everyone can read {named} as a static asset, here and once it is deployed. "
        f"List it in {directory.name}/{IGNORE_FILE}, or serve another folder."
    )


def reason_not_to_deploy(directory: Path) -> str | None:
    """Why wrangler would refuse the folder, in its words; None if it would not."""
    patterns, has_ignore_file = _patterns(directory)
    count = 0
    for path, entry in _files(directory, "", patterns):
        count += 1
        try:
            size = entry.stat().st_size
        except OSError:
            continue
        if size > MAX_ASSET_SIZE:
            return (
                f"Asset too large.\nCloudflare Workers supports assets with sizes of up to "
                f"{MAX_ASSET_SIZE // 2**20} MiB. We found a file {directory / path} with a size of "
                f'{size / 2**20:.3g} MiB.\nEnsure all assets in your assets directory "{directory}" conform with '
                "the Workers maximum size requirement."
            )
        if path.startswith(WORKER_FILE) and not has_ignore_file:
            kind = "file" if path == WORKER_FILE else "directory"
            return (
                f"Uploading a Pages {WORKER_FILE} {kind} as an asset.\n"
                "This could expose your private server-side code to the public Internet. Is this intended?\n"
                f'If you do not want to upload this {kind}, either remove it or add an "{IGNORE_FILE}" file, to '
                f'the root of your asset directory, containing "{WORKER_FILE}" to avoid uploading.\n'
                f'If you do want to upload this {kind}, you can add an empty "{IGNORE_FILE}" file, to the root of '
                "your asset directory, to hide this error."
            )
    if count > MAX_ASSET_COUNT:
        return (
            "Maximum number of assets exceeded.\n"
            f"Cloudflare Workers supports up to {MAX_ASSET_COUNT:,} assets in a version. "
            f'We found {count:,} files in the specified assets directory "{directory}".\n'
            f"Ensure your assets directory contains a maximum of {MAX_ASSET_COUNT:,} files, and that you have "
            "specified your assets directory correctly."
        )
    return None


def _patterns(directory: Path) -> tuple[IgnorePatterns, bool]:
    try:
        return IgnorePatterns((directory / IGNORE_FILE).read_bytes().decode(errors="replace")), True
    except OSError:
        return IgnorePatterns(), False


def _files(folder: Path, prefix: str, patterns: IgnorePatterns) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """The files below `folder` with their relative paths, without those that are ignored."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        path = f"{prefix}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if not patterns.ignores(f"{path}/"):
                yield from _files(folder / entry.name, f"{path}/", patterns)
        elif _is_file(entry) and not patterns.ignores(path):
            yield path, entry


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a symbolic link that leads to itself
        return False
