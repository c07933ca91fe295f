"""Conversations in the protocol itself: the proxy gives the answers that a direct connection gives."""

from __future__ import annotations

import contextlib
import functools
import itertools
import random
import struct
from collections.abc import Iterator

import pytest
from support.postgres_server import PostgresServer, major_version
from support.proxy_server import BINDING, PASSWORD, ProxyServer, origin_of, pool_config
from support.raw_client import (
    FLUSH,
    SYNC,
    Message,
    RawClient,
    bind,
    close,
    copy_data,
    copy_done,
    copy_fail,
    describe,
    execute,
    function_call,
    parse,
    query,
)

from wrangler_py.hyperdrive.config import Caching

PBES = parse("", "SELECT 1") + bind() + execute() + SYNC
PREPARES = "DO $$BEGIN EXECUTE 'PREPARE left_behind AS SELECT 42'; END$$"
INT8_ABS = 1230
"""The OID of the function abs(bigint)."""

ENDS_OF_FAILED_TRANSACTIONS = [
    "ROLLBACK", "COMMIT", "ROLLBACK TO a", "ROLLBACK AND CHAIN", "ABORT", "END", "SELECT 2", "SHOW nothing",
]  # fmt: skip
"""Some are none."""

Turn = tuple[bytes, str]
"""What is sent, and the kinds of message that must have come before the next turn, in order."""

