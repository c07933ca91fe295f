// Loaded into wrangler before it starts. Miniflare's own relay for Hyperdrive bindings (its
// HyperdriveProxyController) has no listener for the errors of its sockets, so that a Worker which drops a
// connection with an answer on its way ends the whole session: github.com/cloudflare/workers-sdk/issues/15768.
// Here such an error ends its own connection only, on both sides. `hyperdrive exec` does not load this: it runs any
// program, whose own servers are none of our business.
"use strict";

const net = require("node:net");
const { createServer } = net;

net.createServer = function (...parameters) {
	const server = createServer.apply(this, parameters);
	server.prependListener("connection", (client) => {
		client.on("error", () => {});
		// Told first, so before the two sockets are joined.
		client.on("pipe", (database) => {
			database.on("error", () => {});
			database.on("close", () => client.end());
			client.on("close", () => database.destroySoon());
		});
	});
	return server;
};
