// Loaded into wrangler before it starts. Without `wrangler-py dev` it would go on with a Hyperdrive that is gone:
// once that was killed, and could end nothing itself any more, this ends wrangler as a signal from it would have.
// Windows keeps the id of a parent that is gone, so nothing happens there.
"use strict";

const parent = process.ppid;

// What wrangler starts inherits the variables, and is wrangler's to end.
if (String(parent) === process.env.WRANGLER_PY_PID) {
	setInterval(() => {
		if (process.ppid !== parent) process.kill(process.pid, "SIGTERM");
	}, 1000).unref();
}
