"""What each kind of statement says, by the name of its node in the parse tree."""

from __future__ import annotations

import re

from wrangler_py.sql.ddl import CASCADE, DDL_HANDLERS, Handler, define
from wrangler_py.sql.facts import SessionEffect, StatementFacts
from wrangler_py.sql.parse_tree import Node
from wrangler_py.sql.statement_builder import Draft
from wrangler_py.sql.tree_facts import TreeFacts, strings

_CURSOR_HOLD = 0x20
"""CURSOR_OPT_HOLD in PostgreSQL's parsenodes.h."""

_TRANSACTION_KINDS = {
    "TRANS_STMT_START": "begin",
    "TRANS_STMT_PREPARE": "prepare_transaction",
}


def statement_facts(node: Node) -> StatementFacts:
    """The facts of one statement: a dict of one item, its node's name and fields."""
    ((name, fields),) = node.items()
    statement = Draft(_kind(name))
    if handler := _HANDLERS.get(name):
        handler(statement, fields)
    elif name not in _WITHOUT_SCHEMA_CHANGE:
        define(statement, fields)
    if name in _WRITE_CATALOGS_ONLY:
        statement.writes_catalogs = True
    if name in _STORE_SETTINGS:
        statement.tree.settings |= _stored_settings(fields)
    return statement.facts()


def _kind(name: str) -> str:
    """`CreatePolicyStmt` is a `create_policy`."""
    return _KINDS.get(name) or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.removesuffix("Stmt")).lower()


# -- queries, writes and what wraps them -------------------------------------------------------------------


def _select(statement: Draft, fields: Node) -> None:
    if "valuesLists" in fields:
        statement.kind = "values"
    statement.is_cleanup = _is_unlock_all(fields)
    statement.tree.walk(fields)


def _is_unlock_all(fields: Node) -> bool:
    """SELECT pg_advisory_unlock_all(), and nothing else."""
    targets = fields.get("targetList", [])
    if len(targets) != 1 or fields.keys() - {"targetList", "limitOption", "op"}:
        return False
    call: Node = targets[0]["ResTarget"]["val"].get("FuncCall", {})
    return strings(call.get("funcname", []))[-1:] == ["pg_advisory_unlock_all"] and "args" not in call


def _write(node_name: str) -> Handler:
    def handler(statement: Draft, fields: Node) -> None:
        statement.tree.walk({node_name: fields})

    return handler


def _copy(statement: Draft, fields: Node) -> None:
    if "query" in fields:
        statement.tree.walk(fields["query"])
    elif fields.get("is_from"):
        statement.tree.write(fields["relation"])
        statement.tree.walk(fields.get("whereClause", {}))
    else:
        statement.tree.walk({"RangeVar": fields["relation"]})


def _truncate(statement: Draft, fields: Node) -> None:
    for relation in fields["relations"]:
        statement.tree.write(relation["RangeVar"])
    statement.tree.writes_unknown = fields.get("behavior") == CASCADE


def _refresh(statement: Draft, fields: Node) -> None:
    statement.tree.write(fields["relation"])


def _explain(statement: Draft, fields: Node) -> None:
    """Without ANALYZE the statement is planned and not run, so nothing in it happens, but for functions that the
    planner calls."""
    ((name, inner),) = fields["query"].items()
    if not any(_is_on(option["DefElem"], "analyze") for option in fields.get("options", [])):
        planned = TreeFacts()
        planned.walk(fields["query"])
        if any(not call.builtin for call in planned.calls):
            statement.tree.effects |= SessionEffect.UNKNOWN_FUNCTION
        return
    if handler := _HANDLERS.get(name):
        kind = statement.kind
        handler(statement, inner)
        statement.kind, statement.target, statement.is_cleanup = kind, None, False


def _is_on(option: Node, name: str) -> bool:
    if option["defname"] != name:
        return False
    argument: Node | None = option.get("arg")
    if argument is None:
        return True
    if "Integer" in argument:
        return bool(argument["Integer"].get("ival", 0))
    return argument.get("String", {}).get("sval", "").lower() not in ("false", "off")


