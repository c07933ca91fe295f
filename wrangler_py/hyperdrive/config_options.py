"""Converts the options of `hyperdrive create` and `update` to a config, by Cloudflare's rules."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Literal, cast

from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive import limits
from wrangler_py.hyperdrive.certificates import CertificateStore, Kind
from wrangler_py.hyperdrive.config import Caching, HyperdriveConfig, Origin, TLSSettings
from wrangler_py.hyperdrive.config_store import check_name, new_id
from wrangler_py.hyperdrive.connection_string import (
    check_host,
    check_identifier,
    check_port,
    check_scheme,
    parse,
)
from wrangler_py.hyperdrive.tls_policy import check_settings, check_ssl_mode

_PARTS = ("origin_host", "origin_port", "origin_scheme", "database", "origin_user", "origin_password")
_TLS = ("ca_certificate_id", "mtls_certificate_id", "sslmode")
_NOT_EMBEDDED = ("connection_string", "origin_host", "origin_port", "origin_user", "origin_password", *_TLS)
_DEFAULT_SCHEME = "postgresql"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigOptions:
    """The options, None if not given. Their names are Cloudflare's; ages are in seconds."""

    connection_string: str | None = field(default=None, repr=False)
    origin_host: str | None = None
    origin_port: int | None = None
    origin_scheme: str | None = None
    database: str | None = None
    origin_user: str | None = None
    origin_password: str | None = field(default=None, repr=False)
    embedded: bool = False
    caching_disabled: bool | None = None
    max_age: int | None = None
    swr: int | None = None
    origin_connection_limit: int | None = None
    ca_certificate_id: str | None = None
    mtls_certificate_id: str | None = None
    sslmode: str | None = None
    service_id: str | None = None
    access_client_id: str | None = None
    access_client_secret: str | None = field(default=None, repr=False)

    @property
    def lacks_password(self) -> bool:
        """Whether the origin is given in parts, except for the password."""
        return bool(
            self.connection_string is None
            and self.origin_password is None
            and self.origin_host
            and self.origin_user
        )

    def given(self) -> tuple[str, ...]:
        """The names of the given options."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return tuple(name for name, value in values.items() if value is not None and value is not False)

    @property
    def concern_connection(self) -> bool:
        """Whether one of them says how to connect to the origin."""
        return any(getattr(self, name) is not None for name in ("connection_string", *_PARTS, *_TLS))


def create(name: str, options: ConfigOptions, certificates: CertificateStore) -> HyperdriveConfig:
    """A new config. WranglerError names the option that is missing, wrong or in conflict with another."""
    _check_together(options)
    origin = None if options.embedded else _new_origin(options)
    return HyperdriveConfig(
        id=new_id(),
        name=check_name(name),
        origin=origin,
        embedded_database=_embedded_database(origin, options, limits.EMBEDDED_DATABASE),
        caching=_caching(Caching(), options),
        mtls=_tls(TLSSettings(), options, certificates),
        origin_connection_limit=_limit(limits.ORIGIN_CONNECTION_LIMIT_DEFAULT, options),
    )


def update(
    config: HyperdriveConfig, name: str | None, options: ConfigOptions, certificates: CertificateStore
) -> HyperdriveConfig:
    """`config` with the given options changed and the rest kept. WranglerError as in `create`."""
    if name is None and not options.given() and options.caching_disabled is None:
        raise WranglerError("Nothing to update: give at least one option.")
    _check_together(options)
    origin = config.origin
    if options.embedded:
        origin = None
    elif options.connection_string is not None:
        origin = _new_origin(options)
    elif origin is not None:
        origin = _changed_origin(origin, options)
    elif set(_parts(options)) - {"database"}:  # only the name: another database of the embedded PostgreSQL
        origin = _new_origin(options)
    return replace(
        config,
        name=config.name if name is None else check_name(name),
        origin=origin,
        embedded_database=_embedded_database(origin, options, config.embedded_database),
        caching=_caching(config.caching, options),
        mtls=_tls(config.mtls, options, certificates),
        origin_connection_limit=_limit(config.origin_connection_limit, options),
    )


def _check_together(options: ConfigOptions) -> None:
    if options.service_id is not None:
        raise WranglerError(
            "--service-id (Workers VPC) works on Cloudflare only.",
            hint="Give the database's own address with --connection-string; --remote creates the config at\n"
            "Cloudflare.",
        )
    if options.access_client_id is not None or options.access_client_secret is not None:
        raise WranglerError(
            "--access-client-id and --access-client-secret (Access and Tunnel) work on Cloudflare only.",
            hint="From this machine, give the database's own address with --connection-string; --remote creates\n"
            "the config at Cloudflare.",
        )
    parts = _parts(options)
    if options.connection_string is not None and parts:
        raise WranglerError(
            f"--connection-string and {_flag(parts[0])} are mutually exclusive.",
            hint="Give the whole connection string, or its parts.",
        )
    for name in _NOT_EMBEDDED:
        if options.embedded and getattr(options, name) is not None:
            raise WranglerError(f"--embedded and {_flag(name)} are mutually exclusive.")


def _new_origin(options: ConfigOptions) -> Origin:
    if options.connection_string is not None:
        origin = parse(options.connection_string).origin
        if not origin.password:
            raise WranglerError("You must provide a password in your connection string.")
        return origin
    if not _parts(options):
        raise WranglerError(
            "Specify the database.",
            hint="--connection-string=postgres://user:password@host:5432/database, or its parts with\n"
            "--origin-host, --database, --origin-user and --origin-password; or --embedded for the embedded\n"
            "PostgreSQL.",
        )
    return Origin(
        scheme=_scheme(options.origin_scheme or _DEFAULT_SCHEME),
        host=check_host(_required(options.origin_host, "an origin hostname", "--origin-host")),
        port=check_port(limits.DEFAULT_PORT if options.origin_port is None else options.origin_port),
        database=check_identifier(_required(options.database, "a database name", "--database"), "database"),
        user=check_identifier(_required(options.origin_user, "a username", "--origin-user"), "user"),
        password=_required(options.origin_password, "a password", "--origin-password"),
    )


def _changed_origin(origin: Origin, options: ConfigOptions) -> Origin:
    if options.origin_scheme is not None:
        origin = replace(origin, scheme=_scheme(options.origin_scheme))
    if options.origin_host is not None:
        origin = replace(origin, host=check_host(options.origin_host))
    if options.origin_port is not None:
        origin = replace(origin, port=check_port(options.origin_port))
    if options.database is not None:
        name = _required(options.database, "a database name", "--database")
        origin = replace(origin, database=check_identifier(name, "database"))
    if options.origin_user is not None:
        name = _required(options.origin_user, "a username", "--origin-user")
        origin = replace(origin, user=check_identifier(name, "user"))
    if options.origin_password is not None:
        origin = replace(origin, password=_required(options.origin_password, "a password", "--origin-password"))
    return origin


def _caching(caching: Caching, options: ConfigOptions) -> Caching:
    disabled = caching.disabled if options.caching_disabled is None else options.caching_disabled
    ages = {"--max-age": options.max_age, "--swr": options.swr}
    if disabled:
        for flag, age in ages.items():
            if age is not None:
                raise WranglerError(
                    f"{flag} cannot be set when caching is disabled.",
                    hint="Leave it out, or enable caching with --no-caching-disabled.",
                )
        return Caching(disabled=True)
    changed = replace(caching, disabled=False)
    if options.max_age is not None:
        least, most = limits.CACHE_MAX_AGE_MIN_S, limits.CACHE_MAX_AGE_MAX_S
        if not least <= options.max_age <= most:
            raise WranglerError(
                f"--max-age must be from {least} to {most} seconds.",
                hint="To turn caching off, use --caching-disabled.",
            )
        changed = replace(changed, max_age=options.max_age)
    if options.swr is not None:
        if options.swr < 0:
            raise WranglerError("--swr must be a number of seconds, 0 or more.")
        changed = replace(changed, stale_while_revalidate=options.swr)
    return changed


def _tls(settings: TLSSettings, options: ConfigOptions, certificates: CertificateStore) -> TLSSettings:
    mode = None if options.sslmode is None else check_ssl_mode(options.sslmode)
    if options.connection_string is not None:
        string = parse(options.connection_string)
        if mode is None and string.ssl_mode is not None:
            mode = check_ssl_mode(string.ssl_mode)
            if string.parameters.ssl_root_certificate in (None, "system") and options.ca_certificate_id is None:
                mode = "require"  # public authorities, as Hyperdrive does for such a string
    if mode is not None:
        settings = replace(settings, sslmode=mode)
        if mode == "require" and options.ca_certificate_id is None:
            settings = replace(settings, ca_certificate_id=None)
    if options.ca_certificate_id is not None:
        settings = replace(
            settings,
            ca_certificate_id=_certificate(options.ca_certificate_id, "certificate-authority", certificates),
        )
    if options.mtls_certificate_id is not None:
        settings = replace(
            settings,
            mtls_certificate_id=_certificate(options.mtls_certificate_id, "mtls-certificate", certificates),
        )
    return check_settings(settings)


def _certificate(id_or_name: str, kind: Kind, certificates: CertificateStore) -> str | None:
    """The id to store; an empty text removes the certificate."""
    return certificates.get(id_or_name, kind).id if id_or_name else None


def _limit(current: int, options: ConfigOptions) -> int:
    if options.origin_connection_limit is None:
        return current
    least, most = limits.ORIGIN_CONNECTION_LIMIT_MIN, limits.ORIGIN_CONNECTION_LIMIT_MAX
    if not least <= options.origin_connection_limit <= most:
        raise WranglerError(f"--origin-connection-limit must be from {least} to {most}.")
    return options.origin_connection_limit


def _embedded_database(origin: Origin | None, options: ConfigOptions, current: str) -> str:
    if origin is not None:
        return limits.EMBEDDED_DATABASE
    if options.database is None:
        return current
    return check_identifier(_required(options.database, "a database name", "--database"), "database")


def _scheme(scheme: str) -> Literal["postgres", "postgresql"]:
    return cast(Literal["postgres", "postgresql"], check_scheme(scheme))


def _parts(options: ConfigOptions) -> list[str]:
    return [part for part in _PARTS if getattr(options, part) is not None]


def _required(value: str | None, what: str, flag: str) -> str:
    if not value:
        raise WranglerError(f"You must provide {what} for the origin database ({flag}).")
    return value


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
