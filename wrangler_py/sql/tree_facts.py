"""Collecting facts from a parse tree: tables with the scope of CTEs, function calls, and what is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from wrangler_py.sql.facts import FunctionCall, SessionEffect
from wrangler_py.sql.function_body import RUN_SQL
from wrangler_py.sql.parse_tree import Node
from wrangler_py.sql.tables import table_name

_NO_NAMES: frozenset[str] = frozenset()

OUTLIVING_FUNCTIONS = frozenset({
    "dblink_connect", "dblink_connect_u", "pg_backup_start", "pg_copy_logical_replication_slot",
    "pg_copy_physical_replication_slot", "pg_create_logical_replication_slot",
    "pg_create_physical_replication_slot", "pg_replication_origin_session_reset",
    "pg_replication_origin_session_setup", "pg_start_backup",
})  # fmt: skip
"""Functions that leave something that no reset of the session removes."""

_FUNCTION_EFFECTS = {
    "currval": SessionEffect.SEQUENCE_STATE,
    "lastval": SessionEffect.SEQUENCE_STATE,
    "pg_advisory_lock": SessionEffect.SESSION_LOCK,
    "pg_advisory_lock_shared": SessionEffect.SESSION_LOCK,
    "pg_try_advisory_lock": SessionEffect.SESSION_LOCK,
    "pg_try_advisory_lock_shared": SessionEffect.SESSION_LOCK,
    "pg_advisory_unlock": SessionEffect.SESSION_UNLOCK,
    "pg_advisory_unlock_shared": SessionEffect.SESSION_UNLOCK,
    "pg_advisory_xact_lock": SessionEffect.XACT_LOCK,
    "pg_advisory_xact_lock_shared": SessionEffect.XACT_LOCK,
    "pg_try_advisory_xact_lock": SessionEffect.XACT_LOCK,
    "pg_try_advisory_xact_lock_shared": SessionEffect.XACT_LOCK,
    "pg_notify": SessionEffect.NOTIFY,
    "setseed": SessionEffect.RANDOM_SEED,
    "nextval": SessionEffect.SEQUENCE_USE,
    "setval": SessionEffect.SEQUENCE_USE,
    **dict.fromkeys(RUN_SQL, SessionEffect.CALL_OR_DO),
    **dict.fromkeys(OUTLIVING_FUNCTIONS, SessionEffect.OUTLIVES_RESET),
}

_LEAVE_THE_SESSION = frozenset(
    """
    array_sample array_shuffle clock_timestamp current_query currval gen_random_uuid lastval lo_close lo_creat
    lo_create lo_from_bytea lo_get lo_lseek lo_lseek64 lo_open lo_put lo_tell lo_tell64 lo_truncate lo_truncate64
    lo_unlink loread lowrite pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_blocking_pids pg_cancel_backend
    pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn pg_database_size pg_indexes_size
    pg_is_in_recovery pg_last_committed_xact pg_last_wal_receive_lsn pg_last_wal_replay_lsn
    pg_last_xact_replay_timestamp pg_lock_status pg_notify pg_partition_ancestors pg_partition_tree
    pg_relation_size pg_sequence_last_value pg_sleep pg_sleep_for pg_sleep_until pg_table_size
    pg_tablespace_size pg_terminate_backend pg_total_relation_size pg_try_advisory_xact_lock
    pg_try_advisory_xact_lock_shared pg_xact_commit_timestamp pg_xact_status random random_normal timeofday
    txid_status uuidv4 uuidv7
    """.split()  # noqa: SIM905
)
"""VOLATILE functions of PostgreSQL's own after which the session is as it was, but for what ends with the
transaction."""

_SETTINGS_VIEWS = frozenset({"pg_settings", "pg_catalog.pg_settings"})
"""An UPDATE of it is a set_config() for every row."""

_STRING_SETTINGS = frozenset({"client_encoding", "standard_conforming_strings"})
_USUAL_STRINGS = frozenset({"latin1", "on", "sql_ascii", "true", "unicode", "utf-8", "utf8"})

_LOOKED_UP_IN = {
    "regclass": "pg_class",
    "regcollation": "pg_collation",
    "regconfig": "pg_ts_config",
    "regdictionary": "pg_ts_dict",
    "regnamespace": "pg_namespace",
    "regoper": "pg_operator",
    "regoperator": "pg_operator",
    "regproc": "pg_proc",
    "regprocedure": "pg_proc",
    "regrole": "pg_roles",
    "regtype": "pg_type",
}

_LOCK_STRENGTHS = {
    "LCS_FORUPDATE": "FOR UPDATE",
    "LCS_FORNOKEYUPDATE": "FOR NO KEY UPDATE",
    "LCS_FORSHARE": "FOR SHARE",
    "LCS_FORKEYSHARE": "FOR KEY SHARE",
}


class TreeFacts:
    """What `walk` and the other methods have found so far, over one statement."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        self.written: set[str] = set()
        self.writes_unknown = False
        self.creates_table = False
        self.effects = SessionEffect.NONE
        self.settings: set[str] = set()
        self.why_not_read_only: str | None = None
        self._calls: dict[tuple[str | None, str, tuple[str | None, ...], bool], int] = {}

    @property
    def calls(self) -> tuple[FunctionCall, ...]:
        return tuple(FunctionCall(*key, location) for key, location in self._calls.items())

    def walk(self, tree: Any) -> None:
        """Take in all of a node (or list of nodes) that a server executes."""
        stack: list[tuple[Any, frozenset[str]]] = [(tree, _NO_NAMES)]
        push = stack.append
        special, leaves = self._HANDLERS, _LEAVES
        while stack:
            node, scope = stack.pop()
            if type(node) is list:
                for item in node:
                    kind = type(item)
                    if kind is dict or kind is list:
                        push((item, scope))
                continue
            if "withClause" in node:
                scope = self._with_clause(node["withClause"], scope, stack)
            for key, value in node.items():
                kind = type(value)
                if kind is dict or kind is list:
                    if key in special:
                        special[key](self, value, scope, stack)
                    elif key not in leaves:
                        push((value, scope))

    def sets(self, setting: str, value: list[Node]) -> None:
        """A setting is changed; `value` is what it gets, as far as that is one thing."""
        setting = setting.lower()
        self.settings.add(setting)
        if setting in _STRING_SETTINGS:
            constant = _string_constant(value[0]) if len(value) == 1 else None
            if constant is None or constant.lower() not in _USUAL_STRINGS:
                self.effects |= SessionEffect.CHANGES_STRINGS

    def write(self, range_var: Node) -> None:
        self.written.add(_table(range_var))

    def creates(self, range_var: Node, on_commit: str | None = None) -> None:
        """A relation is made: written, and perhaps temporary."""
        self.creates_table = True
        self.write(range_var)
        if range_var.get("relpersistence") == "t" or is_temporary_schema(range_var.get("schemaname")):
            dropped = on_commit == "ONCOMMIT_DROP"
            self.effects |= SessionEffect.TEMP_TABLE_UNTIL_COMMIT if dropped else SessionEffect.TEMP_TABLE

    def _with_clause(self, clause: Node, scope: frozenset[str], stack: list[Any]) -> frozenset[str]:
        """Push the CTEs' queries, each with the names it can see; give the names that the body can see."""
        ctes: list[Node] = [item["CommonTableExpr"] for item in clause["ctes"]]
        visible = scope | {cte["ctename"] for cte in ctes}
        seen = visible if clause.get("recursive") else scope
        for cte in ctes:
            query = cte["ctequery"]
            stack.append((query, seen))
            seen |= {cte["ctename"]}
        return visible

    def _range_var(self, value: Node, scope: frozenset[str], stack: list[Any]) -> None:
        if "schemaname" in value or value["relname"] not in scope:
            self.read.add(_table(value))

    def _locking_clause(self, value: list[Node], scope: frozenset[str], stack: list[Any]) -> None:
        strength = value[0]["LockingClause"].get("strength", "")
        self._not_read_only(f"locks rows ({_LOCK_STRENGTHS.get(strength, 'FOR UPDATE')})")

    def _into_clause(self, value: Node, scope: frozenset[str], stack: list[Any]) -> None:
        self.creates(value["rel"], value.get("onCommit"))
        self._not_read_only("creates a table (SELECT INTO)")

    def _writing(self, verb: str, value: Node, scope: frozenset[str], stack: list[Any]) -> None:
        self.write(value["relation"])
        self._not_read_only(f"writes ({verb})")
        stack.append((value, scope))

    def _insert(self, value: Node, scope: frozenset[str], stack: list[Any]) -> None:
        self._writing("INSERT", value, scope, stack)

    def _update(self, value: Node, scope: frozenset[str], stack: list[Any]) -> None:
        self._writing("UPDATE", value, scope, stack)
        if _table(value["relation"]) in _SETTINGS_VIEWS:
            self.effects |= SessionEffect.SET_CONFIG

    def _delete(self, value: Node, scope: frozenset[str], stack: list[Any]) -> None:
        self._writing("DELETE", value, scope, stack)

    def _merge(self, value: Node, scope: frozenset[str], stack: list[Any]) -> None:
        self._writing("MERGE", value, scope, stack)

    def _execute(self, value: Node, scope: frozenset[str], stack: list[Any]) -> None:
        self.effects |= SessionEffect.EXECUTE
        self.writes_unknown = True

    def _sql_value_function(self, value: Node, scope: frozenset[str], stack: list[Any]) -> None:
        name = str(value["op"]).removeprefix("SVFOP_").lower().removesuffix("_n")
        self._calls.setdefault((None, name, (), True), value.get("location", 0))

    def _function_call(self, value: Node, scope: frozenset[str], stack: list[Any]) -> None:
        names = strings(value["funcname"])
        name, schema = names[-1], names[-2] if len(names) > 1 else None
        arguments: list[Node] = value.get("args", [])
        types = tuple([_type_shown(argument) for argument in arguments])
        syntax = value.get("funcformat") == "COERCE_SQL_SYNTAX"
        self._calls.setdefault((schema, name, types, syntax), value.get("location", 0))
        if schema in (None, "pg_catalog"):
            if name == "set_config":
                self._set_config(arguments)
            elif name in _FUNCTION_EFFECTS:
                self.effects |= _FUNCTION_EFFECTS[name]
            elif not syntax and _is_unproved(name):
                self.effects |= SessionEffect.UNPROVED_FUNCTION
        elif name in _FUNCTION_EFFECTS:  # that of an extension may be in any schema
            self.effects |= _FUNCTION_EFFECTS[name] & SessionEffect.OUTLIVES_RESET
        stack.append((value, scope))

    def _set_config(self, arguments: list[Node]) -> None:
        if arguments and (setting := _string_constant(arguments[0])) is not None:
            self.sets(setting, arguments[1:2])
        else:
            self.effects |= SessionEffect.UNNAMED_SETTING
        local = arguments[2].get("A_Const", {}).get("boolval") if len(arguments) == 3 else None
        is_local = local is not None and local.get("boolval", False)
        self.effects |= SessionEffect.SET_LOCAL if is_local else SessionEffect.SET_CONFIG

    def _type_cast(self, value: Node, scope: frozenset[str], stack: list[Any]) -> None:
        """A cast to regclass and the like looks a name up, in a catalog."""
        names = strings(value["typeName"].get("names", []))
        if names and (catalog := _LOOKED_UP_IN.get(names[-1])) is not None:
            self.read.add(f"pg_catalog.{catalog}")
        stack.append((value, scope))

    def _not_read_only(self, reason: str) -> None:
        self.why_not_read_only = self.why_not_read_only or reason

    _HANDLERS: ClassVar[dict[str, _Handler]] = {
        "RangeVar": _range_var,
        "FuncCall": _function_call,
        "SQLValueFunction": _sql_value_function,
        "TypeCast": _type_cast,
        "lockingClause": _locking_clause,
        "intoClause": _into_clause,
        "InsertStmt": _insert,
        "UpdateStmt": _update,
        "DeleteStmt": _delete,
        "MergeStmt": _merge,
        "ExecuteStmt": _execute,
    }


