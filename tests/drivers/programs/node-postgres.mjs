import { pipeline } from 'node:stream/promises'
import { Writable } from 'node:stream'
import pg from 'pg'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { answer, create, drop, finish, options, underWay, url } from './answers.mjs'

const pool = new pg.Pool({ connectionString: url, max: 5, ...options })
const client = new pg.Client({ connectionString: url, ...options })
const notices = []
client.on('notice', (notice) => notices.push(notice.message))
await client.connect()
await client.query(create)

const rows = async (query) => (await query).rows

await answer('one value of each type', () => rows(client.query({
  text: `SELECT $1::int AS a, $2::bigint AS b, $3::float8 AS c, $4::numeric AS d, $5::text AS e, $6::bool AS f,
    $7::timestamptz AS g, $8::jsonb AS h, $9::bytea AS i, $10::text AS j, $11::int[] AS k, $12::interval AS l`,
  values: [1, '9007199254740993', 1.5, '12.3400', 'naïve ☃', true, new Date(0), { a: [1, null] },
    Buffer.from([0, 255]), null, [1, 2, 3], '1 day'],
})))
await answer('result', async () => {
  const result = await client.query('SELECT id, title FROM book')
  return [result.command, result.rowCount, result.fields.map(({ name, dataTypeID }) => [name, dataTypeID])]
})
await answer('insert', () => rows(client.query(
  'INSERT INTO book (title, pages) VALUES ($1, $2), ($3, $4) RETURNING id, title', ['One', 1, 'Two', 2])))
await answer('rows as arrays', () => rows(client.query({ text: 'SELECT id, title FROM book ORDER BY id', rowMode: 'array' })))
await answer('several statements', async () => (await client.query('SELECT 1 AS a; SELECT 2 AS b')).map(({ rows }) => rows))
await answer('binary results', () => rows(client.query({ text: 'SELECT 7::int AS a, true AS b, $1::text AS c', values: ['x'], binary: true })))
await answer('nothing', async () => (await client.query('')).command)
await answer('named', async () => {
  const seen = []
  for (let n = 0; n < 20; n++) {
    seen.push((await client.query({ name: 'by number', text: 'SELECT $1::int AS n', values: [n] })).rows[0].n)
  }
  return seen
})
await answer('named, on any of several connections', async () => {
  const query = (n) => pool.query({ name: 'by number', text: 'SELECT $1::int * 2 AS n', values: [n] })
  return (await Promise.all(Array.from({ length: 100 }, (_, n) => query(n)))).map(({ rows }) => rows[0].n)
})
await answer('one name, two texts', () => client.query({ name: 'by number', text: 'SELECT 1' }))
await answer('named, fails first', async () => {
  const query = () => client.query({ name: 'later', text: 'SELECT * FROM later' }).then(({ rows }) => rows, ({ code }) => code)
  const before = await query()
  await client.query('CREATE TABLE later AS SELECT 1 AS a')
  const after = await query()
  await client.query('DROP TABLE later')
  return [before, after]
})
await answer('queued', async () => {
  const queries = Array.from({ length: 100 }, (_, n) => client.query('SELECT $1::int AS n', [n]))
  return (await Promise.all(queries)).map(({ rows }) => rows[0].n)
})
await answer('queued, some fail', async () => {
  const queries = Array.from({ length: 30 }, (_, n) => client.query('SELECT 10 / $1::int AS n', [n % 3]))
  return (await Promise.allSettled(queries)).map(({ value, reason }) => value?.rows[0].n ?? reason.code)
})

await answer('transaction', async () => {
  await client.query('BEGIN')
  await client.query("INSERT INTO book (title) VALUES ('Three')")
  await client.query('SAVEPOINT here')
  const failure = await client.query("INSERT INTO book (title) VALUES ('Three')").catch((error) => error.code)
  await client.query('ROLLBACK TO here')
  await client.query('COMMIT')
  return [failure, (await client.query('SELECT title FROM book ORDER BY id')).rows]
})
await answer('aborted transaction', async () => {
  await client.query('BEGIN')
  const codes = []
  for (const text of ['SELECT 1 / 0', 'SELECT 1', 'COMMIT']) {
    codes.push(await client.query(text).then(({ command }) => command, (error) => [error.code, error.message]))
  }
  return codes
})
await answer('transactions of a pool', async () => {
  const one = async (n) => {
    const client = await pool.connect()
    try {
      await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE')
      await client.query('INSERT INTO book (title, pages) VALUES ($1, $2)', [`Side ${n}`, n + 1])
      const { rows } = await client.query('SELECT pages FROM book WHERE title = $1', [`Side ${n}`])
      await client.query('ROLLBACK')
      return rows[0].pages
    } finally {
      client.release()
    }
  }
  return Promise.all(Array.from({ length: 20 }, (_, n) => one(n)))
})

