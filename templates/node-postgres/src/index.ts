import { Client, DatabaseError } from "pg";

export interface Env {
	HYPERDRIVE: Hyperdrive;
}

export default {
	async fetch(request, env, ctx): Promise<Response> {
		// A client belongs to one request. Making it is quick: Hyperdrive keeps the connections to the database.
		const client = new Client({ connectionString: env.HYPERDRIVE.connectionString });
		try {
			await client.connect();
			const { pathname } = new URL(request.url);
			switch (`${request.method} ${pathname}`) {
				case "GET /":
					return Response.json({ guests: await guests(client) });
				case "POST /":
					return await sign(client, await names(request, "name"));
				case "POST /party":
					return await signTogether(client, await names(request, "names"));
				default:
					return Response.json({ error: "Not found" }, { status: 404 });
			}
		} catch (error) {
			if (error instanceof DatabaseError && error.code === "23505") {
				return Response.json({ error: "A guest of that name has signed already" }, { status: 409 });
			}
			console.error("Database error:", error);
			return Response.json({ error: "The database is not available" }, { status: 503 });
		} finally {
			ctx.waitUntil(client.end());
		}
	},
} satisfies ExportedHandler<Env>;

/** Hyperdrive can answer this query from its cache. */
async function guests(client: Client) {
	const { rows } = await client.query("SELECT name, signed_at FROM guests ORDER BY signed_at DESC, name LIMIT 100");
	return rows;
}

async function sign(client: Client, [name]: string[]): Promise<Response> {
	if (!name) return Response.json({ error: 'Send {"name": "..."}' }, { status: 400 });
	return Response.json({ guest: await insert(client, name) }, { status: 201 });
}

/** All of them sign, or, if one has signed already, none. */
async function signTogether(client: Client, names: string[]): Promise<Response> {
	if (!names.length) return Response.json({ error: 'Send {"names": ["...", "..."]}' }, { status: 400 });
	const guests = [];
	await client.query("BEGIN");
	try {
		for (const name of names) {
			guests.push(await insert(client, name));
		}
		await client.query("COMMIT");
	} catch (error) {
		await client.query("ROLLBACK");
		throw error;
	}
	return Response.json({ guests }, { status: 201 });
}

async function insert(client: Client, name: string) {
	const { rows } = await client.query("INSERT INTO guests (name) VALUES ($1) RETURNING name, signed_at", [name]);
	return rows[0];
}

/** The names in the request's JSON, under `key`; none if it holds anything else. */
async function names(request: Request, key: string): Promise<string[]> {
	const body = await request.json<Record<string, unknown> | null>().catch(() => null);
	const names = [body?.[key]].flat().map((name) => (typeof name === "string" ? name.trim() : ""));
	return names.every(Boolean) ? names : [];
}
