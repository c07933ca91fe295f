import { eq, gt, inArray, relations, sql } from 'drizzle-orm'
import { integer, jsonb, pgEnum, pgTable, text } from 'drizzle-orm/pg-core'
import { answer, create, drop, finish, options, url } from './answers.mjs'

const mood = pgEnum('mood', ['sad', 'ok', 'happy'])
const book = pgTable('book', {
  id: integer().primaryKey().generatedByDefaultAsIdentity(),
  title: text().notNull().unique(),
  pages: integer(),
  moods: mood().array().notNull().default([]),
  details: jsonb(),
})
const remark = pgTable('remark', { id: integer().primaryKey(), bookId: integer('book_id').notNull(), body: text().notNull() })
const schema = {
  book,
  remark,
  bookRelations: relations(book, ({ many }) => ({ remarks: many(remark) })),
  remarkRelations: relations(remark, ({ one }) => ({ book: one(book, { fields: [remark.bookId], references: [book.id] }) })),
}

let db, end
if (options.driver === 'postgres') {
  const { drizzle } = await import('drizzle-orm/postgres-js')
  const { default: postgres } = await import('postgres')
  const client = postgres(url, { prepare: options.prepare, onnotice() {} })
  await client.unsafe(create).simple()
  await client.unsafe('DROP TABLE IF EXISTS remark; CREATE TABLE remark (id int, book_id int, body text)').simple()
  db = drizzle(client, { schema })
  end = async () => {
    await client.unsafe(`${drop}; DROP TABLE remark`).simple()
    await client.end()
  }
} else {
  const { drizzle } = await import('drizzle-orm/node-postgres')
  const { default: pg } = await import('pg')
  const client = new pg.Pool({ connectionString: url, max: 3 })
  await client.query(create)
  await client.query('DROP TABLE IF EXISTS remark; CREATE TABLE remark (id int, book_id int, body text)')
  db = drizzle(client, { schema })
  end = async () => {
    await client.query(`${drop}; DROP TABLE remark`)
    await client.end()
  }
}

await answer('insert', () => db.insert(book).values([
  { title: 'One', pages: 1, moods: ['happy'], details: { a: [1, null] } }, { title: 'Two', pages: 2 },
]).returning())
await answer('upsert', () => db.insert(book).values({ title: 'One', pages: 10 })
  .onConflictDoUpdate({ target: book.title, set: { pages: 10 } }).returning({ pages: book.pages }))
await answer('select', () => db.select().from(book).where(gt(book.pages, 1)).orderBy(book.id))
await answer('list', () => db.select({ title: book.title }).from(book).where(inArray(book.id, [1, 2])).orderBy(book.id))
await answer('join', async () => {
  await db.insert(remark).values([{ id: 1, bookId: 1, body: 'good' }, { id: 2, bookId: 1, body: 'long' }])
  return db.select().from(book).innerJoin(remark, eq(book.id, remark.bookId)).orderBy(remark.id)
})
await answer('relations', () => db.query.book.findMany({ with: { remarks: true }, orderBy: (book, { asc }) => asc(book.id) }))
await answer('raw', async () => {
  const result = await db.execute(sql`SELECT ${1}::int + ${2}::int AS sum`)
  return result.rows ?? Array.from(result)
})
await answer('prepared', async () => {
  const byId = db.select({ title: book.title }).from(book).where(eq(book.id, sql.placeholder('id'))).prepare('book_by_id')
  return Promise.all(Array.from({ length: 30 }, (_, n) => byId.execute({ id: (n % 2) + 1 })))
})
await answer('transaction', () => db.transaction(async (tx) => {
  await tx.insert(book).values({ title: 'Three', pages: 3 })
  const failure = await tx.transaction((inner) => inner.insert(book).values({ title: 'Three' }))
    .catch((error) => (error.cause ?? error).code)
  return [failure, await tx.select({ title: book.title }).from(book).orderBy(book.id)]
}))
await answer('rolled back', () => db.transaction(async (tx) => {
  await tx.delete(book)
  tx.rollback()
}))
await answer('isolation', () => db.transaction((tx) => tx.select().from(remark).orderBy(remark.id),
  { isolationLevel: 'repeatable read', accessMode: 'read only' }))
await answer('side by side', () => Promise.all(Array.from({ length: 20 }, (_, n) => db.transaction(async (tx) => {
  await tx.insert(book).values({ title: `Side ${n}`, pages: n + 1 })
  return tx.select({ pages: book.pages }).from(book).where(eq(book.title, `Side ${n}`))
}))))
await answer('unique violation', () => db.insert(book).values({ title: 'One' }))
await answer('check violation', () => db.insert(book).values({ title: 'X', pages: -1 }))
await answer('no such table', () => db.execute(sql`SELECT * FROM nowhere`))
await answer('delete', () => db.delete(book).where(gt(book.pages, 5)).returning({ title: book.title }).then((rows) => rows.length))
await answer('count', () => db.$count(book))

await end()
finish()
