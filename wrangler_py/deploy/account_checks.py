"""Checks of the project against the account it is deployed to."""

from __future__ import annotations

from collections.abc import Iterator

from wrangler_py.cloudflare.account_certificates import AccountCertificates
from wrangler_py.cloudflare.difference import CertificateMatch, differences, needs_certificates
from wrangler_py.cloudflare.hyperdrive_configs import HyperdriveConfigs
from wrangler_py.cloudflare.remote_config import RemoteConfig
from wrangler_py.deploy.check_results import Finding
from wrangler_py.hyperdrive.certificates import CertificateStore
from wrangler_py.hyperdrive.config import HyperdriveConfig
from wrangler_py.hyperdrive.config_store import ConfigStore
from wrangler_py.project.section import HyperdriveBinding, Section


def account_findings(
    section: Section,
    configs: HyperdriveConfigs,
    certificates: AccountCertificates,
    store: ConfigStore,
    certificate_store: CertificateStore,
) -> Iterator[Finding]:
    """Whether each Hyperdrive binding has a config in the account, and the one that was tried here."""
    bindings = [binding for binding in section.hyperdrive if not binding.has_placeholder]
    if not bindings:
        return
    remote = {config.id: config for config in configs.list()}
    pairs = [(binding, store.find(binding.id), remote.get(binding.id)) for binding in bindings]
    local_configs = [local for _, local, there in pairs if local and there]
    with_certificates = needs_certificates(local_configs, [there for _, local, there in pairs if local and there])
    match = CertificateMatch(certificate_store.list(), certificates.list() if with_certificates else ())
    for binding, local, there in pairs:
        if there is None:
            yield _missing(binding, local)
        elif local is not None:
            yield from _different(binding, local, there, match)


def _missing(binding: HyperdriveBinding, local: HyperdriveConfig | None) -> Finding:
    hint = "`wrangler-py hyperdrive list --remote` lists its configs."
    if local is not None:
        hint = (
            f"It is the local config '{local.name}': `wrangler-py hyperdrive push {binding.binding}` writes it to\n"
            "Cloudflare, and takes over its id there."
        )
    return Finding(
        "hyperdrive",
        "problem",
        f"env.{binding.binding}: the account has no Hyperdrive config with the id {binding.id}.",
        hint,
    )


def _different(
    binding: HyperdriveBinding, local: HyperdriveConfig, there: RemoteConfig, match: CertificateMatch
) -> Iterator[Finding]:
    different = differences(local, there, match)
    if not different:
        return
    shown = "; ".join(f"{each.setting} is {each.there}, here {each.here}" for each in different)
    yield Finding(
        "hyperdrive",
        "warning",
        f"env.{binding.binding}: the config at Cloudflare differs from the local one: {shown}.",
        f"`wrangler-py hyperdrive push {binding.binding}` or `wrangler-py hyperdrive pull {binding.binding}`\n"
        "makes them the same.",
    )