def _declare(statement: Draft, fields: Node) -> None:
    statement.target = fields["portalname"]
    hold = fields.get("options", 0) & _CURSOR_HOLD
    statement.tree.effects |= SessionEffect.HOLD_CURSOR if hold else SessionEffect.CURSOR
    statement.tree.walk(fields["query"])


def _fetch(statement: Draft, fields: Node) -> None:
    statement.target = fields["portalname"]
    if fields.get("ismove"):
        statement.kind = "move"


def _close(statement: Draft, fields: Node) -> None:
    statement.target = fields.get("portalname")
    statement.is_cleanup = statement.target is None


def _call_or_do(statement: Draft, fields: Node) -> None:
    statement.tree.effects |= SessionEffect.CALL_OR_DO
    statement.tree.writes_unknown = True


# -- the session ------------------------------------------------------------------------------------------


def _set(statement: Draft, fields: Node) -> None:
    kind, name = fields["kind"], fields.get("name", "")
    if kind == "VAR_RESET_ALL":
        statement.is_cleanup = True
    elif kind == "VAR_SET_MULTI":
        statement.tree.settings |= _transaction_settings(fields)
    elif kind == "VAR_SET_VALUE":
        statement.tree.sets(name, fields.get("args", []))
    else:
        statement.tree.settings.add(name.lower())
    if kind in ("VAR_RESET", "VAR_RESET_ALL"):
        statement.kind = "reset"
        effect = SessionEffect.RESET
    elif fields.get("is_local") or name in ("TRANSACTION", "TRANSACTION SNAPSHOT"):
        effect = SessionEffect.SET_LOCAL
    else:
        effect = SessionEffect.RESET if kind == "VAR_SET_DEFAULT" else SessionEffect.SET
    statement.tree.effects |= effect


def _transaction_settings(fields: Node) -> set[str]:
    """SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL … sets `default_transaction_isolation`."""
    prefix = "default_" if fields.get("name") == "SESSION CHARACTERISTICS" else ""
    return {prefix + item["DefElem"]["defname"] for item in fields.get("args", []) if "DefElem" in item}


def _stored_settings(fields: Node) -> set[str]:
    """The settings that a role, a database or a function is to have. The server looks at each, as SET does."""
    clauses = [fields.get("setstmt", {})]
    for option in (*fields.get("options", []), *fields.get("actions", [])):
        if isinstance(option.get("DefElem", {}).get("arg"), dict):
            clauses.append(option["DefElem"]["arg"].get("VariableSetStmt", {}))
    return {clause["name"].lower() for clause in clauses if "name" in clause}


def _set_constraints(statement: Draft, fields: Node) -> None:
    statement.tree.effects |= SessionEffect.SET_LOCAL


def _prepare(statement: Draft, fields: Node) -> None:
    statement.target = fields["name"]
    statement.tree.effects |= SessionEffect.PREPARE


def _execute(statement: Draft, fields: Node) -> None:
    statement.target = fields["name"]
    statement.tree.walk({"ExecuteStmt": fields})


def _deallocate(statement: Draft, fields: Node) -> None:
    statement.target = fields.get("name")
    statement.tree.effects |= SessionEffect.DEALLOCATE
    statement.is_cleanup = True


def _discard(statement: Draft, fields: Node) -> None:
    statement.target = fields["target"].removeprefix("DISCARD_").lower()
    statement.tree.effects |= SessionEffect.DISCARD
    statement.is_cleanup = statement.target == "all"


def _listen(statement: Draft, fields: Node) -> None:
    statement.target = fields["conditionname"]
    statement.tree.effects |= SessionEffect.LISTEN


def _unlisten(statement: Draft, fields: Node) -> None:
    statement.target = fields.get("conditionname")
    statement.tree.effects |= SessionEffect.UNLISTEN
    statement.is_cleanup = statement.target is None


