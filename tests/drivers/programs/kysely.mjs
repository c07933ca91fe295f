import Cursor from 'pg-cursor'
import pg from 'pg'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { answer, create, drop, finish, url } from './answers.mjs'

const pool = new pg.Pool({ connectionString: url, max: 5 })
await pool.query(create)
const db = new Kysely({ dialect: new PostgresDialect({ pool, cursor: Cursor }) })

await answer('insert', () => db.insertInto('book').values([
  { title: 'One', pages: 1, details: JSON.stringify({ a: [1, null] }) }, { title: 'Two', pages: 2, details: null },
]).returningAll().execute())
await answer('inserted count', () => db.insertInto('book').values({ title: 'Three', pages: 3 }).executeTakeFirst())
await answer('upsert', () => db.insertInto('book').values({ title: 'One', pages: 10 })
  .onConflict((conflict) => conflict.column('title').doUpdateSet({ pages: 10 })).returning('pages').execute())
await answer('select', () => db.selectFrom('book').selectAll().where('pages', '>', 1).orderBy('id').execute())
await answer('none', () => db.selectFrom('book').select('id').where('id', '=', -1).executeTakeFirst())
await answer('raw', async () => (await sql`SELECT ${1}::int + ${2}::int AS sum`.execute(db)).rows)
await answer('schema', async () => (await db.introspection.getTables()).filter(({ name }) => name === 'book')
  .map(({ columns }) => columns.map(({ name, dataType, isNullable }) => [name, dataType, isNullable])))
await answer('update', () => db.updateTable('book').set((book) => ({ pages: book('pages', '+', 1) })).executeTakeFirst())
await answer('transaction', () => db.transaction().execute(async (transaction) => {
  await transaction.insertInto('book').values({ title: 'Four', pages: 4 }).execute()
  return transaction.selectFrom('book').select('title').orderBy('id').execute()
}))
await answer('rolled back', () => db.transaction().setIsolationLevel('serializable').execute(async (transaction) => {
  await transaction.deleteFrom('book').execute()
  throw new Error('changed my mind')
}))
await answer('savepoint', async () => {
  const transaction = await db.startTransaction().execute()
  await transaction.insertInto('book').values({ title: 'Five', pages: 5 }).execute()
  const saved = await transaction.savepoint('here').execute()
  const failure = await saved.insertInto('book').values({ title: 'Five', pages: 5 }).execute().catch((error) => error.code)
  await saved.rollbackToSavepoint('here').execute()
  await transaction.commit().execute()
  return [failure, await db.selectFrom('book').select('title').where('title', '=', 'Five').execute()]
})
await answer('side by side', () => Promise.all(Array.from({ length: 20 }, (_, n) =>
  db.transaction().execute(async (transaction) => {
    await transaction.insertInto('book').values({ title: `Side ${n}`, pages: n + 1 }).execute()
    return transaction.selectFrom('book').select('pages').where('title', '=', `Side ${n}`).executeTakeFirst()
  }))))
await answer('stream', async () => {
  let sum = 0
  for await (const { pages } of db.selectFrom('book').select('pages').orderBy('id').stream(3)) sum += pages
  return sum
})
await answer('stream left early', async () => {
  for await (const { title } of db.selectFrom('book').select('title').orderBy('id').stream(2)) return title
})
await answer('unique violation', () => db.insertInto('book').values({ title: 'One' }).execute())
await answer('check violation', () => db.insertInto('book').values({ title: 'X', pages: -1 }).execute())
await answer('no such table', () => db.selectFrom('nowhere').selectAll().execute())
await answer('explain', async () => (await db.selectFrom('book').selectAll().explain()).length > 0)
await answer('delete', () => db.deleteFrom('book').where('pages', '>', 5).executeTakeFirst())

await pool.query(drop)
await db.destroy()
finish()
