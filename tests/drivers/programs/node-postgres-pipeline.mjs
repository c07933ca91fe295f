import pg from 'pg'
import { answer, create, drop, finish, url } from './answers.mjs'

const client = new pg.Client({ connectionString: url, pipeline: true })
await client.connect()
await client.query(create)

const settled = async (queries) =>
  (await Promise.allSettled(queries)).map(({ value, reason }) => value?.rows ?? [reason.code, reason.message])
const numbers = Array.from({ length: 200 }, (_, n) => n)

await answer('unnamed', () => settled(numbers.map((n) => client.query('SELECT $1::int AS n', [n]))))
await answer('without values', () => settled(numbers.map((n) => client.query(`SELECT ${n} AS n`))))
await answer('named', () => settled(numbers.map((n) => client.query({ name: `by ${n % 7}`, text: `SELECT $1::int + ${n % 7} AS n`, values: [n] }))))
await answer('some fail', () => settled(numbers.map((n) => client.query('SELECT 10 / $1::int AS n', [n % 3]))))
await answer('named, some fail to be prepared', async () => {
  const answers = await settled(numbers.map((n) =>
    client.query({ name: `from ${n % 4}`, text: n % 4 ? 'SELECT 1 AS one' : 'SELECT * FROM nowhere' })))
  return answers.map(([first]) => first)
})
await answer('transactions', () => settled(numbers.slice(0, 20).flatMap((n) => [
  client.query('BEGIN'),
  client.query('INSERT INTO book (title, pages) VALUES ($1, $2) RETURNING pages', [`Book ${n % 15}`, n]),
  client.query(n % 2 ? 'COMMIT' : 'ROLLBACK'),
])))
await answer('what is left', async () => (await client.query('SELECT title, pages FROM book ORDER BY title')).rows)
await answer('large values between small ones', async () => {
  const rows = await settled(numbers.slice(0, 20).map((n) => client.query('SELECT $1::text AS text', ['x'.repeat(n % 5 ? 10 : 500_000)])))
  return rows.map(([{ text }]) => text.length)
})

await client.query(drop)
await client.end()
finish()
