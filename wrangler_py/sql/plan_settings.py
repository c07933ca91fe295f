"""Settings on which it depends what a plan computes."""

from __future__ import annotations

_LEAVE_PLANS = frozenset({
    "application_name", "client_min_messages", "commit_delay", "deadlock_timeout", "effective_cache_size",
    "idle_in_transaction_session_timeout", "lock_timeout", "maintenance_work_mem", "plan_cache_mode",
    "random_page_cost", "search_path", "seq_page_cost", "session_replication_role", "statement_timeout",
    "synchronous_commit", "temp_buffers", "transaction_deferrable", "transaction_isolation",
    "transaction_read_only", "transaction_timeout", "work_mem",
})  # fmt: skip
_LEAVE_PLANS_PREFIXES = (
    "cpu_",
    "default_transaction_",
    "enable_",
    "geqo",
    "jit",
    "log_",
    "max_parallel_",
    "parallel_",
)


def leaves_plans(setting: str) -> bool:
    """Whether a plan gives the same results under any value, or PostgreSQL itself plans again after a change.

    Custom settings and roles don't count: many functions that read them are declared IMMUTABLE, if wrongly, and
    PostgreSQL calls those when it plans.
    """
    return setting in _LEAVE_PLANS or setting.startswith(_LEAVE_PLANS_PREFIXES)
