import { pgTable, text, timestamp } from "drizzle-orm/pg-core";

/** As schema.sql makes it. */
export const guests = pgTable("guests", {
	name: text("name").primaryKey(),
	signed_at: timestamp("signed_at", { withTimezone: true }).notNull().defaultNow(),
});
