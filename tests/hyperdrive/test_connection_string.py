"""Connection strings: every part, every malformed part, and never the password in an error."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrangler_py.errors import WranglerError
from wrangler_py.hyperdrive.config import Origin
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
    assert string.ssl_root_certificate == "/ca.pem"
    assert string.ignored == ("options",)
    assert parse("postgres://u:p@h/d?ssl=true").ssl_mode == "require"
    assert parse("postgres://u:p@h/d?sslmode=none").ssl_mode == "disable"


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
