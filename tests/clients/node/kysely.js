// Kysely as an application uses it: migrations up and down, typed queries, upserts, CTEs, transactions, introspection, cursors.
// Takes a connection string; ends with a failed assertion or `ok`.

const assert = require("node:assert/strict");
const { Kysely, Migrator, PostgresDialect, sql } = require("kysely");
const { jsonArrayFrom, jsonObjectFrom } = require("kysely/helpers/postgres");
const Cursor = require("pg-cursor");
const { Pool } = require("pg");

const migrations = {
  "1_first": {
    async up(db) {
      await db.schema.createType("kysely_mood").asEnum(["happy", "sad"]).execute();
      await db.schema
        .createTable("kysely_author")
        .addColumn("id", "integer", (c) => c.generatedAlwaysAsIdentity().primaryKey())
        .addColumn("name", "varchar(60)", (c) => c.notNull())
        .addColumn("email", "text", (c) => c.unique())
        .addColumn("mood", sql`kysely_mood`, (c) => c.notNull().defaultTo("happy"))
        .addColumn("created", "timestamptz", (c) => c.notNull().defaultTo(sql`now()`))
        .execute();
      await db.schema
        .createTable("kysely_book")
        .addColumn("id", "uuid", (c) => c.primaryKey().defaultTo(sql`gen_random_uuid()`))
        .addColumn("title", "varchar(200)", (c) => c.notNull())
        .addColumn("price", "numeric(10, 2)", (c) => c.notNull().check(sql`price >= 0`))
        .addColumn("extra", "jsonb", (c) => c.notNull().defaultTo("{}"))
        .addColumn("tags", sql`text[]`)
        .addColumn("author_id", "integer", (c) => c.notNull().references("kysely_author.id").onDelete("cascade"))
        .addUniqueConstraint("kysely_book_of_author", ["author_id", "title"])
        .execute();
      await db.schema.createIndex("kysely_book_price").on("kysely_book").columns(["price desc", "title"]).execute();
    },
    async down(db) {
      await db.schema.dropTable("kysely_book").execute();
      await db.schema.dropTable("kysely_author").execute();
      await db.schema.dropType("kysely_mood").execute();
    },
  },
  "2_second": {
    async up(db) {
      await db.schema
        .alterTable("kysely_book")
        .addColumn("rating", "integer", (c) => c.notNull().defaultTo(0))
        .alterColumn("title", (c) => c.setDataType("varchar(300)"))
        .alterColumn("price", (c) => c.dropNotNull())
        .execute();
      await db.schema.alterTable("kysely_book").renameColumn("extra", "attributes").execute();
      await db.schema.dropIndex("kysely_book_price").execute();
      await db.schema.createView("kysely_shelf").as(db.selectFrom("kysely_book").select(["title", "price"]).where("price", ">", 10)).execute();
    },
    async down(db) {
      await db.schema.dropView("kysely_shelf").execute();
      await db.schema.alterTable("kysely_book").renameColumn("attributes", "extra").execute();
      await db.schema.alterTable("kysely_book").dropColumn("rating").execute();
      await db.schema.createIndex("kysely_book_price").on("kysely_book").columns(["price desc", "title"]).execute();
    },
  },
};

async function migrated(migrator, step) {
  const { error, results } = await step(migrator);
  if (error) throw error;
  assert.ok(results.every((result) => result.status === "Success"));
}

