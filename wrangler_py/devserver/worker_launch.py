"""The launch of a Worker process: the project as its files describe it, with its databases."""

from __future__ import annotations

from collections.abc import Mapping

from wrangler_py.devserver.dev_options import DevOptions
from wrangler_py.devserver.worker_project import WorkerProject
from wrangler_py.worker_protocol import HyperdriveEndpoint, Launch


def make_launch(
    project: WorkerProject,
    options: DevOptions,
    hyperdrive: Mapping[str, HyperdriveEndpoint],
    *,
    url: str,
    generation: int,
    color: bool = False,
) -> Launch:
    """The launch of `project` on `url`, with its databases by binding in `hyperdrive`."""
    section, assets = project.section, project.assets
    flags, date = section.compatibility_flags, section.compatibility_date
    return Launch(
        main=project.main or options.config_path,
        has_worker=project.main is not None,
        root=project.root,
        generation=generation,
        vars=project.variables,
        hyperdrive=hyperdrive,
        unavailable=section.other_bindings,
        assets=None if assets is None else assets.settings(flags, date),
        flags=tuple(flags),
        compatibility_date=date,
        url=url,
        allowed_hosts=options.allowed_hosts,
        allow_global_clients=options.proxy.allow_global_clients,
        test_scheduled=options.test_scheduled,
        strict=options.strict,
        color=color,
    )
