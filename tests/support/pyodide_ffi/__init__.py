"""Operations on `pyodide.ffi`, run as Python on real Pyodide, in Node.js, and on this project's platform."""
