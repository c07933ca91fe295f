import { Kysely, PostgresDialect } from 'kysely'
import { eq } from 'drizzle-orm'
import { drizzle as onNodePostgres } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { drizzle as onPostgresJs } from 'drizzle-orm/postgres-js'
import pg from 'pg'
import postgres from 'postgres'
import { answer, finish, options, url } from './answers.mjs'

// Without the look-up of types: each query that reaches the proxy is one of those below.
const sql = postgres(url, { prepare: options.prepare ?? true, fetch_types: false })
const pool = new pg.Pool({ connectionString: url })
const shelf = pgTable('shelf', { id: integer(), title: text() })
const kysely = new Kysely({ dialect: new PostgresDialect({ pool }) })
const drizzle = options.driver === 'drizzle on pg' ? onNodePostgres(pool) : onPostgresJs(sql)

/** The reads of each driver; each is sent twice. */
const reads = {
  postgres: [() => sql`SELECT * FROM shelf`, () => sql`SELECT title FROM shelf WHERE id = ${1}`],
  pg: [
    () => pool.query('SELECT * FROM shelf').then(({ rows }) => rows),
    () => pool.query('SELECT title FROM shelf WHERE id = $1', [1]).then(({ rows }) => rows),
    () => pool.query({ name: 'both', text: 'SELECT * FROM shelf WHERE id = $1', values: [1] }).then(({ rows }) => rows),
  ],
  drizzle: [() => drizzle.select().from(shelf), () => drizzle.select().from(shelf).where(eq(shelf.id, 1))],
  kysely: [
    () => kysely.selectFrom('shelf').selectAll().execute(),
    () => kysely.selectFrom('shelf').select('title').where('id', '=', 1).execute(),
  ],
}

for (const [number, read] of reads[options.driver.split(' ')[0]].entries()) {
  await answer(number, async () => [await read(), await read()])
}
await Promise.all([sql.end(), pool.end()])
finish()