_Handler = Callable[["TreeFacts", Any, frozenset[str], list[Any]], None]

_LEAVES = frozenset({"A_Const", "ColumnRef", "ParamRef", "alias", "funcname", "name", "typeName", "withClause"})
"""Fields with nothing to find; a WITH clause is taken in with the node that has it."""


def strings(nodes: list[Node]) -> list[str]:
    """The texts of a list of String nodes, such as a qualified name."""
    return [node["String"].get("sval", "") for node in nodes if "String" in node]


def is_temporary_schema(schema: str | None) -> bool:
    return schema is not None and schema.startswith("pg_temp")


def _is_unproved(name: str) -> bool:
    from wrangler_py.sql.postgres_functions import VOLATILE

    return name in VOLATILE and name not in _LEAVE_THE_SESSION


def _table(range_var: Node) -> str:
    return table_name(range_var.get("schemaname"), range_var["relname"])


def _string_constant(node: Node) -> str | None:
    if "TypeCast" in node:
        node = node["TypeCast"]["arg"]
    constant = node.get("A_Const", {}).get("sval")
    return None if constant is None else constant.get("sval", "")


def _type_shown(node: Node) -> str | None:
    """The type an argument has in the text itself: of a literal, a cast, or CURRENT_DATE and the like."""
    if "TypeCast" in node:
        type_name = node["TypeCast"]["typeName"]
        names = strings(type_name.get("names", []))
        if not names or "arrayBounds" in type_name:
            return None
        return names[-1]
    if "A_Const" in node:
        constant = node["A_Const"]
        for field, name in (("ival", "int4"), ("fval", "numeric"), ("sval", "unknown"), ("boolval", "bool")):
            if field in constant:
                return name
    return None
