// Runs a query that meets a fault, outside of a transaction and in one, and says what became of it and of the next.
import postgres from "postgres";

const { prepare, transaction } = JSON.parse(process.env.OPTIONS);
const connect = () => postgres(process.env.DATABASE_URL, { prepare, max: 1, fetch_types: false });
const sql = connect();
// When its connection is lost in a transaction, Postgres.js writes to it once more, also with a PostgreSQL server.
process.on("uncaughtException", (error) => console.error(error));

async function outcome(work) {
  try {
    return await work();
  } catch (error) {
    return { code: error.code, message: error.message };
  }
}

const meets = (client) => client`SELECT ${"x"}::text AS meets`;
const goesOn = (client) => client`SELECT ${"y"}::text AS goes_on`;
const before = await outcome(() => goesOn(sql));
const started = performance.now();
const met = transaction ? await outcome(() => sql.begin(meets)) : await outcome(() => meets(sql));
const took = performance.now() - started;
const other = connect();
const after = await outcome(() => goesOn(other));
console.log(JSON.stringify({ before, met, after, took }));
process.exit(0);
