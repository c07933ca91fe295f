"""What a text of SQL means for the session that runs it, and for what the proxy does about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.backend_kinds import IDLE, IN_FAILED_TRANSACTION
from wrangler_py.session.lost_state import SET_NOTE
from wrangler_py.session.sql_text import TRANSACTION_LOCK_NOTE

if TYPE_CHECKING:
    from wrangler_py.proxy.client import ClientSession
    from wrangler_py.proxy.origin import OriginConnection
    from wrangler_py.session.client_statements import Undo
    from wrangler_py.session.sql_text import Refusal, SQLText


def in_transaction(client: ClientSession, origin: OriginConnection) -> bool:
    """Whether the client's next message will find itself in a transaction block, as far as is known."""
    if origin.stream.queue:
        return client.in_transaction
    return origin.stream.transaction_status != IDLE


def in_failed_transaction(client: ClientSession, origin: OriginConnection) -> bool:
    """Whether the client's next message will find itself in a failed transaction, as far as is known."""
    if origin.stream.queue or origin.stream.transaction_status != IN_FAILED_TRANSACTION:
        return False
    return not client.failure_ended


def may_reset(client: ClientSession, origin: OriginConnection) -> bool:
    """Whether the session may be reset now without `client` missing anything that it could count on."""
    stream = origin.stream
    if origin.session.pristine or origin.session.dirty or client.pinned or stream.copy_in or stream.syncs_uncertain:
        return False
    if stream.queue and origin.session.pipeline_in_doubt:
        return False
    if not all(sent_group.simple or sent_group.ends_with_sync for sent_group in stream.queue):
        return False  # an error has the origin skip what is sent behind
    return not in_transaction(client, origin)


def allowed(client: ClientSession, origin: OriginConnection, refusal: Refusal) -> bool:
    if client.pool.options.allow_unsupported:
        return True
    return not refusal.in_transaction_too and in_transaction(client, origin)


def is_for_origin(client: ClientSession, origin: OriginConnection, text: SQLText) -> bool:
    """Whether DEALLOCATE or DISCARD ALL is the origin's business: to fail there, or it has the statement."""
    if text.discards_all:
        return in_transaction(client, origin)
    if in_failed_transaction(client, origin):
        return True
    return client.pinned and bool(text.deallocates) and not client.statements.may_be_taken(text.deallocates or b"")


def discard_all(client: ClientSession, origin: OriginConnection) -> Undo:
    """A pinned client's DISCARD ALL: the origin does it, and the connection can go back after it, unless what is
    sent behind it pins the client again. Gives what is to be called if the origin doesn't do it.
    """
    restore = deallocate_all(client, origin)
    client.unpin()
    origin.session.parse_unnamed(None)
    origin.session.leave_dirty(drop_statements=True)

    def undo() -> None:
        restore()
        if origin.client is client:
            client.pin("what a DISCARD ALL that failed has left")

    return undo


def is_for_both(client: ClientSession, origin: OriginConnection, text: SQLText) -> bool:
    """Whether it is DEALLOCATE ALL of a client that goes on with this connection, and can't fail there."""
    if text.deallocates != b"" or text.discards_all or in_failed_transaction(client, origin):
        return False
    return client.pinned or (not origin.stream.queue and in_transaction(client, origin))


def deallocate_all(client: ClientSession, origin: OriginConnection) -> Undo:
    """Keeps the books of a DEALLOCATE ALL that the origin does too; gives what is to be called if it doesn't."""
    restore_client, restore_origin = client.statements.clear(), origin.session.drop_all()

    def undo() -> None:
        restore_client()
        restore_origin()

    return undo


def note(client: ClientSession, origin: OriginConnection, text: SQLText) -> None:
    """Keeps in mind what `text`, about to run, does to the session."""
    if text.begins:
        client.in_transaction = True
    elif text.ends:
        client.in_transaction = False
        client.local_portals.clear()
        client.portals.clear()
    if text.drops_statements and not in_failed_transaction(client, origin):
        client.statements.clear()
        origin.session.drop_all()
    if text.ends_failure:
        client.failure_ended = True
    origin.session.runs(text)
    if text.changes_schema:
        client.pool.schema_changed()
    if text.databases:
        client.pool.needs_alone(text.databases)
    if client.pool.options.allow_unsupported:
        _pin_if_needed(client, origin, text)
    elif text.sets_outside_transaction and not in_transaction(client, origin):
        client.pool.notice_once(SET_NOTE)
    elif text.notes and (text.ends or not in_transaction(client, origin)):
        for note_on_text in text.notes:
            client.pool.notice_once(note_on_text)
    if text.takes_transaction_lock:
        client.pool.notice_once(TRANSACTION_LOCK_NOTE)


def _pin_if_needed(client: ClientSession, origin: OriginConnection, text: SQLText) -> None:
    if text.needs_session is not None:
        client.pin(text.needs_session)
    if text.needs_session is not None or text.notifies:
        client.pool.process_ids[origin.process_id] = client.process_id
    if text.prepares:
        origin.session.may_have_prepared()


def drop_statements(client: ClientSession, text: SQLText) -> tuple[bytes, Undo | None]:
    """DEALLOCATE and DISCARD ALL end at the proxy: its answer, and what takes them back unless that is an error."""
    if text.discards_all or not text.deallocates:
        answer = messages.command_complete("DISCARD ALL" if text.discards_all else "DEALLOCATE ALL")
        return answer, client.statements.clear()
    undo = client.statements.remove(text.deallocates)
    return no_statement(text.deallocates) if undo is None else messages.command_complete("DEALLOCATE"), undo


def refused(client: ClientSession, sql: bytes, refusal: Refusal) -> bytes:
    """Takes note that `sql` is not run; the error for the client."""
    response = messages.error_response("0A000", refusal.message, hint=refusal.hint)
    client.pool.accounting.query_refused(client, sql, response)
    return response


def wrong_value_count(name: bytes, count: int) -> bytes:
    shown = name.decode("utf-8", "replace")
    return messages.error_response(
        "08P01", f'bind message supplies {count} parameters, but prepared statement "{shown}" requires 0'
    )


def cannot_be_run(portal: bytes) -> bytes:
    """For a portal that has been run: what is in it has no rows left to fetch."""
    return messages.error_response("55000", f'portal "{portal.decode("utf-8", "replace")}" cannot be run')


def no_statement(name: bytes) -> bytes:
    shown = name.decode("utf-8", "replace")
    text = f'prepared statement "{shown}" does not exist' if name else "unnamed prepared statement does not exist"
    return messages.error_response("26000", text)
