// Runs operations on real Pyodide: node run_on_pyodide.mjs PYODIDE_PACKAGE SNIPPETS; JSON from stdin to stdout.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

// Some operations leave a rejected promise behind, or a callback that fails.
process.on("unhandledRejection", () => {});
process.on("uncaughtException", () => {});
const [folder, snippets] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide.mjs`).href);
const pyodide = await loadPyodide({ stdout: () => {}, stderr: () => {} });
pyodide.FS.writeFile("/home/pyodide/snippets.py", readFileSync(snippets));
pyodide.globals.set("operations", readFileSync(0, "utf8"));
const results = await pyodide.runPythonAsync(`
import json, snippets
json.dumps(await snippets.run_all(json.loads(operations)))
`);
process.stdout.write(results);
process.exit(0);
