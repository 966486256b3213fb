// Knex as an application uses it: migrations up, down and altered, queries with joins, upserts, transactions, streams.
// Takes a connection string; ends with a failed assertion or `ok`.

const assert = require("node:assert/strict");
const knex = require("knex");

const migrations = {
  first: {
    async up(db) {
      await db.schema.createTable("knex_author", (table) => {
        table.increments("id");
        table.string("name", 60).notNullable().index();
        table.string("email").unique();
        table.enu("mood", ["happy", "sad"], { useNative: true, enumName: "knex_mood" }).notNullable().defaultTo("happy");
        table.date("born");
        table.timestamps(true, true);
      });
      await db.schema.createTable("knex_book", (table) => {
        table.uuid("id").primary().defaultTo(db.raw("gen_random_uuid()"));
        table.string("title", 200).notNullable().comment("as printed");
        table.decimal("price", 10, 2).notNullable().checkPositive();
        table.double("weight");
        table.boolean("in_print").notNullable().defaultTo(true);
        table.jsonb("extra").notNullable().defaultTo("{}");
        table.specificType("tags", "text[]");
        table.binary("cover");
        table.bigInteger("sold").defaultTo(0);
        table.integer("author_id").unsigned().notNullable().references("id").inTable("knex_author").onDelete("CASCADE");
        table.unique(["author_id", "title"]);
        table.index(["price"], "knex_book_cheap", { predicate: db.whereRaw("price < 10") });
      });
    },
    async down(db) {
      await db.schema.dropTable("knex_book");
      await db.schema.dropTable("knex_author");
      await db.raw("DROP TYPE knex_mood");
    },
  },
  second: {
    async up(db) {
      await db.schema.alterTable("knex_book", (table) => {
        table.integer("rating").notNullable().defaultTo(0);
        table.string("title", 300).notNullable().alter();
        table.setNullable("price");
        table.renameColumn("sold", "copies");
        table.dropIndex([], "knex_book_cheap");
        table.dropColumn("weight");
      });
      await db.schema.createView("knex_shelf", (view) => {
        view.columns(["title", "name"]);
        view.as(db("knex_book").join("knex_author", "knex_author.id", "author_id").select("title", "name"));
      });
    },
    async down(db) {
      await db.schema.dropView("knex_shelf");
      await db.schema.alterTable("knex_book", (table) => {
        table.dropColumn("rating");
        table.renameColumn("copies", "sold");
        table.double("weight");
      });
    },
  },
};

async function main(url) {
  const db = knex({
    client: "pg",
    connection: url,
    pool: { min: 0, max: 4 },
    migrations: {
      tableName: "knex_migrations",
      migrationSource: {
        getMigrations: async () => ["first", "second"],
        getMigrationName: (name) => name,
        getMigration: async (name) => migrations[name],
      },
    },
  });
  await db.raw("DROP VIEW IF EXISTS knex_shelf");
  await db.raw("DROP TABLE IF EXISTS knex_book, knex_author, knex_migrations, knex_migrations_lock");
  await db.raw("DROP TYPE IF EXISTS knex_mood");

  await db.migrate.latest();
  assert.equal(await db.migrate.currentVersion(), "second");
  await db.migrate.down();
  assert.equal(await db.schema.hasColumn("knex_book", "rating"), false);
  assert.equal(await db.schema.hasColumn("knex_book", "sold"), true);
  await db.migrate.rollback(undefined, true);
  assert.equal(await db.schema.hasTable("knex_book"), false);
  await db.migrate.latest();
  const columns = await db("knex_book").columnInfo();
  assert.equal(columns.title.maxLength, 300);
  assert.equal(columns.price.nullable, true);
  assert.equal(columns.rating.type, "integer");

  const [{ id: author }] = await db("knex_author").insert({ name: "Ann", email: "ann@example.org", born: "1970-01-02" }).returning("id");
  const books = await db("knex_book")
    .insert([0, 1, 2, 3].map((n) => ({ title: `Book ${n}`, price: 9.9 + n, author_id: author, tags: ["a", 'b "c"'], extra: { n }, cover: Buffer.from([0, 255]) })))
    .returning(["id", "price", "extra", "tags", "cover", "copies"]);
  assert.equal(books[0].price, "9.90");
  assert.deepEqual(books[1].extra, { n: 1 });
  assert.deepEqual(books[1].tags, ["a", 'b "c"']);
  assert.deepEqual([...books[1].cover], [0, 255]);
  assert.equal(books[1].copies, "0");

  const totals = await db("knex_author as a").leftJoin("knex_book as b", "b.author_id", "a.id").groupBy("a.name").select("a.name").count("b.id as n").sum("price as total");
  assert.deepEqual(totals, [{ name: "Ann", n: "4", total: "45.60" }]);
  assert.equal((await db("knex_book").whereJsonPath("extra", "$.n", ">", 1)).length, 2);
  assert.equal((await db("knex_book").whereILike("title", "book%").whereIn("price", ["9.90", "10.90"])).length, 2);
  assert.equal((await db("knex_shelf").where({ name: "Ann" })).length, 4);
  const ranked = await db("knex_book").select("title").rank("r", "price").orderBy("title");
  assert.deepEqual(ranked.map((row) => row.r), ["1", "2", "3", "4"]);
  const merged = await db("knex_author").insert({ name: "Ann B.", email: "ann@example.org" }).onConflict("email").merge(["name"]).returning("*");
  assert.equal(merged[0].id, author);
  assert.equal(merged[0].name, "Ann B.");

  await assert.rejects(
    db.transaction(async (trx) => {
      await trx("knex_book").where({ author_id: author }).update({ rating: 5 });
      await trx("knex_author").insert({ name: "Twin", email: "ann@example.org" });
    }),
    (error) => error.code === "23505" && error.constraint === "knex_author_email_unique",
  );
  assert.equal((await db("knex_book").where({ rating: 5 })).length, 0);
  await assert.rejects(db("knex_book").insert({ title: "Cheap", price: -1, author_id: author }), (error) => error.code === "23514");
  await db.transaction(async (trx) => {
    const locked = await trx("knex_book").where({ title: "Book 0" }).forUpdate().first();
    await trx("knex_book").where({ id: locked.id }).increment("rating", 2);
  });
  assert.equal((await db("knex_book").max("rating as most").first()).most, 2);

  let seen = 0;
  for await (const row of db.raw("select * from generate_series(1, 1000) as n").stream()) seen += row.n;
  assert.equal(seen, 500500);
  await db("knex_author").where({ id: author }).delete();
  assert.equal((await db("knex_book").count("* as n").first()).n, "0");
  await db.migrate.rollback(undefined, true);
  await db.destroy();
}

main(process.argv[2]).then(() => console.log("ok"), (error) => { console.error(error); process.exit(1); });
