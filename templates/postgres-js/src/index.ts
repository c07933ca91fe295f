import postgres from "postgres";

export interface Env {
	HYPERDRIVE: Hyperdrive;
}

export default {
	async fetch(request, env, ctx): Promise<Response> {
		// A client belongs to one request. Making it is quick: Hyperdrive keeps the connections to the database.
		// Workers have few connections at a time, and without array types the look-up of types is not needed.
		const sql = postgres(env.HYPERDRIVE.connectionString, { max: 5, fetch_types: false });
		try {
			const { pathname } = new URL(request.url);
			switch (`${request.method} ${pathname}`) {
				case "GET /":
					return Response.json({ guests: await guests(sql) });
				case "POST /":
					return await sign(sql, await names(request, "name"));
				case "POST /party":
					return await signTogether(sql, await names(request, "names"));
				default:
					return Response.json({ error: "Not found" }, { status: 404 });
			}
		} catch (error) {
			if (error instanceof postgres.PostgresError && error.code === "23505") {
				return Response.json({ error: "A guest of that name has signed already" }, { status: 409 });
			}
			console.error("Database error:", error);
			return Response.json({ error: "The database is not available" }, { status: 503 });
		} finally {
			ctx.waitUntil(sql.end());
		}
	},
} satisfies ExportedHandler<Env>;

/** Hyperdrive can answer this query from its cache. */
function guests(sql: postgres.Sql) {
	return sql`SELECT name, signed_at FROM guests ORDER BY signed_at DESC, name LIMIT 100`;
}

async function sign(sql: postgres.Sql, [name]: string[]): Promise<Response> {
	if (!name) return Response.json({ error: 'Send {"name": "..."}' }, { status: 400 });
	const [guest] = await sql`INSERT INTO guests (name) VALUES (${name}) RETURNING name, signed_at`;
	return Response.json({ guest }, { status: 201 });
}

/** All of them sign, or, if one has signed already, none. */
async function signTogether(sql: postgres.Sql, names: string[]): Promise<Response> {
	if (!names.length) return Response.json({ error: 'Send {"names": ["...", "..."]}' }, { status: 400 });
	const guests = await sql.begin(async (sql) => {
		const signed = [];
		for (const name of names) {
			signed.push(...(await sql`INSERT INTO guests (name) VALUES (${name}) RETURNING name, signed_at`));
		}
		return signed;
	});
	return Response.json({ guests }, { status: 201 });
}

/** The names in the request's JSON, under `key`; none if it holds anything else. */
async function names(request: Request, key: string): Promise<string[]> {
	const body = await request.json<Record<string, unknown> | null>().catch(() => null);
	const names = [body?.[key]].flat().map((name) => (typeof name === "string" ? name.trim() : ""));
	return names.every(Boolean) ? names : [];
}
