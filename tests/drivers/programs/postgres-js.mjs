import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import postgres from 'postgres'
import { answer, create, drop, finish, options, underWay, url } from './answers.mjs'

const notices = []
const setup = postgres(url, { max: 1, onnotice() {} })
await setup.unsafe(create).simple()

const sql = postgres(url, { ...options, onnotice: (notice) => notices.push(notice.message) })

// The types Postgres.js asks the server for when it connects: without them an enum's array is a string.
await answer('enum array', () => sql`SELECT ${['happy', 'sad']}::mood[] AS moods`)
await answer('one value of each type', () => sql`
  SELECT ${1}::int AS a, ${'9007199254740993'}::bigint AS b, ${1.5}::float8 AS c, ${'12.3400'}::numeric AS d,
    ${'naïve ☃'}::text AS e, ${true}::bool AS f, ${new Date(0)}::timestamptz AS g, ${'2026-02-28'}::date AS h,
    ${sql.json({ a: [1, null] })}::jsonb AS i, ${Buffer.from([0, 255])}::bytea AS j, ${null}::text AS k,
    ${[1, 2, 3]}::int[] AS l, ${'11111111-1111-1111-1111-111111111111'}::uuid AS m, ${'1 day'}::interval AS n`)
await answer('insert helper', () => sql`
  INSERT INTO book ${sql([{ title: 'One', pages: 1 }, { title: 'Two', pages: 2 }])} RETURNING id, title, moods`)
await answer('update helper', () => sql`UPDATE book SET ${sql({ pages: 11 }, 'pages')} WHERE title = 'One'`.then((r) => r.count))
await answer('dynamic columns', () => sql`SELECT ${sql(['title', 'pages'])} FROM ${sql('book')} ORDER BY id`)
await answer('list of values', () => sql`SELECT title FROM book WHERE id IN ${sql([1, 2])} ORDER BY id`)
await answer('fragment', () => sql`SELECT count(*) FROM book ${true ? sql`WHERE pages > ${5}` : sql``}`)
await answer('raw rows', () => sql`SELECT id, title FROM book ORDER BY id`.raw())
await answer('rows as arrays', () => sql`SELECT id, title FROM book ORDER BY id`.values())
await answer('several statements', () => sql.unsafe('SELECT 1 AS a; SELECT 2 AS b').simple())
await answer('unsafe with parameters', () => sql.unsafe('SELECT $1::int + $2 AS sum', [1, 2], { prepare: true }))
await answer('describe', async () => {
  const description = await sql`SELECT id, title FROM book WHERE pages = ${1}`.describe()
  return [description.types, description.columns.map(({ name, type }) => [name, type])]
})
await answer('nothing', () => sql.unsafe(''))
await answer('the same query again and again', async () => {
  const seen = []
  for (let n = 0; n < 20; n++) seen.push((await sql`SELECT ${n}::int AS n`)[0].n)
  return seen
})
await answer('pipelined', async () => {
  const queries = Array.from({ length: 200 }, (_, n) => sql`SELECT ${n}::int AS n, ${'x'.repeat(n)}::text AS text`)
  return (await Promise.all(queries)).map(([row]) => row.n + row.text.length)
})
await answer('pipelined, some fail', async () => {
  const queries = Array.from({ length: 60 }, (_, n) => sql`SELECT 10 / ${n % 3}::int AS n`)
  return (await Promise.allSettled(queries)).map(({ value, reason }) => value?.[0].n ?? reason.code)
})