def _notify(statement: Draft, fields: Node) -> None:
    statement.target = fields["conditionname"]
    statement.tree.effects |= SessionEffect.NOTIFY


def _load(statement: Draft, fields: Node) -> None:
    statement.tree.effects |= SessionEffect.LOAD


def _transaction(statement: Draft, fields: Node) -> None:
    kind = fields["kind"]
    statement.kind = _TRANSACTION_KINDS.get(kind) or kind.removeprefix("TRANS_STMT_").lower()
    statement.target = fields.get("savepoint_name")
    statement.chains = fields.get("chain", False)
    statement.tree.effects |= SessionEffect.TRANSACTION_CONTROL


def _vacuum(statement: Draft, fields: Node) -> None:
    statement.kind = "vacuum" if fields.get("is_vacuumcmd") else "analyze"


_HANDLERS: dict[str, Handler] = {
    **DDL_HANDLERS,
    "CallStmt": _call_or_do,
    "ClosePortalStmt": _close,
    "ConstraintsSetStmt": _set_constraints,
    "CopyStmt": _copy,
    "DeallocateStmt": _deallocate,
    "DeclareCursorStmt": _declare,
    "DeleteStmt": _write("DeleteStmt"),
    "DiscardStmt": _discard,
    "DoStmt": _call_or_do,
    "ExecuteStmt": _execute,
    "ExplainStmt": _explain,
    "FetchStmt": _fetch,
    "InsertStmt": _write("InsertStmt"),
    "ListenStmt": _listen,
    "LoadStmt": _load,
    "MergeStmt": _write("MergeStmt"),
    "NotifyStmt": _notify,
    "PrepareStmt": _prepare,
    "RefreshMatViewStmt": _refresh,
    "SelectStmt": _select,
    "TransactionStmt": _transaction,
    "TruncateStmt": _truncate,
    "UnlistenStmt": _unlisten,
    "UpdateStmt": _write("UpdateStmt"),
    "VacuumStmt": _vacuum,
    "VariableSetStmt": _set,
}

_KINDS = {
    "AlterEnumStmt": "alter_type",
    "AlterObjectSchemaStmt": "alter",
    "ClosePortalStmt": "close",
    "CompositeTypeStmt": "create_type",
    "ConstraintsSetStmt": "set_constraints",
    "CreateEnumStmt": "create_type",
    "CreateRangeStmt": "create_type",
    "CreateSeqStmt": "create_sequence",
    "CreateStmt": "create_table",
    "CreateTrigStmt": "create_trigger",
    "CreatedbStmt": "create_database",
    "DeclareCursorStmt": "declare",
    "DefineStmt": "create",
    "DropdbStmt": "drop_database",
    "IndexStmt": "create_index",
    "RefreshMatViewStmt": "refresh",
    "RenameStmt": "alter",
    "RuleStmt": "create_rule",
    "VariableSetStmt": "set",
    "VariableShowStmt": "show",
    "ViewStmt": "create_view",
}

_WRITE_CATALOGS_ONLY = {
    "AlterDatabaseRefreshCollStmt",
    "AlterDatabaseSetStmt",
    "AlterDatabaseStmt",
    "AlterRoleSetStmt",
    "AlterRoleStmt",
    "AlterSystemStmt",
    "ClusterStmt",
    "CommentStmt",
    "CreateRoleStmt",
    "CreatedbStmt",
    "DropRoleStmt",
    "DropdbStmt",
    "GrantRoleStmt",
    "GrantStmt",
    "RefreshMatViewStmt",
    "ReindexStmt",
    "SecLabelStmt",
    "VacuumStmt",
}
"""The catalogs say something else after these, but no statement means something else."""

_STORE_SETTINGS = {"AlterDatabaseSetStmt", "AlterFunctionStmt", "AlterRoleSetStmt", "CreateFunctionStmt"}

_WITHOUT_SCHEMA_CHANGE = _WRITE_CATALOGS_ONLY | {"CheckPointStmt", "LockStmt", "VariableShowStmt"}
