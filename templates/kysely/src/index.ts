import { type Generated, Kysely, PostgresDialect } from "kysely";
import { DatabaseError, Pool } from "pg";

export interface Env {
	HYPERDRIVE: Hyperdrive;
}

/** As schema.sql makes it. */
interface Tables {
	guests: { name: string; signed_at: Generated<Date> };
}

export default {
	async fetch(request, env, ctx): Promise<Response> {
		// A client belongs to one request. Making it is quick: Hyperdrive keeps the connections to the database.
		const pool = new Pool({ connectionString: env.HYPERDRIVE.connectionString, max: 5 });
		const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
		try {
			const { pathname } = new URL(request.url);
			switch (`${request.method} ${pathname}`) {
				case "GET /":
					return Response.json({ guests: await guests(db) });
				case "POST /":
					return await sign(db, await names(request, "name"));
				case "POST /party":
					return await signTogether(db, await names(request, "names"));
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
			ctx.waitUntil(db.destroy());
		}
	},
} satisfies ExportedHandler<Env>;

/** Hyperdrive can answer this query from its cache. */
function guests(db: Kysely<Tables>) {
	return db.selectFrom("guests").selectAll().orderBy("signed_at", "desc").orderBy("name").limit(100).execute();
}

async function sign(db: Kysely<Tables>, [name]: string[]): Promise<Response> {
	if (!name) return Response.json({ error: 'Send {"name": "..."}' }, { status: 400 });
	return Response.json({ guest: await insert(db, name) }, { status: 201 });
}

/** All of them sign, or, if one has signed already, none. */
async function signTogether(db: Kysely<Tables>, names: string[]): Promise<Response> {
	if (!names.length) return Response.json({ error: 'Send {"names": ["...", "..."]}' }, { status: 400 });
	const guests = await db.transaction().execute(async (transaction) => {
		const signed = [];
		for (const name of names) {
			signed.push(await insert(transaction, name));
		}
		return signed;
	});
	return Response.json({ guests }, { status: 201 });
}

function insert(db: Kysely<Tables>, name: string) {
	return db.insertInto("guests").values({ name }).returningAll().executeTakeFirstOrThrow();
}

/** The names in the request's JSON, under `key`; none if it holds anything else. */
async function names(request: Request, key: string): Promise<string[]> {
	const body = await request.json<Record<string, unknown> | null>().catch(() => null);
	const names = [body?.[key]].flat().map((name) => (typeof name === "string" ? name.trim() : ""));
	return names.every(Boolean) ? names : [];
}