await answer('transaction', () => sql.begin(async (sql) => {
  const [book] = await sql`INSERT INTO book (title) VALUES ('Three') RETURNING id`
  return sql`SELECT title FROM book WHERE id = ${book.id}`
}))
await answer('pipelined transaction', () => sql.begin((sql) => [
  sql`UPDATE book SET pages = 3 WHERE title = 'Three'`, sql`SELECT pages FROM book WHERE title = 'Three'`,
]))
await answer('rolled back', () => sql.begin(async (sql) => {
  await sql`INSERT INTO book (title) VALUES ('Four')`
  throw new Error('changed my mind')
}))
await answer('failed in a transaction', () => sql.begin(async (sql) => {
  await sql`INSERT INTO book (title) VALUES ('Five')`
  await sql`INSERT INTO book (title) VALUES ('One')`
}))
await answer('savepoint', () => sql.begin(async (sql) => {
  await sql`INSERT INTO book (title) VALUES ('Six')`
  const failure = await sql.savepoint((sql) => sql`INSERT INTO book (title) VALUES ('Six')`).catch((error) => error.code)
  return [failure, await sql`SELECT title FROM book WHERE title = 'Six'`]
}))
await answer('read only', () => sql.begin('READ ONLY', (sql) => sql`DELETE FROM book`))
await answer('transactions side by side', async () => {
  const pages = await Promise.all(Array.from({ length: 20 }, (_, n) => sql.begin(async (sql) => {
    await sql`INSERT INTO book (title, pages) VALUES (${`Side ${n}`}, ${n + 1})`
    return (await sql`SELECT pages FROM book WHERE title = ${`Side ${n}`}`)[0].pages
  })))
  return pages
})
await answer('titles', () => sql`SELECT title, pages FROM book ORDER BY title`.values())

await answer('unique violation', () => sql`INSERT INTO book (title) VALUES (${'One'})`)
await answer('check violation', () => sql`INSERT INTO book (title, pages) VALUES ('X', ${-1})`)
await answer('syntax error', () => sql`SELEKT 1`)
await answer('no such table', () => sql`SELECT * FROM nowhere WHERE id = ${1}`)
await answer('wrong value', () => sql`SELECT ${'abc'}::text::int`)
await answer('undefined value', () => sql`SELECT ${undefined}`)
await answer('after errors', () => sql`SELECT 1 AS fine`)
await answer('notice', async () => {
  await sql.unsafe("DO $$ BEGIN RAISE NOTICE 'look at %', 1; END $$")
  return notices
})

await answer('cursor', async () => {
  const sizes = []
  await sql`SELECT * FROM generate_series(1, ${25}::int) AS n`.cursor(10, (rows) => { sizes.push(rows.length) })
  return sizes
})
await answer('cursor as an iterator, left early', async () => {
  let sum = 0
  for await (const [row] of sql`SELECT * FROM generate_series(1, 1000) AS n`.cursor()) {
    sum += row.n
    if (row.n === 5) break
  }
  return sum
})
await answer('for each', async () => {
  let sum = 0
  await sql`SELECT * FROM generate_series(1, 1000) AS n`.forEach((row) => { sum += row.n })
  return sum
})
await answer('copy in and out', async () => {
  await sql`TRUNCATE book RESTART IDENTITY`
  const lines = Array.from({ length: 1000 }, (_, n) => `Copied ${n}\t${n + 1}\n`)
  await pipeline(Readable.from(lines), await sql`COPY book (title, pages) FROM STDIN`.writable())
  let text = ''
  for await (const chunk of await sql`COPY (SELECT title FROM book ORDER BY id LIMIT 3) TO STDOUT`.readable()) text += chunk
  return [text, await sql`SELECT count(*), sum(pages) FROM book`]
})
await answer('large values', async () => {
  const text = 'ä'.repeat(3_000_000)
  const [row] = await sql`SELECT ${text}::text AS text, ${Buffer.alloc(3_000_000, 7)}::bytea AS bytes`
  return [row.text === text, row.text, row.bytes]
})
await answer('many rows', async () => (await sql`SELECT n, repeat('x', 100) AS x FROM generate_series(1, 50000) n`).length)
await answer('cancelled', async () => {
  const query = sql`SELECT pg_sleep(30)`
  query.execute()
  await underWay((sleeping) => setup.unsafe(sleeping))
  query.cancel()
  return query
})
await answer('after a cancel', () => sql`SELECT 2 AS fine`)
await answer('reserved connection', async () => {
  const reserved = await sql.reserve()
  try {
    return await reserved`SELECT 3 AS fine`
  } finally {
    reserved.release()
  }
})
await answer('changed table', async () => {
  const query = () => sql`SELECT * FROM book WHERE id = ${1}`
  const before = Object.keys((await query())[0])
  await sql`ALTER TABLE book ADD COLUMN added int`
  return [before, Object.keys((await query())[0])]
})

await sql.end()
await setup.unsafe(drop).simple()
await setup.end()
finish()
