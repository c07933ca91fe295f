// The same as ../../python: `GET /` is plain text, `GET /query` asks the database with a new client.
import postgres from "postgres";

export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname === "/") {
      return new Response("version 0");
    }
    const sql = postgres(env.HYPERDRIVE.connectionString, { max: 1, fetch_types: false });
    const [row] = await sql`SELECT aid, abalance, random() FROM pgbench_accounts WHERE aid = ${1}`;
    ctx.waitUntil(sql.end());
    return Response.json({ aid: row.aid, abalance: row.abalance });
  },
};
