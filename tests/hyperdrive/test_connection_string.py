"""Connection strings: every part, every malformed part, and never the password in an error."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.config import Origin
from wrangler_py.hyperdrive.connection_parameters import SSL_MODES
from wrangler_py.hyperdrive.connection_string import parse

PASSWORD = "s3cr3t"


def test_all_parts() -> None:
    origin = parse("postgresql://us%40er:p%2Fa%3As%25s@db.example.com:6543/my%20db").origin
    assert origin == Origin(
        scheme="postgresql",
        host="db.example.com",
        port=6543,
        user="us@er",
        password="p/a:s%s",
        database="my db",
    )


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("postgres://u:p@h/d", "h", 5432),
        ("postgres://u:p@h:/d", "h", 5432),
        ("POSTGRES://u:p@h:1/d", "h", 1),
        ("postgres://u:p@[::1]/d", "::1", 5432),
        ("postgres://u:p@[fe80::1]:99/d", "fe80::1", 99),
        ("postgres://u:p@%2Fvar%2Frun/d", "/var/run", 5432),
        ("postgres://u:p@/d?host=/var/run&port=99", "/var/run", 99),
        ("postgres:///d?host=h&user=u&password=p", "h", 5432),
        ("  postgres://u:p@h/d\n", "h", 5432),
    ],
)
def test_hosts_and_ports(text: str, host: str, port: int) -> None:
    origin = parse(text).origin
    assert (origin.host, origin.port, origin.user, origin.password, origin.database) == (host, port, "u", "p", "d")


def test_password_may_hold_a_raw_at_sign_and_colon() -> None:
    assert parse("postgres://u:p@s:s@h/d").origin.password == "p@s:s"


def test_password_may_be_missing() -> None:
    assert parse("postgres://u@h/d").origin.password == ""


def test_parameters() -> None:
    string = parse(
        "postgres://u:p@h/d?sslmode=verify-full&sslrootcert=%2Fca.pem&channel_binding=require&options=-cx%3D1"
    )
    assert string.ssl_mode == "verify-full"
    assert string.parameters.ssl_root_certificate == "/ca.pem"
    assert string.parameters.require_channel_binding
    assert string.ignored == ("options",)
    assert parse("postgres://u:p@h/d?sslmode=none").ssl_mode == "disable"


@pytest.mark.parametrize(
    ("query", "mode"),
    [
        # libpq, psycopg, asyncpg, pgx, lib/pq
        ("", None),
        *((f"sslmode={mode}", mode) for mode in SSL_MODES),
        ("requiressl=1", "require"),
        ("requiressl=0", None),
        ("sslnegotiation=direct", "require"),
        ("sslnegotiation=postgres", None),
        ("channel_binding=require", "require"),
        ("channel_binding=prefer", None),
        ("channel_binding=require&sslmode=verify-ca", "verify-ca"),
        ("sslrootcert=system", "verify-full"),
        ("sslrootcert=system&sslmode=require", "verify-full"),
        ("sslrootcert=/ca.pem", "require"),
        # asyncpg's argument, as SQLAlchemy passes it on
        *((f"ssl={mode}", mode) for mode in SSL_MODES),
        # JDBC
        ("ssl", "verify-full"),
        ("ssl=", "verify-full"),
        ("ssl=true", "verify-full"),
        ("ssl=TRUE", "verify-full"),
        ("ssl=false", "disable"),
        ("ssl=true&sslmode=require", "require"),
        ("ssl=true&sslmode=verify-ca", "verify-ca"),
        ("ssl=false&sslmode=require", "require"),
        ("ssl=true&sslfactory=org.postgresql.ssl.NonValidatingFactory", "require"),
        ("ssl=true&sslfactory=org.postgresql.ssl.LibPQFactory", "verify-full"),
        ("sslMode=VERIFY_FULL", "verify-full"),  # R2DBC
        # node-postgres and Postgres.js
        ("ssl=1", "verify-full"),
        ("ssl=0", "disable"),
        ("ssl=no-verify", "require"),
        ("sslmode=no-verify", "require"),
        ("uselibpqcompat=true&sslmode=require", "require"),
        # pg8000
        ("ssl_context=True", "verify-full"),
        # Npgsql
        ("SSL%20Mode=Require", "require"),
        ("SSL+Mode=VerifyFull", "verify-full"),
        ("SslMode=VerifyCA", "verify-ca"),
        ("Ssl Mode=Prefer&Trust Server Certificate=true", "prefer"),
        # SQLx, Prisma
        ("ssl-mode=verify-full", "verify-full"),
        ("sslmode=require&sslaccept=strict", "verify-full"),
        ("sslmode=prefer&sslaccept=accept_invalid_certs", "require"),
        # The strongest counts.
        ("ssl=true&sslmode=disable", "verify-full"),
        ("sslmode=disable&ssl=require", "require"),
        ("sslmode=verify-full&sslmode=disable", "verify-full"),
        ("sslmode=disable&channel_binding=require", "require"),
    ],
)
def test_every_spelling_of_tls_is_read_as_what_it_means(query: str, mode: str | None) -> None:
    string = parse(f"postgres://u:p@h/d?{query}")
    assert string.ssl_mode == mode
    assert string.parameters.ignored == ()


@pytest.mark.parametrize(
    "query",
    [
        "ssl=s3cr3t",
        "sslmode=true",
        "sslmode=",
        "sslmode=verify_everything",
        "ssl=%7B%22rejectUnauthorized%22:false%7D",
        "sslfactory=com.example.MyFactory",
        "sslaccept=s3cr3t",
        "SSL Mode=s3cr3t",
        "sslinline=true",
        "ssl_min_protocol_version=s3cr3t",
    ],
)
def test_an_unknown_tls_parameter_is_an_error_with_a_hint(query: str) -> None:
    with pytest.raises(WranglerError) as caught:
        parse(f"postgres://u:p@h/d?{query}")
    hint = caught.value.hint or ""
    assert any(advice in hint for advice in ("sslmode", "sslrootcert", "TLSv1.3"))
    assert PASSWORD not in caught.value.message + hint


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("options=-csearch_path%3Dpg_catalog", "-csearch_path=pg_catalog"),
        ("options=-c%20a.b%3D1%20--work-mem=1MB", "-c a.b=1 --work-mem=1MB"),
        ("options=-c+timezone%3DEtc/GMT+5+-c+a.b=1", "-c timezone=Etc/GMT+5 -c a.b=1"),
        ("options=endpoint%3Dep-x", "endpoint=ep-x"),  # Neon, for drivers without SNI
        ("options[timezone]=UTC", "-c timezone=UTC"),  # SQLx
        ("search_path=a,b", "-c search_path=a,b"),  # lib/pq and pgx take any setting
        ("search_path=a,%20b%5C", r"-c search_path=a,\ b\\"),
        ("Search+Path=a", "-c search_path=a"),  # Npgsql
        ("currentSchema=a,b", "-c search_path=a,b"),  # JDBC
        ("schema=My%22Schema", '-c search_path="My""Schema"'),  # Prisma
        ("statement_timeout=5000&lock_timeout=1s", "-c statement_timeout=5000 -c lock_timeout=1s"),
        ("TimeZone=Europe/Paris", "-c timezone=Europe/Paris"),
        ("default_transaction_read_only=on", "-c default_transaction_read_only=on"),
        ("role=app", "-c role=app"),
        ("app.tenant=7", "-c app.tenant=7"),
        ("client_encoding=LATIN1", "-c client_encoding=LATIN1"),
        ("client_encoding=utf-8", ""),
    ],
)
def test_session_settings(query: str, options: str) -> None:
    parameters = parse(f"postgres://u:p@h/d?{query}").parameters
    assert (parameters.options, parameters.ignored) == (options, ())


@pytest.mark.parametrize(
    ("query", "ignored"),
    [
        *((f"{name}=x", (name,)) for name in ("application_name", "fallback_application_name", "ApplicationName")),
        *((f"{name}=x", (name,)) for name in ("passfile", "service", "krbsrvname", "sslcrl", "sslpassword")),
        *((f"{name}=5", (name,)) for name in ("connection_limit", "pool_timeout", "prepareThreshold", "max")),
        ("hostaddr=10.0.0.1", ("hostaddr",)),
        ("client_encoding=auto", ("client_encoding",)),
        ("target_session_attrs=read-write", ("target_session_attrs",)),
        ("target_session_attrs=any", ()),
        ("gssencmode=require", ("gssencmode",)),
        ("gssencmode=disable", ()),
        ("require_auth=scram-sha-256", ("require_auth",)),
        ("ssl_min_protocol_version=TLSv1.3", ()),
        ("ssl_min_protocol_version=TLSv1.2", ()),
        ("sslmode=disable&sslrootcert=/ca.pem", ("sslrootcert",)),
        ("sslmode=verify-full&Trust+Server+Certificate=true", ("Trust Server Certificate",)),
        ("keepalives=1&keepalives_idle=5&tcp_user_timeout=5&load_balance_hosts=random", ()),
        ("pgbouncer=true&sslcompression=0&sslsni=1&uselibpqcompat=true", ()),
        ("connect_timeout=3", ()),
        ("a=1&b=2&a=3", ("a", "b")),
    ],
)
def test_parameters_without_effect_are_named(query: str, ignored: tuple[str, ...]) -> None:
    assert parse(f"postgres://u:p@h/d?{query}").parameters.ignored == ignored


@pytest.mark.parametrize(
    ("text", "seconds"), [("3", 3), ("1", 2), ("0", None), ("-1", None), ("15", 15), ("16", None)]
)
def test_the_time_to_connect(text: str, seconds: float | None) -> None:
    string = parse(f"postgres://u:p@h/d?connect_timeout={text}")
    assert string.parameters.connect_timeout_s == seconds
    assert string.ignored == ("connect_timeout",)
    assert (string.parameters.ignored == ()) == (seconds is not None)
    with pytest.raises(WranglerError, match="`connectTimeout` is not a number of seconds"):
        parse("postgres://u:p@h/d?connectTimeout=PT3S")


@pytest.mark.parametrize(
    ("query", "ignored"),
    [
        ("sslmode=require&sslcert=/c.pem&sslkey=/k.pem", ("sslcert", "sslkey")),
        ("sslmode=require&sslrootcert=/ca.pem", ("sslrootcert",)),
        ("sslmode=verify-ca&sslrootcert=/ca.pem", ()),  # `create` insists on --ca-certificate-id
        ("sslrootcert=system", ()),
        ("ssl_min_protocol_version=TLSv1.3", ("ssl_min_protocol_version",)),
        ("search_path=a&max=5", ("search_path", "max")),
        ("channel_binding=require&sslmode=require", ()),
    ],
)
def test_what_a_config_has_no_place_for_is_named(query: str, ignored: tuple[str, ...]) -> None:
    assert parse(f"postgres://u:p@h/d?{query}").ignored == ignored


def test_encryption_that_is_not_supported_is_replaced_by_tls() -> None:
    assert parse("postgres://u:p@h/d?gssencmode=require").ssl_mode == "require"


def test_an_address_alone_is_the_host() -> None:
    string = parse("postgres://u:p@/d?hostaddr=10.0.0.1")
    assert (string.origin.host, string.ignored) == ("10.0.0.1", ())


@pytest.mark.parametrize(
    "text",
    [
        "postgres://u:p@a,b/d",
        "postgres://u:p@a:5432,b:5433/d?target_session_attrs=read-write",
        "postgres://u:p@[::1]:5432,[::2]:5433/d",
        "postgres://u:p@a%2Cb/d",
        "postgres://u:p@a:5432%2cb:5433/d",
        "postgres://u:p@/d?host=a,b",
        "postgres://u:p@/d?host=a,b&port=5432,5433",
        "postgres://u:p@a/d?port=5432,5433",
        "host=a,b dbname=d user=u password=p",
        "dbname=d host = a,b",
        "Host=a,b;Username=u;Password=p;Database=d",
        "postgresql://u:p@/d?host=a:1&host=b:2",
    ],
)
def test_several_hosts(text: str) -> None:
    with pytest.raises(WranglerError, match="one origin, so one host") as caught:
        parse(text)
    assert caught.value.hint == "Leave out all hosts but the primary."


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "jdbc:postgresql://h/d?user=u&password=s3cr3t",
            "`jdbc:` URLs are for Java drivers",
            "user and password before",
        ),
        ("r2dbc:postgresql://u:s3cr3t@h/d", "`r2dbc:` URLs are for Java drivers", "postgres://"),
        ("postgresql+asyncpg://u:s3cr3t@h/d", "names a driver, as in SQLAlchemy", "Leave out the `+`"),
        ("postgres+psycopg2://u:s3cr3t@h/d", "Hyperdrive takes only `postgres://`", "Leave out the `+`"),
    ],
)
def test_schemes_of_other_tools(text: str, message: str, hint: str) -> None:
    with pytest.raises(WranglerError) as caught:
        parse(text)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert PASSWORD not in caught.value.message + (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "protocol"),
        (PASSWORD, "protocol"),
        ("u:s3cr3t@h/d", "protocol"),
        ("host=h user=u password=s3cr3t", "protocol"),
        ("http://u:s3cr3t@h/d", "Only PostgreSQL"),
        ("mysql://u:s3cr3t@h/d", "MySQL is not emulated"),
        ("postgres://u:s3cr3t@h", "database name"),
        ("postgres://u:s3cr3t@h/", "database name"),
        ("postgres://u:s3cr3t@/d", "hostname"),
        ("postgres://u:s3cr3t", "database name"),
        ("postgres://:s3cr3t@h/d", "username"),
        ("postgres://h/d", "username"),
        ("postgres://u:s3cr3t@h:0/d", "port"),
        ("postgres://u:s3cr3t@h:65536/d", "port"),
        ("postgres://u:s3cr3t@h:s3cr3t/d", "port"),
        ("postgres://u:s3cr3t@h:\u0661/d", "port"),
        ("postgres://u:s3cr3t@a:b:c/d", "several `:`"),
        ("postgres://u:s3cr3t@[::1/d", "brackets"),
        ("postgres://u:s3cr3t@a,b/d", "one host"),
        ("postgres://u:s3cr3t@h h/d", "host"),
        ("postgres://u:s3cr3t/x@h/d", "after the host"),
        ("postgres://u:s3cr3t?x@h/d", "not `name=value`"),
        ("postgres://u:s3cr3t?x=1@h/d", "after the host"),
        ("postgres://u:s3cr3t#x@h/d", "`#`"),
        ("postgres://u:s3cr3t%zz@h/d", "password has a `%`"),
        ("postgres://u:s3cr3t%@h/d", "password has a `%`"),
        ("postgres://u%ff:s3cr3t@h/d", "user name, percent-decoded, is not UTF-8"),
        ("postgres://u:s3cr3t%00@h/d", "zero byte"),
        ("postgres://u:s3cr3t@h/d?sslmode=s3cr3t", "sslmode"),
        ("postgres://u:s3cr3t@h/" + "d" * 64, "database name is 64 bytes"),
        ("postgres://" + "é" * 32 + ":s3cr3t@h/d", "user name is 64 bytes"),
    ],
)
def test_malformed(text: str, message: str) -> None:
    with pytest.raises(WranglerError) as caught:
        parse(text)
    assert message in caught.value.message
    assert PASSWORD not in caught.value.message + (caught.value.hint or "")


def test_63_bytes_are_allowed() -> None:
    name = "d" * 63
    assert parse(f"postgres://{name}:p@h/{name}").origin.database == name


PIECES = st.sampled_from(
    ["postgres://", "user", ":", "@", "/", "?", "#", "%", "%41", "[", "]", "=", "&", ",", "5432", "é", " "]
)


@given(st.lists(PIECES), st.lists(PIECES))
def test_no_error_holds_the_password(before: list[str], after: list[str]) -> None:
    text = "".join([*before, PASSWORD, *after])
    said = ""
    try:
        parse(text)
    except WranglerError as error:
        said = f"{error.message}{error.hint}"
    assert PASSWORD not in said


NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=15)


@given(user=NAMES, password=NAMES, database=NAMES, port=st.integers(1, 65535))
@pytest.mark.parametrize("host", ["h.example", "::1", "10.0.0.1", "/var/run/postgresql"])
def test_whatever_the_parts_are(host: str, user: str, password: str, database: str, port: int) -> None:
    address = f"[{host}]" if ":" in host else quote(host, safe="")
    parts = [quote(part, safe="") for part in (user, password, database)]
    text = f"postgresql://{parts[0]}:{parts[1]}@{address}:{port}/{parts[2]}"
    origin = Origin(host=host, port=port, user=user, password=password, database=database)
    assert parse(text).origin == origin


def test_no_representation_holds_the_password() -> None:
    assert PASSWORD not in repr(parse("postgres://u:s3cr3t@h:1/d"))
