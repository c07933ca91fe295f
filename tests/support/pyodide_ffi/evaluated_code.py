"""Operations on `pyodide.code`."""

from __future__ import annotations

_CODE = "from pyodide.code import eval_code, eval_code_async, find_imports, should_quiet, CodeRunner\n"

EVALUATED_CODE: list[str] = [
    _CODE + use
    for use in [
        "eval_code('1 + 1')",
        "eval_code('x = 5')",
        "eval_code('x = 5\\nx')",
        "eval_code('5;')",
        "eval_code('')",
        "g = {}\neval_code('x = 5', g)\ng['x']",
        "eval_code('x', {'x': 7})",
        "eval_code('x', {}, {'x': 7})",
        "eval_code('1/0')",
        "eval_code('1 +')",
        "eval_code('x = 5', return_mode='last_expr_or_assign')",
        "eval_code('5', return_mode='none')",
        "eval_code('5', return_mode='zz')",
        "eval_code('5;', quiet_trailing_semicolon=False)",
        "await eval_code_async('1 + 1')",
        "await eval_code_async('import asyncio\\nawait asyncio.sleep(0, 5)')",
        "await eval_code_async('x = 5')",
        "await eval_code_async('await f()', {'f': lambda: asyncio.sleep(0, 3)})",
        "find_imports('import a, b.c')",
        "find_imports('from a.b import c')",
        "find_imports('from . import c')",
        "find_imports('import (')",
        "find_imports('')",
        "find_imports('def f():\\n    import z')",
        "should_quiet('1')",
        "should_quiet('1;')",
        "should_quiet('1; # x')",
        "should_quiet('\";\"')",
        "should_quiet('')",
        "CodeRunner('1+1').compile().run()",
        "CodeRunner('1+1').run()",
        "CodeRunner('x').compile().run({'x': 3})",
        "CodeRunner('def f(): return 4\\nf()').compile().run()",
        "await CodeRunner('await f()').compile().run_async({'f': lambda: asyncio.sleep(0, 3)})",
    ]
]