async function main(url) {
  const db = new Kysely({ dialect: new PostgresDialect({ pool: new Pool({ connectionString: url, max: 4 }), cursor: Cursor }) });
  for (const name of ["kysely_shelf"]) await db.schema.dropView(name).ifExists().execute();
  for (const name of ["kysely_book", "kysely_author", "kysely_migration", "kysely_migration_lock"]) await db.schema.dropTable(name).ifExists().execute();
  await db.schema.dropType("kysely_mood").ifExists().execute();
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  await migrated(migrator, (m) => m.migrateToLatest());
  await migrated(migrator, (m) => m.migrateDown());
  await migrated(migrator, (m) => m.migrateDown());
  await migrated(migrator, (m) => m.migrateToLatest());

  const tables = await db.introspection.getTables();
  const book = tables.find((table) => table.name === "kysely_book");
  assert.deepEqual(book.columns.map((c) => [c.name, c.dataType, c.isNullable, c.hasDefaultValue]), [
    ["id", "uuid", false, true],
    ["title", "varchar", false, false],
    ["price", "numeric", true, false],
    ["attributes", "jsonb", false, true],
    ["tags", "_text", true, false],
    ["author_id", "int4", false, false],
    ["rating", "int4", false, true],
  ]);
  assert.equal(tables.find((table) => table.name === "kysely_author").columns[0].isAutoIncrementing, true);

  const { id: author } = await db.insertInto("kysely_author").values({ name: "Ann", email: "ann@example.org" }).returning("id").executeTakeFirstOrThrow();
  const rows = [0, 1, 2].map((n) => ({ title: `Book ${n}`, price: 9.9 + n, attributes: { n }, tags: ["a", 'b "c"'], author_id: author }));
  assert.equal((await db.insertInto("kysely_book").values(rows).returningAll().execute()).length, 3);
  const nested = await db
    .selectFrom("kysely_author as a")
    .select((eb) => ["a.name", jsonArrayFrom(eb.selectFrom("kysely_book as b").select(["b.title", "b.price"]).whereRef("b.author_id", "=", "a.id").orderBy("b.title")).as("books")])
    .executeTakeFirstOrThrow();
  assert.deepEqual(nested, { name: "Ann", books: [{ title: "Book 0", price: 9.9 }, { title: "Book 1", price: 10.9 }, { title: "Book 2", price: 11.9 }] });
  const withAuthor = await db
    .selectFrom("kysely_book as b")
    .select((eb) => ["b.title", jsonObjectFrom(eb.selectFrom("kysely_author as a").select(["a.name", "a.mood"]).whereRef("a.id", "=", "b.author_id")).as("author")])
    .where((eb) => eb.between("b.price", "10", "11"))
    .execute();
  assert.deepEqual(withAuthor, [{ title: "Book 1", author: { name: "Ann", mood: "happy" } }]);
  const totals = await db
    .with("dear", (qb) => qb.selectFrom("kysely_book").selectAll().where("price", ">", 10))
    .selectFrom("dear")
    .select(({ fn }) => [fn.countAll().as("n"), fn.sum("price").as("total")])
    .groupBy("author_id")
    .execute();
  assert.deepEqual(totals, [{ n: "2", total: "22.80" }]);
  const distinct = await db.selectFrom("kysely_book").distinctOn("author_id").select(["author_id", "title"]).orderBy("author_id").orderBy("price", "desc").execute();
  assert.equal(distinct[0].title, "Book 2");
  assert.equal((await db.selectFrom("kysely_book").select(sql`attributes->>'n'`.as("n")).where(sql`attributes @> '{"n": 2}'`).execute())[0].n, "2");
  assert.equal((await db.selectFrom("kysely_shelf").selectAll().execute()).length, 2);
  const upserted = await db
    .insertInto("kysely_author")
    .values({ name: "Ann B.", email: "ann@example.org" })
    .onConflict((oc) => oc.column("email").doUpdateSet((eb) => ({ name: eb.ref("excluded.name") })))
    .returning(["id", "name"])
    .executeTakeFirstOrThrow();
  assert.deepEqual(upserted, { id: author, name: "Ann B." });
  const updated = await db.updateTable("kysely_book as b").from("kysely_author as a").set({ rating: 5 }).whereRef("a.id", "=", "b.author_id").where("b.title", "=", "Book 0").returning("b.rating").execute();
  assert.deepEqual(updated, [{ rating: 5 }]);
  await assert.rejects(
    db.transaction().setIsolationLevel("serializable").execute(async (trx) => {
      await trx.deleteFrom("kysely_book").execute();
      await trx.insertInto("kysely_author").values({ name: "Twin", email: "ann@example.org" }).execute();
    }),
    (error) => error.code === "23505",
  );
  assert.equal((await db.selectFrom("kysely_book").select("id").execute()).length, 3);
  let sum = 0;
  for await (const row of db.selectFrom(sql`generate_series(1, 1000)`.as("n")).select(sql`n`.as("n")).stream(100)) sum += row.n;
  assert.equal(sum, 500500);
  assert.equal((await db.deleteFrom("kysely_author").where("id", "=", author).executeTakeFirst()).numDeletedRows, 1n);
  await migrated(migrator, (m) => m.migrateDown());
  await migrated(migrator, (m) => m.migrateDown());
  await db.schema.dropTable("kysely_migration").execute();
  await db.schema.dropTable("kysely_migration_lock").execute();
  await db.destroy();
}

main(process.argv[2]).then(() => console.log("ok"), (error) => { console.error(error); process.exit(1); });
