"""The effects of a SQL text on the two sessions, and whether the origin runs it."""

from __future__ import annotations

from wrangler_py.pgwire import messages
from wrangler_py.pgwire.backend_kinds import IDLE, IN_FAILED_TRANSACTION
from wrangler_py.session.client_session import ClientSession
from wrangler_py.session.client_statements import Undo
from wrangler_py.session.effects import SCHEMA_CHANGE, DatabasesNeeded
from wrangler_py.session.lost_state import SET_NOTE
from wrangler_py.session.origin_session import OriginSession
from wrangler_py.session.sql_text import TRANSACTION_LOCK_NOTE, Refusal, SQLText


def in_transaction(client: ClientSession, origin: OriginSession) -> bool:
    """Whether the client's next message will find itself in a transaction block, as far as is known."""
    if origin.stream.queue:
        return client.in_transaction
    return origin.stream.transaction_status != IDLE


def in_failed_transaction(client: ClientSession, origin: OriginSession) -> bool:
    """Whether the client's next message will find itself in a failed transaction, as far as is known."""
    if origin.stream.queue or origin.stream.transaction_status != IN_FAILED_TRANSACTION:
        return False
    return not client.failure_ended


def may_reset(client: ClientSession, origin: OriginSession) -> bool:
    """Whether the session may be reset now without `client` missing anything that it could count on."""
    stream = origin.stream
    if origin.pristine or origin.dirty or client.pinned or stream.copy_in or stream.syncs_uncertain:
        return False
    if stream.queue and origin.pipeline_in_doubt:
        return False
    if not all(sent_group.simple or sent_group.ends_with_sync for sent_group in stream.queue):
        return False  # an error makes the origin skip what is sent behind it
    return not in_transaction(client, origin)


def is_allowed(client: ClientSession, origin: OriginSession, refusal: Refusal) -> bool:
    """Whether the origin runs a text in spite of `refusal`."""
    if client.shared.allow_unsupported:
        return True
    return not refusal.in_transaction_too and in_transaction(client, origin)


def is_for_origin(client: ClientSession, origin: OriginSession, text: SQLText) -> bool:
    """Whether the origin has to run a DEALLOCATE or DISCARD ALL: to fail, or to drop what is known only there."""
    if text.discards_all:
        return in_transaction(client, origin)
    if in_failed_transaction(client, origin):
        return True
    return client.pinned and bool(text.deallocates) and not client.statements.may_be_taken(text.deallocates or b"")


def is_for_both(client: ClientSession, origin: OriginSession, text: SQLText, *, in_group: bool) -> bool:
    """Whether it is a DEALLOCATE ALL of a client that goes on with this connection: then the origin runs it, too.

    `in_group`: something that the client has sent ahead of it is in the same group.
    """
    if text.deallocates != b"" or text.discards_all or in_failed_transaction(client, origin):
        return False
    return client.pinned or in_group or (not origin.stream.queue and in_transaction(client, origin))


def discard_all(client: ClientSession, origin: OriginSession) -> Undo:
    """Notes the DISCARD ALL of a pinned client, which the origin runs.

    The connection can go back behind it, unless what is sent next pins the client again. Returns what is to be
    called if the origin doesn't run it.
    """
    restore = deallocate_all(client, origin)
    client.unpin()
    origin.parse_unnamed(None)
    origin.leave_dirty(drop_statements=True)

    def undo() -> None:
        restore()
        client.pin("what a DISCARD ALL that failed has left")

    return undo


def deallocate_all(client: ClientSession, origin: OriginSession) -> Undo:
    """Notes a DEALLOCATE ALL that the origin runs, too; returns what is to be called if it doesn't."""
    restore_client, restore_origin = client.statements.clear(), origin.drop_all()

    def undo() -> None:
        restore_client()
        restore_origin()

    return undo


def note(client: ClientSession, origin: OriginSession, text: SQLText) -> None:
    """Notes what `text`, which is about to run, does to the sessions."""
    drops_statements = text.drops_statements and not in_failed_transaction(client, origin)
    client.runs(text)
    if drops_statements:
        client.statements.clear()
        origin.drop_all()
    origin.runs(text)
    if text.changes_schema:
        client.shared.schema_changed()
        client.has_effect(SCHEMA_CHANGE)
    if text.databases:
        client.has_effect(DatabasesNeeded(text.databases))
    if client.shared.allow_unsupported:
        _pin_if_needed(client, origin, text)
    elif text.sets_outside_transaction and not in_transaction(client, origin):
        client.notice(SET_NOTE, once=True)
    elif text.notes and (text.ends or not in_transaction(client, origin)):
        for note_on_text in text.notes:
            client.notice(note_on_text, once=True)
    if text.takes_transaction_lock:
        client.notice(TRANSACTION_LOCK_NOTE, once=True)


def _pin_if_needed(client: ClientSession, origin: OriginSession, text: SQLText) -> None:
    if text.needs_session is not None:
        client.pin(text.needs_session)
    if text.needs_session is not None or text.notifies:
        client.shared.show_process_id(origin.process_id, client.process_id)
    if text.prepares:
        origin.may_have_prepared()


def drop_statements(client: ClientSession, text: SQLText) -> tuple[bytes, Undo | None]:
    """Runs a DEALLOCATE or DISCARD ALL in the proxy: the answer, and what takes it back unless it is an error."""
    if text.discards_all or not text.deallocates:
        answer = messages.command_complete("DISCARD ALL" if text.discards_all else "DEALLOCATE ALL")
        return answer, client.statements.clear()
    undo = client.statements.remove(text.deallocates)
    return no_statement(text.deallocates) if undo is None else messages.command_complete("DEALLOCATE"), undo


def wrong_value_count(name: bytes, count: int) -> bytes:
    shown = name.decode("utf-8", "replace")
    return messages.error_response(
        "08P01", f'bind message supplies {count} parameters, but prepared statement "{shown}" requires 0'
    )


def cannot_be_run(portal: bytes) -> bytes:
    """The error for a portal that has run: no rows are left to fetch."""
    return messages.error_response("55000", f'portal "{portal.decode("utf-8", "replace")}" cannot be run')


def no_statement(name: bytes) -> bytes:
    shown = name.decode("utf-8", "replace")
    text = f'prepared statement "{shown}" does not exist' if name else "unnamed prepared statement does not exist"
    return messages.error_response("26000", text)
