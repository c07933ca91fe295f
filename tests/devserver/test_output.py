from __future__ import annotations

import pytest

from wrangler_py.console import Level
from wrangler_py.devserver.output import Output


def test_errors_keep_the_secret_of_a_connection_string(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(level=Level.INFO, color=False)
    string = "postgres://app:s3cr3t@localhost/app"
    output.error(f"{string} is wrong\nand {string} too", f"not {string}")
    assert capsys.readouterr().out.splitlines() == [
        "✘ [ERROR] postgres://**********@localhost/app is wrong",
        "  and postgres://**********@localhost/app too",
        "  not postgres://**********@localhost/app",
    ]