CONVERSATIONS: dict[str, list[Turn]] = {
    "flush without sync": [
        (parse("a", "SELECT $1::int + 1") + FLUSH, "1"),
        (describe("S", "a") + FLUSH, "T"),
        (bind("", "a", [b"41"]) + execute() + FLUSH, "C"),
        (bind("", "a", [b"1"]) + execute() + SYNC, "Z"),
    ],
    "several executes before one sync": [
        (
            b"".join(
                parse("", f"SELECT {i}, $1::text") + bind("", "", [b"x"]) + describe("P") + execute()
                for i in range(5)
            )
            + SYNC,
            "Z",
        ),
    ],
    "one statement bound many times": [
        (parse("s", "SELECT $1::int * 2"), ""),
        (b"".join(bind(f"p{i}", "s", [b"%d" % i]) for i in range(10)), ""),
        (b"".join(execute(f"p{i}") + close("P", f"p{i}") for i in range(10)) + SYNC, "Z"),
    ],
    "portal with row limits": [
        (query("BEGIN"), "Z"),
        (parse("", "SELECT generate_series(1, 7)") + bind("p", "") + execute("p", 3) + FLUSH, "s"),
        (execute("p", 3) + SYNC, "Z"),
        (execute("p", 3) + close("P", "p") + SYNC, "Z"),
        (execute("p", 3) + SYNC, "Z"),
        (query("ROLLBACK"), "Z"),
    ],
    "portals in turn": [
        (
            query("BEGIN")
            + parse("", "SELECT generate_series(1, 4)")
            + bind("p", "")
            + parse("", "SELECT generate_series(11, 14)")
            + bind("q", "")
            + SYNC,
            "ZZ",
        ),
        (execute("p", 2) + execute("q", 2) + execute("p", 1) + execute("q") + execute("p") + SYNC, "Z"),
        (describe("P", "q") + SYNC, "Z"),
        (query("COMMIT"), "Z"),
        (describe("P", "q") + SYNC, "Z"),
    ],
    "portal ends with its implicit transaction": [
        (parse("", "SELECT generate_series(1, 4)") + bind("p", "") + execute("p", 2) + SYNC, "Z"),
        (execute("p", 2) + SYNC, "Z"),
        (PBES, "Z"),
    ],
    "close and describe": [
        (parse("s", "SELECT 1 AS one") + describe("S", "s") + close("S", "s") + SYNC, "Z"),
        (describe("S", "s") + SYNC, "Z"),
        (close("S", "s") + close("S", "never") + close("P", "never") + SYNC, "Z"),
        (bind("", "s") + execute() + SYNC, "Z"),
        (parse("s", "SELECT 2 AS two") + bind("", "s") + describe("P") + execute() + SYNC, "Z"),
    ],
    "closed statement, open portal": [
        (query("BEGIN"), "Z"),
        (parse("s", "SELECT generate_series(1, 3)") + bind("p", "s") + close("S", "s") + execute("p") + SYNC, "Z"),
        (query("COMMIT"), "Z"),
    ],
    "an error skips to sync": [
        (
            parse("a", "SELECT 1")
            + bind("", "a")
            + execute()
            + parse("b", "SELECT nonsense")
            + parse("c", "SELECT 3")
            + bind("", "c")
            + execute()
            + SYNC,
            "Z",
        ),
        (bind("", "a") + execute() + SYNC, "Z"),
        (bind("", "b") + execute() + SYNC, "Z"),
        (bind("", "c") + execute() + SYNC, "Z"),
        (parse("b", "SELECT 22") + parse("c", "SELECT 33") + bind("", "b") + execute() + SYNC, "Z"),
        (bind("", "c") + execute() + SYNC, "Z"),
    ],
    "an error skips a close": [
        (parse("a", "SELECT 'a'") + SYNC, "Z"),
        (parse("", "SELECT nonsense") + close("S", "a") + SYNC, "Z"),
        (bind("", "a") + execute() + SYNC, "Z"),
        (parse("a", "SELECT 'again'") + SYNC, "Z"),
    ],
    "an error before the sync is sent": [
        (parse("", "SELECT nonsense") + FLUSH, "E"),
        (parse("x", "SELECT 1") + bind("", "x") + execute() + FLUSH, ""),
        (describe("S", "x"), ""),
        (SYNC, "Z"),
        (bind("", "x") + SYNC, "Z"),
    ],
    "an error at execute": [
        (parse("d", "SELECT 1 / $1::int") + SYNC, "Z"),
        (bind("", "d", [b"0"]) + execute() + bind("", "d", [b"1"]) + execute() + SYNC, "Z"),
        (bind("", "d", [b"1"]) + execute() + SYNC, "Z"),
        (bind("", "d", [b"x"]) + execute() + SYNC, "Z"),
    ],
    "the unnamed statement after an error": [
        (parse("", "SELECT 'kept'") + SYNC, "Z"),
        (bind("", "") + execute() + SYNC, "Z"),
        (bind("", "", [b"too many"]) + SYNC, "Z"),
        (bind("", "") + execute() + SYNC, "Z"),
    ],
    "the unnamed statement after a Parse that failed": [
        (parse("", "SELECT 'before'") + SYNC, "Z"),
        (parse("", "SELECT nonsense") + bind() + execute() + SYNC, "Z"),
        (bind() + execute() + SYNC, "Z"),
        (parse("", "SELECT 'kept'") + bind("", "", [b"too many"]) + SYNC, "Z"),
        (bind() + execute() + SYNC, "Z"),
        (execute("never") + parse("", "SELECT 'skipped'") + bind() + execute() + SYNC, "Z"),
        (bind() + execute() + SYNC, "Z"),
        (
            parse("", "SELECT 'first'")
            + bind()
            + execute()
            + parse("", "SELECT 1/0")
            + bind()
            + execute()
            + parse("", "SELECT 'third'")
            + SYNC,
            "Z",
        ),
        (bind() + execute() + SYNC, "Z"),
        (query("BEGIN") + query("SELECT nonsense") + parse("", "SELECT 1") + SYNC, "ZZZ"),
        (query("ROLLBACK") + bind() + execute() + SYNC, "ZZ"),
    ],
    "the unnamed statement after a simple query": [
        (parse("", "SELECT 'dropped'") + SYNC, "Z"),
        (query("SELECT 'query'"), "Z"),
        (bind() + execute() + SYNC, "Z"),
        (parse("", "SELECT 'dropped'") + SYNC + query("nonsense") + bind() + execute() + SYNC, "ZZZ"),
        (parse("", "SELECT 'dropped'") + SYNC + query("DEALLOCATE ALL") + bind() + execute() + SYNC, "ZZZ"),
        (parse("", "SELECT 'dropped'") + bind() + execute() + query("SELECT 2"), "Z"),
        (bind() + execute() + SYNC, "Z"),
        (parse("", "SELECT 'dropped'") + bind() + execute() + query("SELECT 1/0"), "Z"),
        (bind() + execute() + SYNC, "Z"),
        (parse("", "SELECT 'kept'") + bind("", "", [b"too many"]) + query("SELECT 'skipped'") + SYNC, "Z"),
        (bind() + execute() + SYNC, "Z"),
        (function_call(INT8_ABS, [b"-7"]) + bind() + execute() + SYNC, "ZZ"),
        (close("S", "") + SYNC, "Z"),
        (bind() + execute() + SYNC, "Z"),
        (parse("", "SELECT 'kept'") + SYNC, "Z"),
        (execute("never") + close("S", "") + SYNC, "Z"),
        (bind() + execute() + SYNC, "Z"),
    ],
    "names": [
        (parse("n", "SELECT 1") + SYNC, "Z"),
        (parse("n", "SELECT 1") + SYNC, "Z"),
        (parse("n", "SELECT 2") + bind("", "n") + execute() + SYNC, "Z"),
        (parse("n", "SELECT nonsense") + SYNC, "Z"),
        (bind("", "n", [b"too many"]) + close("S", "n") + SYNC, "Z"),
        (bind("", "n", [b"too many"]) + query("DEALLOCATE ALL") + SYNC, "Z"),
        (execute("never") + query("SELECT 1") + SYNC + parse("m", "SELECT 'm'") + SYNC, "ZZ"),
        (bind("", "m") + execute() + SYNC, "Z"),
        (bind("", "unknown") + SYNC, "Z"),
        (describe("S", "unknown") + SYNC, "Z"),
        (execute("unknown") + SYNC, "Z"),
        (bind("", "n") + execute() + SYNC, "Z"),
    ],
    "long names": [
        (parse(70 * "n", "SELECT 1") + SYNC, "Z"),
        (bind("", 63 * "n") + execute() + SYNC, "Z"),
        (parse(70 * "n" + "m", "SELECT 2") + SYNC, "Z"),
        (bind("", 70 * "n" + "m") + execute() + SYNC, "Z"),
        (query(f'DEALLOCATE "{63 * "n"}"'), "Z"),
        (bind("", 70 * "n") + execute() + SYNC, "Z"),
        (parse(70 * "n", "SELECT 3") + SYNC, "Z"),
        (close("S", 64 * "n") + SYNC, "Z"),
        (describe("S", 70 * "n") + SYNC, "Z"),
    ],
    "rows that have been fetched": [
        (parse("s", "SELECT 7 WHERE true") + bind("", "s") + execute() + SYNC, "Z"),
        (bind("", "s") + execute() + FLUSH, "C"),
        (execute("", 1) + execute() + FLUSH, "CC"),
        (execute("", 1) + SYNC, "Z"),
        (bind("p", "s") + execute("p") + FLUSH, "C"),
        (execute("p", 1) + SYNC + query("SELECT 8"), "ZZ"),
    ],
    "what a block has prepared": [
        (parse("d", PREPARES) + parse("a", "DEALLOCATE ALL") + SYNC, "Z"),
        (
            bind("", "d") + execute() + bind("", "a") + execute() + parse("", PREPARES) + bind() + execute() + SYNC,
            "Z",
        ),
        (query("DEALLOCATE ALL"), "Z"),
        (parse("", PREPARES) + bind() + execute() + query("DEALLOCATE ALL") + query(PREPARES), "ZZ"),
        (query("DEALLOCATE ALL") + query("BEGIN"), "ZZ"),
        (parse("", PREPARES) + bind() + execute() + FLUSH, "C"),
        (parse("", "DEALLOCATE ALL") + bind() + execute() + FLUSH, "C"),
        (parse("", PREPARES) + bind() + execute() + query("DEALLOCATE ALL") + query(PREPARES), "ZZ"),
        (execute("never") + query("DEALLOCATE ALL") + SYNC + query("ROLLBACK") + query("DEALLOCATE ALL"), "ZZZ"),
    ],
    "DEALLOCATE ALL behind what fails": [
        (parse("a", "SELECT nonsense") + query("DEALLOCATE ALL") + SYNC, "Z"),
        (parse("a", "SELECT nonsense") + SYNC, "Z"),
        (bind("", "never") + parse("b", "SELECT 2") + query("DEALLOCATE ALL") + SYNC, "Z"),
        (parse("b", "SELECT 2") + bind("", "b") + execute() + SYNC, "Z"),
        (parse("c", "SELECT 3") + query("DEALLOCATE ALL"), "Z"),
        (bind("", "b") + execute() + SYNC + bind("", "c") + execute() + SYNC, "ZZ"),
        (
            parse("", "DEALLOCATE ALL") + bind("p") + parse("d", "SELECT 4") + execute("p") + bind("", "d") + SYNC,
            "Z",
        ),
        (parse("d", "SELECT 4") + bind("", "d") + execute() + SYNC, "Z"),
    ],
    "octets that are no characters": [
        (query("DEALLOCATE ALL -- ?").replace(b"?", b"\xff"), "Z"),
        (query("DEALLOCATE ?").replace(b"?", b"\xff"), "Z"),
        (query("DISCARD ALL -- ?").replace(b"?", b"\xff"), "Z"),
        (parse("", "DEALLOCATE ?").replace(b"?", b"\xff") + bind() + execute() + SYNC, "Z"),
        (query("BEGIN") + query("DEALLOCATE ?").replace(b"?", b"\xff") + query("ROLLBACK"), "ZZZ"),
        (query("SELECT '?'").replace(b"?", b"\xff"), "Z"),
    ],
    "names after errors, without waiting for them": [
        (parse("a", "SELECT nonsense") + SYNC + parse("a", "SELECT 1") + bind("", "a") + execute() + SYNC, "ZZ"),
        (parse("a", "SELECT 2") + SYNC + parse("a", "SELECT 3") + SYNC + bind("", "a") + execute() + SYNC, "ZZZ"),
        (parse("b", "SELECT nonsense") + bind("", "b") + execute() + close("S", "b") + SYNC, "Z"),
        (parse("b", "SELECT 4") + bind("", "b") + execute() + SYNC, "Z"),
        (parse("c", "SELECT mistaken") + SYNC + parse("d", "SELECT mistaken") + SYNC, "ZZ"),
        (execute("never") + parse("e", "SELECT 5") + SYNC + bind("", "e") + execute() + SYNC, "ZZ"),
        (bind("", "never") + close("S", "a") + SYNC + bind("", "a") + execute() + SYNC, "ZZ"),
        (parse("", "SELECT nonsense") + parse("", "SELECT 6") + close("S", "") + SYNC + SYNC, "ZZ"),
        (bind("p", "never") + parse("f", "SELECT 7") + query("SELECT 8") + execute("p") + query("SELECT 9"), ""),
        (SYNC + bind("", "f") + execute() + SYNC, "ZZ"),
        (query("SELECT 'fine'"), "Z"),
    ],
    "names in a transaction": [
        (query("BEGIN"), "Z"),
        (parse("n", "SELECT 1") + SYNC, "Z"),
        (parse("n", "SELECT 1") + SYNC, "Z"),
        (bind("", "n") + execute() + SYNC, "Z"),
        (parse("m", "SELECT 1") + SYNC, "Z"),
        (query("ROLLBACK"), "Z"),
        (bind("", "n") + execute() + SYNC, "Z"),
        (bind("", "m") + execute() + SYNC, "Z"),
    ],
    "prepare again in a failed transaction": [
        (parse("n", "SELECT 1") + SYNC, "Z"),
        (query("BEGIN") + query("SELECT 1/0"), "ZZ"),
        (parse("m", "SELECT 1") + SYNC, "Z"),
        (bind("", "n") + execute() + SYNC, "Z"),
        (query("ROLLBACK"), "Z"),
        (bind("", "m") + execute() + SYNC, "Z"),
        (parse("m", "SELECT 1") + bind("", "m") + execute() + SYNC, "Z"),
    ],
    "empty queries": [
        (query(""), "Z"),
        (query(";"), "Z"),
        (parse("", "") + bind() + describe("P") + execute() + SYNC, "Z"),
        (parse("e", "") + describe("S", "e") + SYNC, "Z"),
        (SYNC, "Z"),
        (SYNC + SYNC, "ZZ"),
        (FLUSH, ""),
        (query(" -- nothing"), "Z"),
    ],
    "several statements in a simple query": [
        (query("SELECT 1; SELECT 'two'; SELECT generate_series(1, 3)"), "Z"),
        (query("SELECT 1; SELECT nonsense; SELECT 3"), "Z"),
        (query("SELECT 1; BEGIN; SELECT 2"), "Z"),
        (query("SELECT 3; COMMIT; SELECT 4"), "Z"),
        (query("SELECT 1; SELECT 1/0; SELECT 3"), "Z"),
        (query("BEGIN; SELECT 1/0"), "Z"),
        (query("SELECT 1"), "Z"),
        (query("ROLLBACK; SELECT 5"), "Z"),
        (query("SELECT 1; CREATE TEMP TABLE IF NOT EXISTS t (a int); DROP TABLE t"), "Z"),
        (parse("", "SELECT 1; SELECT 2") + SYNC, "Z"),
    ],
    "copy in": [
        (query("BEGIN; CREATE TEMP TABLE c (a int, b text) ON COMMIT DROP"), "Z"),
        (query("COPY c FROM STDIN"), "G"),
        (copy_data(b"1\tone\n") + copy_data(b"2\ttwo\n3\tthr") + copy_data(b"ee\n") + copy_done(), "Z"),
        (query("SELECT * FROM c ORDER BY a"), "Z"),
        (query("COPY c FROM STDIN"), "G"),
        (copy_data(b"4\tfour\n") + copy_fail("changed my mind"), "Z"),
        (query("ROLLBACK"), "Z"),
    ],
    "copy in binary": [
        (query("BEGIN; CREATE TEMP TABLE c (a int, b text) ON COMMIT DROP"), "Z"),
        (query("COPY c FROM STDIN (FORMAT BINARY)"), "G"),
        (
            copy_data(
                b"PGCOPY\n\xff\r\n\0"
                + struct.pack("!II", 0, 0)
                + struct.pack("!HIi", 2, 4, 7)
                + struct.pack("!I", 5)
                + b"seven"
                + b"\xff\xff"
            )
            + copy_done(),
            "Z",
        ),
        (query("COPY c TO STDOUT"), "Z"),
        (query("COPY c TO STDOUT (FORMAT BINARY)"), "Z"),
        (query("ROLLBACK"), "Z"),
    ],
    "copy in that fails": [
        (query("COPY nonsense FROM STDIN"), "Z"),
        (copy_data(b"1\n") + copy_done() + query("SELECT 1"), "Z"),
        (query("BEGIN; CREATE TEMP TABLE c (a int) ON COMMIT DROP"), "Z"),
        (query("COPY c FROM STDIN"), "G"),
        (copy_data(b"not a number\n") + copy_data(b"2\n") + copy_done(), "Z"),
        (query("ROLLBACK"), "Z"),
    ],
    "copy in, all at once": [
        (
            query("BEGIN; CREATE TEMP TABLE c (a int) ON COMMIT DROP")
            + query("COPY c FROM STDIN")
            + copy_data(b"1\n2\n")
            + copy_done()
            + query("SELECT sum(a) FROM c")
            + query("COMMIT"),
            "ZZZZ",
        ),
    ],
    "copy in, with a sync at once": [
        (query("BEGIN; CREATE TEMP TABLE c (a int) ON COMMIT DROP"), "Z"),
        (query("COPY c FROM STDIN") + SYNC + FLUSH + SYNC, "G"),
        (copy_data(b"1\n") + copy_done() + query("COMMIT"), "ZZ"),
    ],
    "copy with several statements": [
        (query("BEGIN; CREATE TEMP TABLE c (a int) ON COMMIT DROP"), "Z"),
        (query("SELECT 1; COPY c FROM STDIN; COPY c FROM STDIN; SELECT sum(a) FROM c"), "G"),
        (copy_data(b"1\n") + copy_done(), "G"),
        (copy_data(b"2\n") + copy_done(), "Z"),
        (query("ROLLBACK"), "Z"),
    ],
    "extended copy in": [
        (query("BEGIN; CREATE TEMP TABLE c (a int) ON COMMIT DROP"), "Z"),
        (parse("", "COPY c FROM STDIN") + bind() + execute() + SYNC, "G"),
        (copy_data(b"1\n") + copy_data(b"2\n") + copy_done() + SYNC, "Z"),
        (parse("k", "COPY c FROM STDIN") + bind("", "k") + execute() + FLUSH, "G"),
        (copy_data(b"3\n") + copy_done() + SYNC, "Z"),
        (bind("", "k") + execute() + SYNC, "G"),
        (copy_data(b"4\n") + SYNC + FLUSH + copy_data(b"5\n") + copy_done() + SYNC, "Z"),
        (bind("", "k") + execute() + copy_data(b"6\n") + copy_done() + SYNC, "Z"),
        (parse("", "SELECT sum(a) FROM c") + bind() + execute() + SYNC, "Z"),
        (bind("", "k") + execute() + SYNC, "G"),
        (copy_fail("no more") + SYNC, "Z"),
        (query("ROLLBACK"), "Z"),
        (bind("", "k") + execute() + SYNC, "Z"),
    ],
    "extended copy in, sync before its data": [
        (query("BEGIN; CREATE TEMP TABLE c (a int) ON COMMIT DROP"), "Z"),
        (
            parse("", "COPY c FROM STDIN")
            + bind()
            + execute()
            + SYNC
            + copy_data(b"1\n2\n")
            + copy_done()
            + SYNC
            + query("SELECT sum(a) FROM c"),
            "ZZ",
        ),
        (query("ROLLBACK"), "Z"),
        (
            parse("", "COPY nonsense FROM STDIN")
            + bind()
            + execute()
            + SYNC
            + copy_data(b"1\n2\n")
            + copy_done()
            + SYNC,
            "ZZ",
        ),
        (query("SELECT 1"), "Z"),
    ],
    "ends of copy data that come before the copy": [
        (query("BEGIN; CREATE TEMP TABLE c (a int) ON COMMIT DROP"), "Z"),
        (parse("s", "SELECT 1") + copy_done() + query("COPY c FROM STDIN") + SYNC, "G"),
        (copy_data(b"1\n") + copy_done(), "Z"),
        (bind("", "s") + copy_fail("early") + parse("", "COPY c FROM STDIN") + bind() + execute() + FLUSH, "G"),
        (copy_data(b"2\n") + copy_done() + SYNC + query("SELECT sum(a) FROM c"), "ZZ"),
        (query("COMMIT"), "Z"),
    ],
    "extended copies in a pipeline, with syncs among their data": [
        (query("BEGIN; CREATE TEMP TABLE c (a int) ON COMMIT DROP"), "Z"),
        (
            (parse("", "COPY c FROM STDIN") + bind() + execute() + SYNC + copy_data(b"1\n") + copy_done()) * 2
            + copy_fail("too late")
            + SYNC
            + query("SELECT sum(a) FROM c"),
            "ZZ",
        ),
        (query("COMMIT"), "Z"),
    ],
    "extended copy in that fails": [
        (query("BEGIN; CREATE TEMP TABLE c (a int) ON COMMIT DROP"), "Z"),
        (parse("", "COPY c FROM STDIN") + bind() + execute() + SYNC, "G"),
        (copy_data(b"x\n"), "E"),
        (copy_data(b"y\n") + copy_done() + SYNC, "Z"),
        (query("ROLLBACK"), "Z"),
    ],
    "simple query in the middle of a copy's sync": [
        (query("BEGIN; CREATE TEMP TABLE c (a int) ON COMMIT DROP"), "Z"),
        (query("COPY c FROM STDIN"), "G"),
        (SYNC + copy_data(b"1\n") + FLUSH + copy_done(), "Z"),
        (query("SELECT count(*) FROM c"), "Z"),
        (query("COMMIT"), "Z"),
    ],
    "copy out": [
        (query("COPY (SELECT generate_series(1, 100)) TO STDOUT"), "Z"),
        (parse("o", "COPY (SELECT 1, 'x') TO STDOUT") + bind("", "o") + describe("P") + execute() + SYNC, "Z"),
        (query("COPY (SELECT 1/(3-x) FROM generate_series(1, 5) x) TO STDOUT"), "Z"),
        (query("SELECT 'after'"), "Z"),
    ],
    "function call": [
        (function_call(INT8_ABS, [b"-7"]), "Z"),
        (function_call(999_999_999, []), "Z"),
        (query("BEGIN") + function_call(INT8_ABS, [b"-8"]) + query("ROLLBACK"), "ZZZ"),
        (function_call(INT8_ABS, [b"x"]), "Z"),
    ],
    "notices": [
        (query("DO $$BEGIN RAISE NOTICE 'first'; RAISE WARNING 'second'; END$$"), "Z"),
        (parse("", "DROP TABLE IF EXISTS nonsense") + bind() + execute() + SYNC, "Z"),
        (query("BEGIN; BEGIN"), "Z"),
        (query("COMMIT"), "Z"),
        (query("COMMIT"), "Z"),
    ],
    "parameter status in a transaction": [
        (query("BEGIN; SET LOCAL TimeZone = 'Asia/Tokyo'; SET LOCAL DateStyle = 'German'"), "Z"),
        (query("SELECT '2026-02-28'::date"), "Z"),
        (query("COMMIT"), "Z"),
        (query("SELECT '2026-02-28'::date"), "Z"),
    ],
    "simple query behind unfinished messages": [
        (parse("", "SELECT 1") + bind() + execute() + query("SELECT 2"), "Z"),
        (parse("s", "SELECT 3") + query("SELECT 4"), "Z"),
        (bind("", "s") + query("SELECT 5"), "Z"),
        (bind("", "s") + execute() + FLUSH, "C"),
        (query("SELECT 6; SELECT 7"), "Z"),
        (parse("", "SELECT 1") + bind() + execute() + query("SELECT 1/0"), "Z"),
        (parse("", "SELECT 1") + bind() + execute() + query("nonsense"), "Z"),
        (query("SELECT 'fine'"), "Z"),
    ],
    "simple query behind failed messages": [
        (parse("", "SELECT nonsense") + bind() + query("SELECT 2") + SYNC, "Z"),
        (parse("", "SELECT nonsense") + FLUSH, "E"),
        (query("SELECT 2") + query("SELECT 3") + SYNC, "Z"),
        (PBES, "Z"),
    ],
    "a pipeline of transactions": [
        (
            query("BEGIN")
            + PBES
            + query("SELECT 1/0")
            + PBES
            + query("ROLLBACK")
            + PBES
            + query("BEGIN")
            + query("SELECT 2")
            + query("COMMIT"),
            "Z" * 9,
        ),
    ],
    "a pipeline with names": [
        (
            parse("a", "SELECT 'a', $1::int")
            + SYNC
            + bind("", "a", [b"1"])
            + execute()
            + SYNC
            + parse("a", "SELECT 'b'")
            + SYNC
            + close("S", "a")
            + SYNC
            + parse("a", "SELECT 'c'")
            + bind("", "a")
            + execute()
            + SYNC
            + bind("", "gone")
            + SYNC
            + query("SELECT 'end'"),
            "Z" * 7,
        ),
    ],
    "an implicit transaction is one": [
        (
            parse("", "CREATE TABLE implicit (a int)")
            + bind()
            + execute()
            + parse("", "SELECT 1/0")
            + bind()
            + execute()
            + SYNC,
            "Z",
        ),
        (query("SELECT * FROM implicit"), "Z"),
    ],
    "commit in the middle of a pipeline": [
        (
            b"".join(
                parse("", sql) + bind() + execute() for sql in ("BEGIN", "SELECT 1", "COMMIT", "SELECT 2", "BEGIN")
            )
            + SYNC,
            "Z",
        ),
        (parse("", "SELECT 3") + bind() + execute() + SYNC, "Z"),
        (parse("", "ROLLBACK") + bind() + execute() + parse("", "SELECT 4") + bind() + execute() + SYNC, "Z"),
    ],
    "the end of a failed transaction, with what follows in one group": [
        (parse("s1", "SHOW work_mem") + bind("", "s1") + execute() + SYNC, "Z"),
        *(
            turn
            for number, end in enumerate(ENDS_OF_FAILED_TRANSACTIONS)
            for turn in (
                (query("BEGIN; SAVEPOINT a"), "Z"),
                (query("SELECT 1/0"), "Z"),
                (
                    parse("", end)
                    + bind()
                    + execute()
                    + parse(f"t{number}", "SHOW work_mem")
                    + bind("", f"t{number}")
                    + execute()
                    + SYNC,
                    "Z",
                ),
                (query("ROLLBACK") + bind("", f"t{number}") + SYNC, "ZZ"),
                (query("BEGIN; SAVEPOINT a; SELECT 1/0"), "Z"),
                (
                    query(end) + parse(f"u{number}", "SHOW work_mem") + bind("", f"u{number}") + execute() + SYNC,
                    "ZZ",
                ),
                (query("ROLLBACK") + bind("", f"u{number}") + SYNC, "ZZ"),
                (query("BEGIN; SAVEPOINT a; SELECT 1/0"), "Z"),
                (query(f"{end}; SELECT 3") + parse("", "DEALLOCATE s1") + bind() + execute() + SYNC, "ZZ"),
                (query("ROLLBACK") + bind("", "s1") + SYNC, "ZZ"),
                (close("S", "s1") + parse("s1", "SHOW work_mem") + SYNC, "Z"),
                (query("BEGIN; SAVEPOINT a; SELECT 1/0"), "Z"),
                (parse("", end) + bind() + execute() + parse("", "DEALLOCATE s1") + bind() + execute() + SYNC, "Z"),
                (query("ROLLBACK") + bind("", "s1") + SYNC, "ZZ"),
                (close("S", "s1") + parse("s1", "SHOW work_mem") + SYNC, "Z"),
                *(
                    turn
                    for name in (f"v{number}", f"w{number}")  # the second is prepared already
                    for turn in (
                        (query("BEGIN") + query("ROLLBACK TO never"), "ZZ"),
                        (parse(name, end) + bind("", name) + execute() + SYNC, "Z"),
                        (query("ROLLBACK"), "Z"),
                    )
                ),
                (query("BEGIN; SELECT 1/0"), "Z"),
                (query(end) + query("DEALLOCATE ALL") + query("ROLLBACK") + bind("", "s1") + SYNC, "ZZZZ"),
                (close("S", "s1") + parse("s1", "SHOW work_mem") + SYNC, "Z"),
            )
        ),
    ],
    "savepoints": [
        (query("BEGIN; SAVEPOINT a; SELECT 1/0"), "Z"),
        (parse("", "ROLLBACK TO a") + bind() + execute() + SYNC, "Z"),
        (parse("", "SELECT 'alive'") + bind() + execute() + SYNC, "Z"),
        (query("COMMIT"), "Z"),
    ],
    "formats": [
        (parse("f", "SELECT $1::int, $2::bytea", [23, 17]) + describe("S", "f") + SYNC, "Z"),
        (bind("", "f", [b"\0\0\0\7", b"\\x00ff"], [1, 0], [0, 1]) + describe("P") + execute() + SYNC, "Z"),
        (bind("", "f", [None, None], [], [1]) + execute() + SYNC, "Z"),
        (bind("", "f", [b"1"]) + execute() + SYNC, "Z"),
        (parse("g", "SELECT $1", [23]) + parse("h", "SELECT $1", [25]) + describe("S", "g") + SYNC, "Z"),
        (describe("S", "h") + SYNC, "Z"),
    ],
    "drivers clean up": [
        (parse("s", "SELECT 1") + SYNC, "Z"),
        (query("DEALLOCATE s"), "Z"),
        (bind("", "s") + SYNC, "Z"),
        (query("DEALLOCATE s"), "Z"),
        (parse("s", "SELECT 1") + parse("t", "SELECT 2") + SYNC, "Z"),
        (query("DEALLOCATE ALL"), "Z"),
        (bind("", "t") + SYNC, "Z"),
        (parse("s", "SELECT 3") + bind("", "s") + execute() + SYNC, "Z"),
        (parse("", "DEALLOCATE s") + bind() + describe("P") + execute() + SYNC, "Z"),
        (bind("", "s") + SYNC, "Z"),
        (parse("é1", "SELECT 1") + parse("é2", "SELECT 2") + SYNC, "Z"),
        (query("DEALLOCATE é1") + query("DEALLOCATE é1"), "ZZ"),
        (bind("", "é2") + execute() + SYNC, "Z"),
        (query("DISCARD ALL"), "Z"),
        (query("CLOSE ALL; UNLISTEN *; RESET ALL"), "Z"),
        (query("SELECT pg_advisory_unlock_all()"), "Z"),
    ],
    "a deallocate that fails": [
        (
            parse("", "DEALLOCATE never")
            + bind()
            + execute()
            + parse("", "CREATE TABLE never (a int)")
            + bind()
            + execute()
            + SYNC,
            "Z",
        ),
        (query("SELECT * FROM never"), "Z"),
    ],
    "deallocate that is skipped, or bound wrongly": [
        (parse("s", "SELECT 's'") + parse("d", "DEALLOCATE ALL") + SYNC, "Z"),
        (bind("", "d", [b"too", b"many"]) + execute() + SYNC, "Z"),
        (execute("never") + bind("", "d") + execute() + SYNC, "Z"),
        (bind("", "s") + execute() + SYNC, "Z"),
        (execute("never") + bind("p", "d") + SYNC, "Z"),
        (execute("p") + SYNC, "Z"),
        (bind("p", "d") + SYNC, "Z"),
        (execute("p") + SYNC, "Z"),
        (bind("", "s") + execute() + SYNC, "Z"),
        (query("BEGIN") + query("SELECT 1/0"), "ZZ"),
        (bind("", "d") + execute() + SYNC, "Z"),
        (parse("e", "DEALLOCATE ALL") + SYNC, "Z"),
        (query("ROLLBACK"), "Z"),
        (bind("", "s") + execute() + SYNC, "Z"),
        (bind("", "e") + SYNC, "Z"),
        (bind("", "d") + execute() + SYNC, "Z"),
        (bind("", "s") + execute() + SYNC, "Z"),
    ],
    "deallocate in a pipeline": [
        (
            parse("s", "SELECT 's'")
            + bind("", "s")
            + execute()
            + SYNC
            + query("DEALLOCATE s")
            + bind("", "s")
            + SYNC
            + query("SELECT 'end'"),
            "ZZZZ",
        ),
        (
            parse("s", "SELECT 's'")
            + parse("", "DEALLOCATE ALL")
            + bind()
            + execute()
            + parse("s", "SELECT 'new'")
            + bind("", "s")
            + execute()
            + SYNC,
            "Z",
        ),
        (parse("", "SELECT 1") + bind() + execute() + query("DEALLOCATE s"), "Z"),
        (query("BEGIN; SELECT 1/0"), "Z"),
        (query("DEALLOCATE ALL"), "Z"),
        (query("ROLLBACK"), "Z"),
    ],
    "the end of copy data, twice": [
        (query("BEGIN; CREATE TEMP TABLE c (a int) ON COMMIT DROP"), "Z"),
        (
            parse("", "COPY c FROM STDIN")
            + bind()
            + execute()
            + copy_data(b"1\n")
            + copy_done()
            + SYNC
            + copy_fail("again")
            + query("SELECT pg_sleep(0.01), 'mine'"),
            "ZZ",
        ),
        (query("SELECT a FROM c"), "Z"),
        (query("COMMIT"), "Z"),
    ],
    "bad values": [
        (parse("", "SELECT 1") + bind("", "", [b"too", b"many"]) + SYNC, "Z"),
        (parse("", "SELECT $1") + SYNC, "Z"),
        (query("SELECT '\\xff'::bytea"), "Z"),
        (b"Q\0\0\0\x0dSELECT \xff\0", "Z"),
        (query("SELECT 1"), "Z"),
    ],
    "large messages": [
        (parse("", "SELECT length($1::text)") + bind("", "", [b"x" * 3_000_000]) + execute() + SYNC, "Z"),
        (query("SELECT length('" + "y" * 1_500_000 + "')"), "Z"),
        (
            parse("l", "SELECT md5($1::bytea)")
            + bind("", "l", [bytes(range(256)) * 1_000], [1])
            + execute()
            + SYNC,
            "Z",
        ),
        (query("SELECT length('" + "z" * 200_000 + "'), nonsense"), "Z"),
        (query("BEGIN; CREATE TEMP TABLE c (a text) ON COMMIT DROP"), "Z"),
        (query("COPY c FROM STDIN"), "G"),
        (copy_data(b"w" * 1_000_000 + b"\n") + copy_done(), "Z"),
        (query("SELECT length(a) FROM c"), "Z"),
        (query("COMMIT"), "Z"),
        (query("SELECT repeat('r', 1000000)"), "Z"),
    ],
}


