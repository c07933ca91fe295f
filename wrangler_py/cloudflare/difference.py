"""What differs between a config of the local store and one at Cloudflare."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wrangler_py.cloudflare.account_certificates import AccountCertificate
from wrangler_py.cloudflare.remote_config import RemoteConfig
from wrangler_py.hyperdrive.certificates import Certificate
from wrangler_py.hyperdrive.config import Caching, HyperdriveConfig

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
NOTHING = "none"


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting by the product's name, as it is here and at Cloudflare."""

    setting: str
    here: str
    there: str


class CertificateMatch:
    """Which certificate of the account is which one here: ids differ, contents don't."""

    def __init__(self, here: Iterable[Certificate], there: Iterable[AccountCertificate]) -> None:
        self._here = {each.id: each for each in here}
        self._there = {each.id: each for each in there}

    def there(self, certificate: Certificate) -> AccountCertificate | None:
        """The certificate of the account that has the content of `certificate`."""
        content = blocks(certificate.certificates)
        return next((each for each in self._there.values() if blocks(each.certificates) == content), None)

    def name_is_free(self, name: str | None) -> bool:
        return name is None or all(each.name != name for each in self._there.values())

    def differ(self, here: str | None, there: str | None) -> bool:
        """Whether the certificates of these ids, or None, are different ones."""
        if here is None or there is None or here == there:
            return here != there
        ours, theirs = self._here.get(here), self._there.get(there)
        return ours is None or theirs is None or blocks(ours.certificates) != blocks(theirs.certificates)

    def label(self, id: str | None) -> str:
        if id is None:
            return NOTHING
        found: Certificate | AccountCertificate | None = self._here.get(id) or self._there.get(id)
        return found.name if found is not None and found.name else id


def blocks(certificates: str) -> tuple[str, ...]:
    """The certificates of a PEM text, without how its lines are broken."""
    return tuple("".join(block.split()) for block in _BLOCK.findall(certificates))


def needs_certificates(configs: Iterable[HyperdriveConfig], remote: Iterable[RemoteConfig]) -> bool:
    """Whether one of them has a certificate, so that a `CertificateMatch` has to know the account's."""
    ours = any(each.mtls.ca_certificate_id or each.mtls.mtls_certificate_id for each in configs)
    return ours or any(each.ca_certificate_id or each.mtls_certificate_id for each in remote)


def differences(local: HyperdriveConfig, remote: RemoteConfig, match: CertificateMatch) -> Sequence[Difference]:
    """All but the password, which Cloudflare shows nobody."""
    pairs = [("name", local.name, remote.name), *_origin_pairs(local, remote)]
    ours, theirs = _caching(local.caching), _caching(remote.caching)
    pairs += [(f"caching.{key}", ours.get(key, NOTHING), theirs.get(key, NOTHING)) for key in {**ours, **theirs}]
    pairs.append(
        (
            "mtls.sslmode",
            local.mtls.sslmode or _default_mode(local.mtls.ca_certificate_id),
            remote.sslmode or _default_mode(remote.ca_certificate_id),
        )
    )
    found = [Difference(*pair) for pair in pairs if pair[1] != pair[2]]
    for key, here, there in (
        ("mtls.ca_certificate_id", local.mtls.ca_certificate_id, remote.ca_certificate_id),
        ("mtls.mtls_certificate_id", local.mtls.mtls_certificate_id, remote.mtls_certificate_id),
    ):
        if match.differ(here, there):
            found.append(Difference(key, match.label(here), match.label(there)))
    limit = remote.origin_connection_limit
    if limit is not None and limit != local.origin_connection_limit:
        found.append(Difference("origin_connection_limit", str(local.origin_connection_limit), str(limit)))
    return found


def _origin_pairs(local: HyperdriveConfig, remote: RemoteConfig) -> list[tuple[str, str, str]]:
    ours, theirs = local.origin, remote.origin
    if ours is None:
        return [("origin", f"{local.embedded_database} in the embedded PostgreSQL", theirs.place)]
    if theirs.not_emulated is not None:
        return [("origin", f"{ours.database} at {ours.host}:{ours.port}", f"{theirs.place} ({theirs.scheme})")]
    return [
        ("origin.host", ours.host.lower().strip("[]"), (theirs.host or "").lower().strip("[]")),
        ("origin.port", str(ours.port), str(theirs.port or ours.port)),
        ("origin.database", ours.database, theirs.database),
        ("origin.user", ours.user, theirs.user),
    ]


def _caching(caching: Caching) -> Mapping[str, str]:
    if caching.disabled:
        return {"disabled": "true"}
    return {
        "disabled": "false",
        "max_age": str(caching.max_age),
        "stale_while_revalidate": str(caching.stale_while_revalidate),
    }


def _default_mode(ca_certificate_id: str | None) -> str:
    return "require" if ca_certificate_id is None else NOTHING
