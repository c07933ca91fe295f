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
const results = [];
for (const operation of JSON.parse(readFileSync(0, "utf8"))) {
  // Each on its own: an operation may leave something behind that stops the event loop of what awaited it.
  pyodide.globals.set("operation", operation);
  results.push(await pyodide.runPythonAsync("import snippets\nawait snippets.run(operation)"));
}
process.stdout.write(JSON.stringify(results));
process.exit(0);