def talk(client: RawClient, turns: list[Turn]) -> list[Message]:
    heard = []
    for sent, awaited in turns:
        client.send(sent)
        for kind in awaited:
            heard += client.until(kind)
    return [comparable(answer) for answer in heard]


def comparable(answer: Message) -> Message:
    """Without what names a place in the server's source, and without OIDs of tables."""
    if answer.kind == "T":
        columns = answer.body[2:]
        shown = answer.body[:2]
        while columns:
            end = columns.index(0) + 1
            shown += columns[:end] + bytes(4) + columns[end + 4 : end + 18]
            columns = columns[end + 18 :]
        return Message("T", shown)
    if answer.kind in "EN":
        fields = answer.fields
        return Message(answer.kind, repr({k: v for k, v in fields.items() if k not in "FLR"}).encode())
    return answer


def assert_same(ours: list[Message], theirs: list[Message]) -> None:
    """As `==`, but the first difference is shown, and not in full: messages can be long."""
    for position, (one, other) in enumerate(zip(ours, theirs, strict=False)):
        if one != other:
            pytest.fail(f"answer {position} is {str(one)[:300]}, directly {str(other)[:300]}")
    assert len(ours) == len(theirs)


def through(proxy: ProxyServer, **options: object) -> RawClient:
    return RawClient(proxy.proxy.port, user=BINDING, password=PASSWORD, **options)  # type: ignore[arg-type]


