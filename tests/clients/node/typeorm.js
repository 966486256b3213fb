// TypeORM as an application uses it: entities with relations, migrations generated from them, run, altered and reverted, a schema that is in step
// right after; repositories, query builder, transactions. Takes a connection string; ends with a failed assertion or `ok`.

require("reflect-metadata");
const assert = require("node:assert/strict");
const { DataSource, EntitySchema, In, MoreThan, ILike } = require("typeorm");

const author = (more = {}) =>
  new EntitySchema({
    name: "Author",
    tableName: "typeorm_author",
    columns: {
      id: { type: "int", primary: true, generated: "increment" },
      name: { type: "varchar", length: 60 },
      email: { type: "varchar", unique: true, nullable: true },
      mood: { type: "enum", enum: ["happy", "sad"], default: "happy" },
      born: { type: "date", nullable: true },
      created: { type: "timestamp with time zone", createDate: true },
      version: { type: "int", version: true },
      ...more,
    },
    indices: [{ name: "typeorm_author_name", columns: ["name"] }],
    relations: {
      books: { type: "one-to-many", target: "Book", inverseSide: "author", cascade: true },
      clubs: { type: "many-to-many", target: "Club", joinTable: { name: "typeorm_membership" }, cascade: true },
    },
  });

const club = new EntitySchema({
  name: "Club",
  tableName: "typeorm_club",
  columns: { id: { type: "bigint", primary: true, generated: "identity" }, name: { type: "text", unique: true } },
});

const book = (more = {}, less = []) => {
  const columns = {
    id: { type: "uuid", primary: true, generated: "uuid" },
    title: { type: "varchar", length: 200, comment: "as printed" },
    price: { type: "numeric", precision: 10, scale: 2 },
    weight: { type: "double precision", nullable: true },
    pages: { type: "smallint", default: 1 },
    inPrint: { type: "boolean", default: true },
    tags: { type: "text", array: true, default: "{}" },
    extra: { type: "jsonb", default: {} },
    cover: { type: "bytea", nullable: true },
    opened: { type: "time", nullable: true },
    published: { type: "timestamp", nullable: true },
    address: { type: "inet", nullable: true },
    valid: { type: "daterange", nullable: true },
    ...more,
  };
  less.forEach((name) => delete columns[name]);
  return new EntitySchema({
    name: "Book",
    tableName: "typeorm_book",
    columns,
    checks: [{ name: "price_is_positive", expression: '"price" >= 0' }],
    uniques: [{ name: "title_of_author", columns: ["author", "title"] }],
    indices: [{ name: "typeorm_book_cheap", columns: ["price"], where: '"price" < 10' }],
    relations: { author: { type: "many-to-one", target: "Author", inverseSide: "books", onDelete: "CASCADE", nullable: false, joinColumn: true } },
  });
};

const source = (url, entities, migrations = []) => new DataSource({ type: "postgres", url, entities, migrations, migrationsTableName: "typeorm_migrations", logging: false });

// A migration as `typeorm migration:generate` writes it.
async function generated(url, entities, name, timestamp) {
  const db = await source(url, entities).initialize();
  const { upQueries, downQueries } = await db.driver.createSchemaBuilder().log();
  await db.destroy();
  assert.ok(upQueries.length > 0, `${name} has nothing to do`);
  const migration = class {
    name = `${name}${timestamp}`;
    async up(runner) {
      for (const { query, parameters } of upQueries) await runner.query(query, parameters);
    }
    async down(runner) {
      for (const { query, parameters } of [...downQueries].reverse()) await runner.query(query, parameters);
    }
  };
  Object.defineProperty(migration, "name", { value: `${name}${timestamp}` });
  return migration;
}

async function inStep(db) {
  const { upQueries } = await db.driver.createSchemaBuilder().log();
  assert.deepEqual(upQueries.map((query) => query.query), []);
}

