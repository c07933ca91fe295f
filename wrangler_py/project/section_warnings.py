"""Warnings about settings of the config file that are valid but probably mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wrangler_py.project.assets import assets_warnings

_KEYS = frozenset(
    """
    $schema account_id ai ai_search ai_search_namespaces alias analytics_engine_datasets artifacts assets base_dir
    browser build cloudchamber compatibility_date compatibility_flags compliance_region containers d1_databases
    data_blobs define dev dispatch_namespaces durable_objects env find_additional_modules first_party_worker
    flagship hyperdrive images jsx_factory jsx_fragment keep_names keep_vars kv_namespaces legacy_env limits logfwdr
    logpush main media migrations minify mtls_certificates name no_bundle node_compat observability
    pages_build_output_dir pipelines placement preserve_file_names preview_urls previews python_modules queues
    r2_buckets ratelimits route routes rules secrets secrets_store_secrets send_email send_metrics services site
    stream streaming_tail_consumers tail_consumers text_blobs triggers tsconfig unsafe unsafe_hello_world
    upload_source_maps vars vectorize version_metadata vpc_networks vpc_services wasm_modules worker_loaders
    workers_dev workflows
    """.split()  # noqa: SIM905
)
"""Source: config-schema.json in the npm package wrangler 4. There will be others, which are left alone."""
_BUILD_KEYS = frozenset({"command", "cwd", "watch_dir"})
_HYPERDRIVE_KEYS = frozenset({"binding", "id", "localConnectionString", "remote"})
_NOT_INHERITED = ("hyperdrive", "vars")


def section_warnings(data: Mapping[str, Any], environment: str | None, file: str) -> tuple[str, ...]:
    """Warnings about the parsed config `data`, as far as it concerns `environment`; `file` names it in them."""
    return tuple(_warnings(data, environment, file))


def probably_meant(name: str, known: frozenset[str]) -> str | None:
    """The one of `known` whose spelling is close to `name`, which is not among them."""
    if name in known:
        return None
    import difflib

    folded = {each.lower().replace("_", ""): each for each in known}
    close = difflib.get_close_matches(name.lower().replace("_", ""), folded, n=1, cutoff=0.85)
    return folded[close[0]] if close else None


def _warnings(data: Mapping[str, Any], environment: str | None, file: str) -> Iterator[str]:
    own = data
    prefix = ""
    if environment is not None:
        yield from _misspelt(data, _KEYS, "", file)
        own = data["env"][environment]
        prefix = f"env.{environment}."
    yield from _misspelt(own, _KEYS, prefix, file)
    if "build" in own:
        yield from _misspelt(own["build"], _BUILD_KEYS, f"{prefix}build.", file)
    for index, entry in enumerate(own.get("hyperdrive", ())):
        yield from _misspelt(entry, _HYPERDRIVE_KEYS, f"{prefix}hyperdrive[{index}].", file)
        if entry.get("remote") is True:
            yield (
                f"{file}: `{prefix}hyperdrive[{index}].remote` has no effect here: env.{entry['binding']} uses the "
                "local Hyperdrive."
            )
    if own is not data:
        for key in _NOT_INHERITED:
            if data.get(key) and not own.get(key):
                yield f"{file}: `{key}` is not inherited from the top level, and env.{environment} has none."
    has_own_assets = "assets" in own
    yield from assets_warnings(own.get("assets", data.get("assets")), file, prefix if has_own_assets else "")
    crons = own.get("triggers", data.get("triggers", {}))
    if isinstance(crons, dict) and crons.get("crons"):
        yield "Cron triggers don't run on schedule here. A request to /cdn-cgi/handler/scheduled runs the handler."


def _misspelt(table: Mapping[str, Any], known: frozenset[str], prefix: str, file: str) -> Iterator[str]:
    for key in table:
        if (meant := probably_meant(key, known)) is not None:
            yield f"{file}: there is no key `{prefix}{key}`. Did you mean `{prefix}{meant}`?"