def straight(postgres: PostgresServer) -> RawClient:
    return RawClient(postgres.port, user=postgres.user, password=postgres.user_password)


@functools.cache
def told_directly(postgres: PostgresServer, name: str) -> list[Message]:
    with straight(postgres) as client:
        return talk(client, CONVERSATIONS[name])


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_the_proxy_answers_as_the_server_does(name: str, proxy: ProxyServer, postgres: PostgresServer) -> None:
    with through(proxy) as client:
        assert_same(talk(client, CONVERSATIONS[name]), told_directly(postgres, name))
        assert client.rows("SELECT 'usable'") == [[b"usable"]]


@pytest.fixture(scope="module")
def caching(postgres: PostgresServer) -> Iterator[ProxyServer]:
    proxy = ProxyServer(pool_config(origin_of(postgres), caching=Caching()))
    yield proxy
    proxy.close()


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_answers_from_the_cache_are_the_same(name: str, caching: ProxyServer, postgres: PostgresServer) -> None:
    """Three clients, so that the later ones get what was stored for the first."""
    for _ in range(3):
        with through(caching) as client:
            assert_same(talk(client, CONVERSATIONS[name]), told_directly(postgres, name))
            assert client.rows("SELECT 'usable'") == [[b"usable"]]


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_it_does_so_octet_by_octet_and_again(name: str, proxy: ProxyServer, postgres: PostgresServer) -> None:
    """The same with what is sent cut into small pieces, from a client that has been used before."""
    turns = CONVERSATIONS[name]
    with through(proxy) as client:
        for sent, awaited in turns:
            step = max(1, len(sent) // 50)
            for start in range(0, len(sent), step):
                client.send(sent[start : start + step])
            for kind in awaited:
                client.until(kind)
        client.ask(query("DEALLOCATE ALL"))
        assert_same(talk(client, turns), told_directly(postgres, name))


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("ahead", [b"", parse("s", "SELECT 1")], ids=["alone", "behind a Parse"])
@pytest.mark.parametrize(
    "intruder",
    [query("SELECT 1"), execute() + SYNC, close("S", "never") + SYNC, close("S", "never") + FLUSH + SYNC],
    ids=["query", "execute", "close", "close and flush"],
)
def test_other_messages_end_a_copy_as_at_a_server(
    intruder: bytes, ahead: bytes, at_once: bool, proxy: ProxyServer, postgres: PostgresServer
) -> None:
    def ending(client: RawClient) -> list[Message]:
        client.ask(query("BEGIN; CREATE TEMP TABLE c (a int) ON COMMIT DROP"))
        client.send(ahead + query("COPY c FROM STDIN") + (intruder if at_once else b""))
        heard = client.until("G")
        if not at_once:
            client.send(intruder)
        with contextlib.suppress(EOFError, ConnectionResetError):
            while True:
                heard.append(client.receive())
        return [comparable(answer) for answer in heard]

    with straight(postgres) as direct, through(proxy) as ours:
        assert_same(ending(ours), ending(direct))
    with through(proxy) as later:
        assert later.rows("SELECT 1") == [[b"1"]]


COPY_PIECES = {
    "sync": SYNC,
    "good": copy_data(b"1\n"),
    "bad": copy_data(b"not a number\n"),
    "done": copy_done(),
    "fail": copy_fail("changed my mind"),
}


@pytest.fixture(scope="module")
def copy_targets(postgres: PostgresServer) -> Iterator[None]:
    """A table, and a view that says only after CopyInResponse that it takes nothing."""
    postgres.execute("CREATE TABLE copied (a int); GRANT ALL ON copied TO app")
    postgres.execute("CREATE VIEW not_copied AS SELECT 1 AS a; GRANT ALL ON not_copied TO app")
    yield
    postgres.execute("DROP TABLE copied; DROP VIEW not_copied")


@pytest.mark.parametrize("behind_g", [True, False], ids=["once asked for data", "at once"])
@pytest.mark.parametrize("simple", [True, False], ids=["simple", "extended"])
@pytest.mark.parametrize("target", ["copied", "not_copied"])
def test_a_sync_among_copy_data_counts_if_the_copy_has_failed(
    target: str, simple: bool, behind_g: bool, copy_targets: None, proxy: ProxyServer, postgres: PostgresServer
) -> None:
    """The server alone knows whether it had read a Sync when the COPY failed, and ignored it."""
    sql = f"COPY {target} FROM STDIN"
    start = query(sql) if simple else parse("", sql) + bind() + execute()
    if behind_g:
        start += b"" if simple else SYNC
    with straight(postgres) as direct, through(proxy) as ours:
        for count in range(4):
            for pieces in itertools.product(COPY_PIECES, repeat=count):
                data = b"".join(COPY_PIECES[piece] for piece in pieces) + copy_done()
                end = (b"" if simple else SYNC) + query("SELECT 'end'")
                turns = [(start, "G"), (data + end, "DZ")] if behind_g else [(start + data + end, "DZ")]
                ours_heard, direct_heard = talk(ours, turns), talk(direct, turns)
                assert ours_heard == direct_heard, pieces


def pipeline_pieces() -> list[bytes]:
    """Messages that name statements, break off, or begin and end transactions."""
    pieces = [SYNC] * 8 + [FLUSH, parse("a", "SELECT nonsense")]
    for name in ("a", "b", ""):
        pieces += [parse(name, sql) for sql in ("SELECT 1", "SELECT 2", "SELECT 1/0")]
        pieces += [bind("", name), bind("", name) + execute(), describe("S", name), close("S", name)]
    for sql in ("DEALLOCATE ALL", "DEALLOCATE a"):
        pieces.append(query(sql))
        if major_version() < 18:  # there it begins a transaction block for a simple query that comes before a Sync
            pieces.append(parse("", sql) + bind() + execute())
    pieces += map(query, ["BEGIN", "COMMIT", "ROLLBACK", "SELECT 1/0", "SELECT 3", "", "SELECT 4; DEALLOCATE ALL"])
    return pieces


def answer_pieces() -> list[bytes]:
    """Ways to ask for the same few answers: by value and format, in part, with and without their columns."""
    pieces = [SYNC] * 12 + [FLUSH, query("BEGIN"), query("COMMIT"), query("SET LOCAL DateStyle = 'SQL'")]
    reads = [
        "SELECT $1::int + 1, date '2026-02-01'",
        "SELECT i FROM generate_series(1, 9) i WHERE i < $1",
        "SELECT i FROM generate_series(1, 9) i WHERE false",
        "SELECT i FROM generate_series(1, 9) i",
    ]
    pieces += map(query, [*reads[2:], "SELECT 1; SELECT 1/0", "SELECT nonsense"])
    for name in ("a", ""):
        pieces += [parse(name, sql) for sql in reads] + [describe("S", name), close("S", name)]
        for values in ([], [b"3"], [b"7"], [None], [b"x"]):
            pieces += [bind("", name, values), bind("", name, values, [], [1]), bind("p", name, values)]
            pieces.append(bind("", name, values) + describe("P") + execute())
    for portal in ("", "p"):
        pieces += [execute(portal), execute(portal, 2), describe("P", portal), close("P", portal)]
    return pieces


@pytest.mark.parametrize("cached", [False, True], ids=["uncached", "cached"])
@pytest.mark.parametrize("pieces", [pipeline_pieces(), answer_pieces()], ids=["names", "answers"])
@pytest.mark.parametrize("seed", range(3))
def test_pipelines_at_random_are_answered_as_by_the_server(
    seed: int,
    pieces: list[bytes],
    cached: bool,
    proxy: ProxyServer,
    caching: ProxyServer,
    postgres: PostgresServer,
) -> None:
    """Nothing is waited for within a turn, so that an error comes when what it undoes has long been sent."""
    pick = random.Random(seed)
    for _ in range(80):
        few = [*pick.sample(pieces, k=14), SYNC]
        turns = []
        for number in range(pick.randint(1, 3)):
            sent = b"".join(pick.choices(few, k=pick.randint(1, 10)))
            turns.append((sent + SYNC + query("ROLLBACK") + query(f"SELECT 'end {number}'"), b"end %d" % number))
        with straight(postgres) as direct, through(caching if cached else proxy) as ours:
            assert heard_until(ours, turns) == heard_until(direct, turns), turns


def heard_until(client: RawClient, turns: list[tuple[bytes, bytes]]) -> list[Message]:
    """What is answered to each turn, up to a row with its mark."""
    heard: list[Message] = []
    for sent, mark in turns:
        client.send(sent)
        while not (heard and heard[-1].kind == "D" and mark in heard[-1].body):
            heard.append(client.receive())
        heard += client.until("Z")
    return [comparable(answer) for answer in heard]
