"""The web platform that a Worker runs on: JavaScript's global classes as Pyodide shows them to Python."""
