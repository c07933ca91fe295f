import { asc, desc } from "drizzle-orm";
import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import { Client } from "pg";
import { guests } from "./schema";

export interface Env {
	HYPERDRIVE: Hyperdrive;
}

export default {
	async fetch(request, env, ctx): Promise<Response> {
		// A client belongs to one request. Making it is quick: Hyperdrive keeps the connections to the database.
		const client = new Client({ connectionString: env.HYPERDRIVE.connectionString });
		const db = drizzle(client);
		try {
			await client.connect();
			const { pathname } = new URL(request.url);
			switch (`${request.method} ${pathname}`) {
				case "GET /":
					return Response.json({ guests: await list(db) });
				case "POST /":
					return await sign(db, await names(request, "name"));
				case "POST /party":
					return await signTogether(db, await names(request, "names"));
				default:
					return Response.json({ error: "Not found" }, { status: 404 });
			}
		} catch (error) {
			if (sqlstate(error) === "23505") {
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
function list(db: NodePgDatabase) {
	return db.select().from(guests).orderBy(desc(guests.signed_at), asc(guests.name)).limit(100);
}

async function sign(db: NodePgDatabase, [name]: string[]): Promise<Response> {
	if (!name) return Response.json({ error: 'Send {"name": "..."}' }, { status: 400 });
	const [guest] = await db.insert(guests).values({ name }).returning();
	return Response.json({ guest }, { status: 201 });
}

/** All of them sign, or, if one has signed already, none. */
async function signTogether(db: NodePgDatabase, names: string[]): Promise<Response> {
	if (!names.length) return Response.json({ error: 'Send {"names": ["...", "..."]}' }, { status: 400 });
	const signed = await db.transaction(async (tx) => {
		const signed = [];
		for (const name of names) {
			signed.push(...(await tx.insert(guests).values({ name }).returning()));
		}
		return signed;
	});
	return Response.json({ guests: signed }, { status: 201 });
}

/** PostgreSQL's code of an error, which recent versions of Drizzle wrap in one of their own. */
function sqlstate(error: unknown): unknown {
	const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } };
	return cause?.code ?? code;
}

/** The names in the request's JSON, under `key`; none if it holds anything else. */
async function names(request: Request, key: string): Promise<string[]> {
	const body = await request.json<Record<string, unknown> | null>().catch(() => null);
	const names = [body?.[key]].flat().map((name) => (typeof name === "string" ? name.trim() : ""));
	return names.every(Boolean) ? names : [];
}