async function main(url) {
  const first = [author(), club, book()];
  const second = [
    author({ rating: { type: "int", default: 0 } }),
    club,
    book({ title: { type: "varchar", length: 300 }, subtitle: { type: "text", nullable: true }, price: { type: "numeric", precision: 12, scale: 2 } }, ["weight"]),
  ];
  const wipe = await source(url, []).initialize();
  await wipe.query("DROP TABLE IF EXISTS typeorm_membership, typeorm_book, typeorm_author, typeorm_club, typeorm_migrations");
  await wipe.query("DROP TYPE IF EXISTS typeorm_author_mood_enum");
  await wipe.destroy();

  const one = await generated(url, first, "First", 1700000000001);
  let db = await source(url, first, [one]).initialize();
  await db.runMigrations();
  await inStep(db);
  await db.destroy();
  const two = await generated(url, second, "Second", 1700000000002);
  db = await source(url, second, [one, two]).initialize();
  await db.runMigrations();
  await inStep(db);
  await db.undoLastMigration();
  const runner = db.createQueryRunner();
  assert.equal((await runner.getTable("typeorm_book")).findColumnByName("title").length, "200");
  await runner.release();
  await db.runMigrations();
  await inStep(db);

  const authors = db.getRepository("Author");
  const books = db.getRepository("Book");
  const ann = await authors.save({
    name: "Ann",
    email: "ann@example.org",
    born: "1970-01-02",
    clubs: [{ name: "Poets" }],
    books: [0, 1, 2].map((n) => ({ title: `Book ${n}`, price: String(9.9 + n), tags: ["a", 'b "c"'], extra: { n, deep: [1, null] }, cover: Buffer.from([0, 255]), opened: "08:15:00", published: new Date("2024-02-29T12:30:00.005Z"), address: "10.0.0.1", valid: "[2024-01-01,2024-02-01)" })),
  });
  const found = await authors.findOne({ where: { name: "Ann" }, relations: { books: true, clubs: true }, order: { books: { title: "ASC" } } });
  assert.equal(found.books.length, 3);
  assert.equal(found.clubs[0].name, "Poets");
  assert.equal(found.version, 1);
  assert.ok(found.created instanceof Date);
  const [it] = found.books;
  assert.equal(it.price, "9.90");
  assert.deepEqual(it.tags, ["a", 'b "c"']);
  assert.deepEqual(it.extra, { n: 0, deep: [1, null] });
  assert.deepEqual([...it.cover], [0, 255]);
  assert.equal(it.opened, "08:15:00");
  assert.equal(it.published.getTime(), new Date("2024-02-29T12:30:00.005Z").getTime());
  assert.equal(it.address, "10.0.0.1");
  assert.equal(it.valid, "[2024-01-01,2024-02-01)");

  const [page, count] = await books.findAndCount({ where: { title: ILike("book%"), price: MoreThan("10") }, order: { title: "DESC" }, take: 1, relations: { author: true } });
  assert.equal(count, 2);
  assert.equal(page[0].title, "Book 2");
  const totals = await books.createQueryBuilder("b").innerJoin("b.author", "a").select("a.name", "name").addSelect("count(*)", "n").addSelect("sum(b.price)", "total").groupBy("a.name").getRawMany();
  assert.deepEqual(totals, [{ name: "Ann", n: "3", total: "32.70" }]);
  assert.equal(await books.createQueryBuilder("b").where("b.extra ->> 'n' = :n", { n: "1" }).andWhere("b.tags @> :tags", { tags: ["a"] }).getCount(), 1);
  await authors.upsert({ email: "ann@example.org", name: "Ann B." }, ["email"]);
  assert.equal((await authors.findOneBy({ id: ann.id })).name, "Ann B.");
  await assert.rejects(authors.insert({ name: "Twin", email: "ann@example.org" }), (error) => error.code === "23505");
  await assert.rejects(books.update({ title: In(["Book 0"]) }, { price: "-1" }), (error) => error.code === "23514" && error.driverError.constraint === "price_is_positive");
  await assert.rejects(
    db.transaction(async (manager) => {
      await manager.update("Book", {}, { pages: 7 }).catch(() => manager.query("UPDATE typeorm_book SET pages = 7"));
      throw new Error("back");
    }),
    /back/,
  );
  assert.equal(await books.countBy({ pages: 7 }), 0);
  await db.transaction(async (manager) => {
    const locked = await manager.findOne("Book", { where: { title: "Book 1" }, lock: { mode: "pessimistic_write" } });
    locked.pages = 99;
    await manager.save("Book", locked);
  });
  assert.equal((await books.findOneBy({ title: "Book 1" })).pages, 99);
  await authors.delete(ann.id);
  assert.equal(await books.count(), 0);
  await db.undoLastMigration();
  await db.undoLastMigration();
  await db.query("DROP TABLE typeorm_migrations");
  await db.destroy();
}

main(process.argv[2]).then(() => console.log("ok"), (error) => { console.error(error); process.exit(1); });
