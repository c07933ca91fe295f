"""What a Worker's process imports: as little as the Worker needs, since the first answer waits for it."""

from __future__ import annotations

from support.worker_child import StartWorker

MODULES = """
    import sys
    from workers import Response, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return Response.json(sorted(sys.modules))
"""
RARELY_NEEDED = {
    "click",
    "cryptography",
    "difflib",
    "httpx",
    "multiprocessing",
    "python_multipart",
    "uvicorn.main",
    "watchfiles",
    "websockets",
    "wrangler_py.worker.assets.site",
    "wrangler_py.worker.platform.caches",
    "wrangler_py.worker.platform.html_rewriter",
    "wrangler_py.worker.platform.sockets",
}


def test_a_plain_worker_imports_nothing_that_it_does_not_need(start_worker: StartWorker) -> None:
    child = start_worker(MODULES)
    imported = set(child.client.get("/").json())
    assert "uvicorn" in imported
    assert imported & RARELY_NEEDED == set()


def test_a_worker_that_imports_uvicorn_gets_all_of_it(start_worker: StartWorker) -> None:
    child = start_worker(
        """
        import uvicorn
        from uvicorn import Config, Server, main, run
        from workers import Response, WorkerEntrypoint

        class Default(WorkerEntrypoint):
            async def fetch(self, request):
                same = uvicorn.main is main and uvicorn.run is run
                names = [type(main).__name__, run.__name__, Server.__name__, Config.__name__]
                return Response.json([same, hasattr(uvicorn, "nothing"), names])
        """
    )
    assert child.client.get("/").json() == [True, False, ["Command", "run", "Server", "Config"]]