await answer('unique violation', () => client.query('INSERT INTO book (title) VALUES ($1)', ['One']))
await answer('check violation', () => client.query("INSERT INTO book (title, pages) VALUES ('X', -1)"))
await answer('syntax error', () => client.query('SELEKT 1'))
await answer('no such table', () => client.query('SELECT * FROM nowhere WHERE id = $1', [1]))
await answer('wrong value', () => client.query('SELECT $1::int', ['abc']))
await answer('too few values', () => client.query('SELECT $1::int + $2::int', [1]))
await answer('after errors', () => rows(client.query('SELECT 1 AS fine')))
await answer('notice', async () => {
  await client.query("DO $$ BEGIN RAISE NOTICE 'look at %', 1; END $$")
  return notices
})

await answer('cursor', async () => {
  await client.query('BEGIN')
  try {
    const cursor = client.query(new Cursor('SELECT * FROM generate_series(1, $1::int) AS n', [25]))
    const sizes = []
    for (let size = -1; size !== 0; sizes.push(size)) size = (await cursor.read(10)).length
    await cursor.close()
    return sizes
  } finally {
    await client.query('COMMIT')
  }
})
await answer('cursor outside a transaction', async () => {
  const cursor = client.query(new Cursor('SELECT * FROM generate_series(1, 25) AS n'))
  const first = await cursor.read(10)
  const second = await cursor.read(10)
  await cursor.close()
  return [first.length, second[0], await rows(client.query('SELECT 1 AS after'))]
})
await answer('cursor that fails', async () => {
  const cursor = client.query(new Cursor('SELECT 1 / (5 - n) FROM generate_series(1, 10) AS n'))
  const first = await cursor.read(3)
  const failure = await cursor.read(3).catch((error) => error.code)
  return [first.length, failure, await rows(client.query('SELECT 1 AS after'))]
})
await answer('stream', async () => {
  const stream = client.query(new QueryStream('SELECT * FROM generate_series(0, $1::int) AS n', [5000], { batchSize: 100 }))
  let sum = 0
  await pipeline(stream, new Writable({ objectMode: true, write: ({ n }, _, done) => { sum += n; done() } }))
  return sum
})
await answer('stream left early', async () => {
  const client = await pool.connect()
  let seen = 0
  for await (const _ of client.query(new QueryStream('SELECT * FROM generate_series(0, 5000) AS n'))) {
    if (++seen === 10) break
  }
  const after = await rows(client.query('SELECT 1 AS after'))
  client.release()
  return [seen, after]
})
await answer('large values', async () => {
  const text = 'ä'.repeat(3_000_000)
  const [row] = await rows(client.query('SELECT $1::text AS text, $2::bytea AS bytes', [text, Buffer.alloc(3_000_000, 7)]))
  return [row.text === text, row.text, row.bytes]
})
await answer('many rows', async () => (await rows(client.query("SELECT n, repeat('x', 100) AS x FROM generate_series(1, 50000) n"))).length)
await answer('cancelled', async () => {
  const query = new pg.Query('SELECT pg_sleep(30)')
  const failure = new Promise((resolve, reject) => {
    query.on('error', reject)
    query.on('end', () => resolve('ran to its end'))
  })
  client.query(query)
  await underWay((sleeping) => rows(pool.query(sleeping)))
  new pg.Client({ connectionString: url }).cancel(client, query)
  return failure
})
await answer('after a cancel', () => rows(client.query('SELECT 2 AS fine')))
await answer('changed table', async () => {
  const query = () => rows(client.query({ name: 'books', text: 'SELECT * FROM book WHERE id = $1', values: [1] }))
  const before = Object.keys((await query())[0])
  await client.query('ALTER TABLE book ADD COLUMN added int')
  // Which of the two depends on whether it meets a connection that has the statement already.
  return [before, await query().then(([row]) => 'added' in row, ({ code }) => code === '0A000')]
})
await answer('settings', async () => {
  const client = new pg.Client({ connectionString: url, statement_timeout: 1234, lock_timeout: 5, options: '-c search_path=pg_catalog' })
  await client.connect()
  const { rows } = await client.query(
    "SELECT current_setting('statement_timeout') AS a, current_setting('lock_timeout') AS b, current_setting('search_path') AS c")
  await client.end()
  return rows
})
await answer('wrong password', async () => {
  const wrong = new URL(url)
  wrong.password = 'wrong'
  await new pg.Client({ connectionString: wrong.href }).connect().catch((error) => { throw new Error(error.code) })
})

await client.query(drop)
await client.end()
await pool.end()
finish()
