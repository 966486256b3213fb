// postgres.js, which pipelines and lets the server infer parameter types: native types both ways, nested transactions, cursors, streams,
// notifications. Takes a connection string; ends with a failed assertion or prints `ok`.
const assert = require("node:assert/strict");
const postgres = require("postgres");

const url = process.argv[2];

async function main() {
  const sql = postgres(url, { onnotice: () => {}, max: 4 });
  await sql`drop table if exists pjs`;
  await sql`create table pjs (
    id uuid primary key default gen_random_uuid(), name text not null unique, count int not null default 0, big bigint, price numeric(8, 2),
    on_sale boolean, tags text[], numbers int[], attributes jsonb, picture bytea, created timestamptz)`;
  const row = {
    name: "Apfel 🍎 'quoted'", count: 7, big: "4611686018427387904", price: "12.30", on_sale: true, tags: ["a", 'q"', ""], numbers: [1, -2],
    attributes: { a: [1, { b: null }] }, picture: Buffer.from([0, 1, 255]), created: new Date("2024-07-01T10:00:00.005Z"),
  };
  const [{ id, ...back }] = await sql`insert into pjs ${sql({ ...row, attributes: sql.json(row.attributes) })} returning *`;
  assert.deepEqual({ ...back, picture: Buffer.from(back.picture) }, row);
  assert.equal((await sql`select count(*)::int as n from pjs where id = ${id} and tags = ${row.tags} and created = ${row.created}`)[0].n, 1);
  await sql`insert into pjs ${sql(Array.from({ length: 100 }, (_, n) => ({ name: `item ${n}`, count: n })), "name", "count")}`;
  assert.deepEqual([...(await sql`select name from pjs where count in ${sql([3, 5])} order by count`)], [{ name: "item 3" }, { name: "item 5" }]);
  assert.equal((await sql`update pjs set ${sql({ count: 50, on_sale: false })} where name = ${row.name}`).count, 1);
  // Nested transactions are savepoints.
  await sql.begin(async (tx) => {
    await tx`insert into pjs (name) values ('outer')`;
    await tx.savepoint(async (inner) => { await inner`insert into pjs (name) values ('outer')`; })
      .catch((error) => assert.deepEqual([error.code, error.constraint_name], ["23505", "pjs_name_key"]));
  });
  await assert.rejects(sql.begin("read only", (tx) => tx`delete from pjs`), { code: "25006" });
  const both = await sql.begin((tx) => [tx`select 1 as a`, tx`select 2 as a`, tx`select count(*)::int as a from pjs where name = 'outer'`]);
  assert.deepEqual(both.map((r) => r[0].a), [1, 2, 1]);
  let sum = 0;
  await sql`select count from pjs where name like 'item %'`.cursor(17, (rows) => { rows.forEach((r) => (sum += r.count)); });
  assert.equal(sum, 4950);
  assert.deepEqual((await Promise.all(Array.from({ length: 50 }, (_, n) => sql`select ${n}::int as n`))).map((r) => r[0].n), Array.from({ length: 50 }, (_, n) => n));
  const chunks = [];
  for await (const chunk of await sql`copy (select name, count from pjs where name = 'item 9') to stdout`.readable()) chunks.push(chunk);
  assert.equal(Buffer.concat(chunks).toString(), "item 9\t9\n");
  let heard;
  const said = new Promise((resolve) => (heard = resolve));
  await sql.listen("pjs_news", heard);
  await sql.notify("pjs_news", "hello");
  assert.equal(await said, "hello");
  const sleeping = sql`select pg_sleep(20)`.execute();
  setTimeout(() => sleeping.cancel(), 300);
  await assert.rejects(sleeping, { code: "57014" });
  await assert.rejects(sql`select * from missing`, { code: "42P01" });
  const described = await sql`select name, count from pjs where count > ${1}`.describe();
  assert.deepEqual([described.types, described.columns.map((c) => c.type)], [[23], [25, 23]]);
  await sql.end();
  console.log("ok");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
