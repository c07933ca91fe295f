from __future__ import annotations

import json
from pathlib import Path

import pytest

from wrangler_py.project.config_file import ConfigFile
from wrangler_py.project.node_drivers import check_drivers, installed_package

COMPATIBLE = 'compatibility_date = "2026-04-01"\ncompatibility_flags = ["nodejs_compat"]\n'


def install(root: Path, **versions: str) -> None:
    for name, version in versions.items():
        package = root / "node_modules" / name.replace("_", "-")
        package.mkdir(parents=True)
        (package / "package.json").write_text(json.dumps({"name": name, "version": version}))


def problems(root: Path, config: str = COMPATIBLE) -> list[tuple[str, str]]:
    (root / "wrangler.toml").write_text(config)
    section = ConfigFile.find(root).section()
    return [(problem.message, problem.fix) for problem in check_drivers(root, section)]


def test_supported_versions_pass(tmp_path: Path) -> None:
    install(tmp_path, postgres="3.4.4", pg="8.11.0", drizzle_orm="0.26.2", kysely="0.26.3")
    assert problems(tmp_path) == []


def test_nothing_installed(tmp_path: Path) -> None:
    assert problems(tmp_path, "") == []


@pytest.mark.parametrize(
    ("name", "version", "minimum"),
    [
        ("postgres", "3.4.3", "3.4.4"),
        ("postgres", "3.4.4-beta.1", "3.4.4"),
        ("pg", "8.10.9", "8.11.0"),
        ("drizzle-orm", "0.9.99", "0.26.2"),
        ("kysely", "0.26.2", "0.26.3"),
    ],
)
def test_a_version_below_the_minimum(name: str, version: str, minimum: str, tmp_path: Path) -> None:
    install(tmp_path, **{name.replace("-", "_"): version})
    assert problems(tmp_path) == [
        (
            f"{name} {version} is too old for Hyperdrive, which works with {minimum} and later.",
            f"npm install {name}@latest",
        )
    ]


def test_the_version_of_pg_that_does_not_work(tmp_path: Path) -> None:
    install(tmp_path, pg="8.11.4")
    assert problems(tmp_path) == [("pg 8.11.4 reads connection strings wrongly.", "npm install pg@^8.11.5")]


def test_packages_of_a_folder_above_count(tmp_path: Path) -> None:
    install(tmp_path, pg="8.11.4")
    project = tmp_path / "apps" / "one"
    project.mkdir(parents=True)
    assert installed_package(project, "pg") == "8.11.4"
    assert len(problems(project)) == 1


@pytest.mark.parametrize(
    ("config", "fix"),
    [
        ("", "wrangler-py node-compat enable"),
        ('compatibility_flags = ["nodejs_als"]\n', "wrangler-py node-compat enable"),
        (COMPATIBLE.replace("2026-04-01", "2023-11-01"), 'Set compatibility_date to "2024-09-23" or later'),
    ],
)
@pytest.mark.parametrize("driver", ["pg", "postgres"])
def test_a_driver_without_node_compatibility(driver: str, config: str, fix: str, tmp_path: Path) -> None:
    install(tmp_path, **{driver: "9.0.0"})
    ((message, suggested),) = problems(tmp_path, config)
    assert driver in message
    assert fix in suggested


@pytest.mark.parametrize("config", ["node_compat = true\n", 'compatibility_flags = ["nodejs_compat_v2"]\n'])
def test_other_ways_to_node_compatibility(config: str, tmp_path: Path) -> None:
    install(tmp_path, pg="8.11.5")
    assert problems(tmp_path, config) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"version": 1}', '{"version": "next"}'])
def test_a_package_that_cannot_be_read(text: str, tmp_path: Path) -> None:
    install(tmp_path, kysely="1.0.0")
    (tmp_path / "node_modules" / "kysely" / "package.json").write_text(text)
    assert all("kysely next is too old" in message for message, _ in problems(tmp_path))
