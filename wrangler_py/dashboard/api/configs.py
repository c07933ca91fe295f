"""Hyperdrive configs of the local store: what the commands do, with the same messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from wrangler_py.dashboard.api.operation import (
    BINDING,
    COUNT,
    FLAG,
    OPTIONAL_COUNT,
    OPTIONAL_TEXT,
    TEXT,
    ApiError,
    Call,
    Field,
    Fields,
    Operation,
    list_of,
    not_found,
    object_of,
)
from wrangler_py.dashboard.api.progress import MESSAGES, RecordedProgress
from wrangler_py.dashboard.sources import ProjectPlace
from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive import config_actions
from wrangler_py.hyperdrive.certificates import CertificateStore
from wrangler_py.hyperdrive.config import HyperdriveConfig
from wrangler_py.hyperdrive.config_json import to_public
from wrangler_py.hyperdrive.config_options import ConfigOptions
from wrangler_py.hyperdrive.config_store import ConfigStore, UnknownConfigError
from wrangler_py.hyperdrive.limits import DEFAULT_BINDING
from wrangler_py.hyperdrive.pool_description import describe_caching, describe_embedded, describe_origin
from wrangler_py.project import binding_actions
from wrangler_py.project.config_file import ConfigFile

Result = TypeVar("Result")

_OPTIONS: Fields = {
    "connection_string": Field(
        str, "postgres://user:password@host:port/database", minimum=1, maximum=10_000, secret=True
    ),
    "origin_host": Field(str, "host of the database, or the folder of its Unix socket", maximum=1_000),
    "origin_port": Field(int, "port of the database, 1 to 65535", minimum=1, maximum=65_535),
    "origin_scheme": Field(str, "postgres or postgresql", choices=("postgres", "postgresql")),
    "database": Field(str, "name of the database", maximum=1_000),
    "origin_user": Field(str, "user of the database", maximum=1_000),
    "origin_password": Field(str, "password of the user", maximum=10_000, secret=True),
    "embedded": Field(bool, "whether to use the PostgreSQL of `wrangler-py[embedded]`"),
    "caching_disabled": Field(bool, "whether query results are not cached"),
    "max_age": Field(int, "how many seconds a cached result is fresh", minimum=-(2**31), maximum=2**31),
    "swr": Field(
        int,
        "how many seconds it may be served after that, while it is refreshed",
        minimum=-(2**31),
        maximum=2**31,
    ),
    "origin_connection_limit": Field(
        int, "most connections to the database, 5 to 1500", minimum=-(2**31), maximum=2**31
    ),
    "sslmode": Field(str, "require, verify-ca or verify-full", maximum=100),
    "ca_certificate_id": Field(str, "id or name of the uploaded CA certificate; empty for none", maximum=1_000),
    "mtls_certificate_id": Field(
        str, "id or name of the uploaded client certificate; empty for none", maximum=1_000
    ),
}
_CHECK = Field(bool, "whether to make a test connection; true if it is left out")
_ID: Fields = {"id": Field(str, "the id of a config", required=True, minimum=32, maximum=32)}
_BINDING = Field(str, "the name of a binding", minimum=1, maximum=200)
_ENVIRONMENT = Field(str, "the environment of the config file; its top level if it is left out", maximum=200)


async def list_configs(call: Call) -> Any:
    return await asyncio.to_thread(_list, call.sources.project)


async def create_config(call: Call) -> Any:
    body = dict(call.body)
    name, check, binding = body.pop("name"), body.pop("check", True), body.pop("binding", None)
    environment = body.pop("environment", None)
    options = ConfigOptions(**body)

    def create(progress: RecordedProgress) -> HyperdriveConfig:
        file = None if binding is None else _config_file(call.sources.project)
        config = config_actions.new_config(name, options)
        if file is not None:
            file.add_hyperdrive(binding, config.id, environment)  # fails early if the name is taken
        config_actions.add_config(config, options, progress, check=check)
        if file is not None:
            file.save()
            binding_actions.say_bound(file, binding, environment, config.name, progress)
        return config

    return await _run(create)


async def update_config(call: Call) -> Any:
    body = dict(call.body)
    name, check = body.pop("name", None), body.pop("check", True)
    options = ConfigOptions(**body)

    def update(progress: RecordedProgress) -> HyperdriveConfig:
        return config_actions.update_config(_stored(call), name, options, progress, check=check)

    return await _run(update)


async def delete_config(call: Call) -> Any:
    def delete(progress: RecordedProgress) -> HyperdriveConfig:
        config = config_actions.delete_config(_stored(call).id, progress)
        if call.sources.project is not None:
            try:
                file = ConfigFile.load(call.sources.project.path)
                binding_actions.warn_still_bound(file, config.id, config.name, progress)
            except WranglerError as error:
                progress.warn(error.message)
        return config

    return await _run(delete)


async def test_config(call: Call) -> Any:
    def test(progress: RecordedProgress) -> HyperdriveConfig:
        config = _stored(call)
        config_actions.check_config(config)
        if config.origin is None:
            progress.info("Its origin is the embedded PostgreSQL, which needs no test.")
        else:
            progress.success(f"Connected to {describe_origin(config.origin)}.")
        return config

    return await _run(test)


async def bind_config(call: Call) -> Any:
    body = call.body
    binding, environment = body.get("binding", DEFAULT_BINDING), body.get("environment")

    def bind(progress: RecordedProgress) -> HyperdriveConfig:
        config, file = _stored(call), _config_file(call.sources.project)
        file.add_hyperdrive(binding, config.id, environment, replace=body.get("replace", False))
        file.save()
        binding_actions.say_bound(file, binding, environment, config.name, progress)
        return config

    return await _run(bind)


async def unbind_config(call: Call) -> Any:
    binding, environment = call.body["binding"], call.body.get("environment")

    def unbind(progress: RecordedProgress) -> HyperdriveConfig:
        config = _stored(call)
        binding_actions.unbind(_config_file(call.sources.project), binding, environment, progress)
        return config

    return await _run(unbind)


async def _run(action: Callable[[RecordedProgress], HyperdriveConfig]) -> Any:
    """Run `action`, which reads and writes files, in a thread; returns its messages."""
    progress = RecordedProgress()
    config = await asyncio.to_thread(action, progress)
    return {"id": config.id, "messages": progress.messages}


def _stored(call: Call) -> HyperdriveConfig:
    try:
        return ConfigStore().get(call.path["id"])
    except UnknownConfigError as error:
        raise ApiError(HTTPStatus.NOT_FOUND, error.message, hint=error.hint) from None


def _config_file(project: ProjectPlace | None) -> ConfigFile:
    if project is None:
        raise not_found(
            "There is no config file to write the binding into. Start the dashboard in a Worker's project."
        )
    return ConfigFile.load(project.path)


def _list(project: ProjectPlace | None) -> Any:
    bound: dict[str, list[dict[str, Any]]] = {}
    environments: list[str] = []
    problem = None
    if project is not None:
        try:
            file = ConfigFile.load(project.path)
            environments = list(file.environments)
            for environment in (None, *environments):
                for entry in file.section(environment).hyperdrive:
                    bound.setdefault(entry.id, []).append({"binding": entry.binding, "environment": environment})
        except WranglerError as error:
            problem = error.message
    return {
        "configs": [
            _config(each, [*bound.get(each.id, ()), *bound.get(each.name, ())]) for each in ConfigStore().list()
        ],
        "certificates": [
            {"id": each.id, "name": each.name, "kind": each.kind} for each in CertificateStore().list()
        ],
        "config_file": None if project is None else project.path.name,
        "environments": environments,
        "problem": problem,
    }


def _config(config: HyperdriveConfig, bindings: list[dict[str, Any]]) -> dict[str, Any]:
    public = to_public(config)
    origin = config.origin
    return {
        "id": config.id,
        "name": config.name,
        "place": describe_embedded(config.embedded_database) if origin is None else describe_origin(origin),
        "embedded": config.embedded,
        "origin": {
            "scheme": None if origin is None else origin.scheme,
            "host": None if origin is None else origin.host,
            "port": None if origin is None else origin.port,
            "database": public["origin"]["database"],
            "user": None if origin is None else origin.user,
        },
        "caching": {
            "disabled": config.caching.disabled,
            "max_age": None if config.caching.disabled else config.caching.max_age,
            "stale_while_revalidate": None if config.caching.disabled else config.caching.stale_while_revalidate,
            "description": describe_caching(config.caching),
        },
        "mtls": {
            "sslmode": config.mtls.sslmode,
            "ca_certificate_id": config.mtls.ca_certificate_id,
            "mtls_certificate_id": config.mtls.mtls_certificate_id,
        },
        "origin_connection_limit": config.origin_connection_limit,
        "bindings": bindings,
    }


_CONFIG = object_of(
    id=TEXT,
    name=TEXT,
    place=TEXT,
    embedded=FLAG,
    origin=object_of(
        scheme=OPTIONAL_TEXT, host=OPTIONAL_TEXT, port=OPTIONAL_COUNT, database=TEXT, user=OPTIONAL_TEXT
    ),
    caching=object_of(
        disabled=FLAG, max_age=OPTIONAL_COUNT, stale_while_revalidate=OPTIONAL_COUNT, description=TEXT
    ),
    mtls=object_of(sslmode=OPTIONAL_TEXT, ca_certificate_id=OPTIONAL_TEXT, mtls_certificate_id=OPTIONAL_TEXT),
    origin_connection_limit=COUNT,
    bindings=list_of(object_of(binding=TEXT, environment=OPTIONAL_TEXT)),
)
_DONE = object_of(id=TEXT, messages=MESSAGES)

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/configs",
        summary="The Hyperdrive configs, and where this project binds them; passwords are write-only",
        run=list_configs,
        returns=object_of(
            configs=list_of(_CONFIG),
            certificates=list_of(object_of(id=TEXT, name=OPTIONAL_TEXT, kind=TEXT)),
            config_file=OPTIONAL_TEXT,
            environments=list_of(TEXT),
            problem=OPTIONAL_TEXT,
        ),
    ),
    Operation(
        method="POST",
        path="/api/configs",
        summary="Create a config, as `hyperdrive create` does",
        run=create_config,
        body_fields={
            "name": Field(str, "name of the new config", required=True, maximum=1_000),
            **_OPTIONS,
            "check": _CHECK,
            "binding": _BINDING,
            "environment": _ENVIRONMENT,
        },
        returns=_DONE,
    ),
    Operation(
        method="PATCH",
        path="/api/configs/{id}",
        summary="Change a config, as `hyperdrive update` does; values that are left out stay the same",
        run=update_config,
        path_fields=_ID,
        body_fields={"name": Field(str, "new name of the config", maximum=1_000), **_OPTIONS, "check": _CHECK},
        returns=_DONE,
    ),
    Operation(
        method="DELETE",
        path="/api/configs/{id}",
        summary="Delete a config, as `hyperdrive delete` does",
        run=delete_config,
        path_fields=_ID,
        returns=_DONE,
    ),
    Operation(
        method="POST",
        path="/api/configs/{id}/test",
        summary="Make the test connection of a config",
        run=test_config,
        path_fields=_ID,
        returns=_DONE,
    ),
    Operation(
        method="POST",
        path="/api/configs/{id}/bind",
        summary="Bind a config in this project's config file, as `hyperdrive bind` does",
        run=bind_config,
        path_fields=_ID,
        body_fields={
            "binding": _BINDING,
            "environment": _ENVIRONMENT,
            "replace": Field(bool, "whether to take over the Hyperdrive binding of that name"),
        },
        returns=_DONE,
    ),
    Operation(
        method="POST",
        path="/api/configs/{id}/unbind",
        summary="Remove a binding of a config from this project's config file, as `hyperdrive unbind` does",
        run=unbind_config,
        path_fields=_ID,
        body_fields={**BINDING, "environment": _ENVIRONMENT},
        returns=_DONE,
    ),
)
