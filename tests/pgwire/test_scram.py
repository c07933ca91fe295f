"""SCRAM-SHA-256 with the example of RFC 7677, section 3: both ends say what the RFC says."""

from __future__ import annotations

import base64

import pytest

from wrangler_py.pgwire.scram import ScramClient, ScramError, ScramServer, Verifier

USER, PASSWORD = "user", "pencil"
CLIENT_NONCE = "rOprNGfwEbeRWgbNEkqO"
SERVER_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")

CLIENT_FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.fixture
def client() -> ScramClient:
    return ScramClient(PASSWORD, user=USER, nonce=CLIENT_NONCE)


@pytest.fixture
def server() -> ScramServer:
    return ScramServer(Verifier.of(PASSWORD, iterations=4096, salt=SALT), nonce=SERVER_NONCE)


def test_the_client_of_the_rfc(client: ScramClient) -> None:
    assert client.first() == CLIENT_FIRST
    assert client.final(SERVER_FIRST) == CLIENT_FINAL
    assert not client.verified
    client.verify(SERVER_FINAL)
    assert client.verified


def test_the_server_of_the_rfc(server: ScramServer) -> None:
    assert server.first(CLIENT_FIRST) == SERVER_FIRST
    assert server.final(CLIENT_FINAL) == SERVER_FINAL


CLIENT_FINALS_REFUSED = {
    "another password's proof": CLIENT_FINAL.replace(b"p=dHzb", b"p=eHzb"),
    "a nonce of another exchange": CLIENT_FINAL.replace(b"NEkqO%", b"NEkqP%"),
    "another channel binding (y,,)": CLIENT_FINAL.replace(b"c=biws", b"c=eSws"),
    "a proof of another length": CLIENT_FINAL[:-5] + b"=",
    "no proof": CLIENT_FINAL.partition(b",p=")[0],
    "something after the proof": CLIENT_FINAL + b",x=y",
}


@pytest.mark.parametrize("final", CLIENT_FINALS_REFUSED.values(), ids=CLIENT_FINALS_REFUSED.keys())
def test_the_server_refuses(server: ScramServer, final: bytes) -> None:
    server.first(CLIENT_FIRST)
    with pytest.raises(ScramError):
        server.final(final)


CLIENT_FIRSTS_REFUSED = {
    "channel binding, which was not offered": b"p=tls-server-end-point,,n=user,r=x",
    "an authorisation identity": b"n,a=other,n=user,r=x",
    "no nonce": b"n,,n=user",
    "an empty nonce": b"n,,n=user,r=",
    "no GS2 header": b"n=user,r=x",
}


@pytest.mark.parametrize("first", CLIENT_FIRSTS_REFUSED.values(), ids=CLIENT_FIRSTS_REFUSED.keys())
def test_the_server_refuses_at_once(server: ScramServer, first: bytes) -> None:
    with pytest.raises(ScramError):
        server.first(first)


SERVER_FIRSTS_REFUSED = {
    "a nonce that doesn't begin with the client's": SERVER_FIRST.replace(b"r=rOpr", b"r=xOpr"),
    "the client's nonce alone": SERVER_FIRST.replace(SERVER_NONCE.encode(), b""),
    "no salt": SERVER_FIRST.replace(b"s=", b"t="),
    "no iterations": SERVER_FIRST.replace(b"i=4096", b"i=0"),
}


@pytest.mark.parametrize("first", SERVER_FIRSTS_REFUSED.values(), ids=SERVER_FIRSTS_REFUSED.keys())
def test_the_client_refuses(client: ScramClient, first: bytes) -> None:
    client.first()
    with pytest.raises(ScramError):
        client.final(first)


SERVER_FINALS_REFUSED = {
    "another password's signature": SERVER_FINAL.replace(b"v=6rri", b"v=7rri"),
    "an error": b"e=invalid-proof",
    "nothing": b"",
}


@pytest.mark.parametrize("final", SERVER_FINALS_REFUSED.values(), ids=SERVER_FINALS_REFUSED.keys())
def test_the_client_does_not_trust(client: ScramClient, final: bytes) -> None:
    client.first()
    client.final(SERVER_FIRST)
    with pytest.raises(ScramError):
        client.verify(final)
    assert not client.verified
