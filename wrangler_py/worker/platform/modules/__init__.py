"""The modules that a Worker, or the SDK, imports from the runtime, each under its own name.

The finder in `worker.imports` serves them as top-level modules: `js`, `pyodide`, `_pyodide_entrypoint_helper`…
"""
