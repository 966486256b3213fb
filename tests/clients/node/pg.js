// node-postgres as an application uses it: a pool, rows in and out with their native types, transactions, errors, prepared statements,
// notifications, cancelling by timeout. Takes a connection string; ends with a failed assertion or prints `ok`.
const assert = require("node:assert/strict");
const { Client, Pool } = require("pg");

const url = process.argv[2];

const SCHEMA = `
drop table if exists pg_line, pg_item;
create table pg_item (
  id uuid primary key default gen_random_uuid(),
  name text not null unique,
  price numeric(10, 2),
  weight double precision,
  count integer not null default 0,
  big bigint,
  on_sale boolean,
  tags text[] not null default '{}',
  numbers integer[],
  attributes jsonb,
  plain json,
  picture bytea,
  day date,
  created timestamptz);
create table pg_line (id serial primary key, item uuid not null references pg_item on delete cascade, amount integer check (amount > 0));`;

async function crud(pool) {
  const row = {
    name: "Apfel 🍎 'quoted' \\ back",
    price: "12.30",
    weight: 0.1,
    count: 7,
    big: "4611686018427387904",
    on_sale: true,
    tags: ["a", 'with "quotes"', "", "comma, and \\", "NULL"],
    numbers: [1, null, -3],
    attributes: { a: [1, 2.5, null, { b: "ü" }], z: true },
    plain: [1, "two"],
    picture: Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
    created: new Date("2024-07-01T10:00:00.005Z"),
  };
  const names = Object.keys(row);
  const values = names.map((n) => (n === "plain" || n === "attributes" ? JSON.stringify(row[n]) : row[n]));
  const inserted = await pool.query(
    `insert into pg_item (${names}) values (${names.map((_, i) => `$${i + 1}`)}) returning id, ${names}`, values);
  const { id, ...rest } = inserted.rows[0];
  assert.deepEqual(rest, row);
  assert.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  const found = await pool.query("select name from pg_item where id = $1 and tags = $2 and created = $3 and picture = $4 and attributes @> $5", [
    id, row.tags, row.created, row.picture, { z: true }]);
  assert.deepEqual(found.rows, [{ name: row.name }]);
  const updated = await pool.query("update pg_item set count = count + $1 where id = $2 returning count", [5, id]);
  assert.deepEqual([updated.rowCount, updated.rows], [1, [{ count: 12 }]]);
  const upsert = "insert into pg_item (name, count) values ($1, $2) on conflict (name) do update set count = pg_item.count + excluded.count returning count";
  assert.deepEqual((await pool.query(upsert, [row.name, 100])).rows, [{ count: 112 }]);
  const any = await pool.query("select count(*)::int as n from pg_item where name = any($1::text[]) and count = any($2)", [[row.name, "x"], [112, 1]]);
  assert.deepEqual(any.rows, [{ n: 1 }]);
  const arrays = await pool.query({ text: "select $1::int[] as a, array[[1,2],[3,4]] as b", values: [[]], rowMode: "array" });
  assert.deepEqual(arrays.rows, [[[], [[1, 2], [3, 4]]]]);
  assert.deepEqual(arrays.fields.map((f) => [f.name, f.dataTypeID]), [["a", 1007], ["b", 1007]]);
  const deleted = await pool.query("delete from pg_item where id = $1", [id]);
  assert.equal(deleted.rowCount, 1);
  const day = await pool.query("select date '2024-02-29' as day, null as nothing, 'x'::varchar(3) as word, 1.5::float4 as single, interval '1 day 02:03:04' as lasts");
  assert.equal(day.rows[0].day.getDate(), 29);
  assert.deepEqual([day.rows[0].nothing, day.rows[0].word, day.rows[0].single], [null, "x", 1.5]);
  assert.deepEqual({ ...day.rows[0].lasts }, { days: 1, hours: 2, minutes: 3, seconds: 4 });
}

async function transactions(pool) {
  const client = await pool.connect();
  await client.query("begin");
  await client.query("insert into pg_item (name) values ($1)", ["gone"]);
  await client.query("rollback");
  await client.query("begin");
  await client.query("insert into pg_item (name) values ($1)", ["stays"]);
  await client.query("savepoint s");
  await assert.rejects(client.query("insert into pg_item (name) values ($1)", ["stays"]), {
    code: "23505", constraint: "pg_item_name_key", table: "pg_item", schema: "public", detail: "Key (name)=(stays) already exists.", severity: "ERROR" });
  await assert.rejects(client.query("select 1"), { code: "25P02" });
  await client.query("rollback to s");
  assert.equal((await client.query("commit")).command, "COMMIT");
  assert.deepEqual((await client.query("select name from pg_item")).rows, [{ name: "stays" }]);
  await assert.rejects(client.query("insert into pg_line (item, amount) values (gen_random_uuid(), 1)"), { code: "23503", constraint: "pg_line_item_fkey" });
  await assert.rejects(client.query("insert into pg_line (item, amount) select id, 0 from pg_item"), { code: "23514", constraint: "pg_line_amount_check" });
  await assert.rejects(client.query("insert into pg_item (name) values (null)"), { code: "23502", column: "name" });
  await assert.rejects(client.query("select * from missing"), { code: "42P01", position: "15" });
  await assert.rejects(client.query("select $1::int", ["x"]), { code: "22P02" });
  client.release();
}

async function prepared(pool) {
  const client = await pool.connect();
  await client.query("insert into pg_item (name, count) select 'item ' || n, n from generate_series(1, 50) n");
  for (let n = 1; n <= 50; n++) {
    const result = await client.query({ name: "by name", text: "select count, name from pg_item where name = $1", values: [`item ${n}`] });
    assert.deepEqual(result.rows, [{ count: n, name: `item ${n}` }]);
  }
  const several = await client.query("select 1 as a; select 2 as b; update pg_item set count = 0 where count > 48");
  assert.deepEqual(several.map((r) => [r.command, r.rowCount]), [["SELECT", 1], ["SELECT", 1], ["UPDATE", 2]]);
  client.release();
  const together = await Promise.all(Array.from({ length: 40 }, (_, n) => pool.query("select $1::int as n, pg_backend_pid() as pid", [n])));
  assert.deepEqual(together.map((r) => r.rows[0].n), Array.from({ length: 40 }, (_, n) => n));
  const writes = Array.from({ length: 30 }, () => pool.query("update pg_item set count = count + 1 where name = 'stays'"));
  await Promise.all(writes);
  assert.deepEqual((await pool.query("select count from pg_item where name = 'stays'")).rows, [{ count: 30 }]);
}

async function binary() {
  const client = new Client({ connectionString: url, binary: true });
  await client.connect();
  const { rows } = await client.query("select 1::int2 as a, 2::int4 as b, true as c, 'x'::text as d, 1.5::float8 as e, '2024-07-01 12:00+00'::timestamptz as f, array[1,2] as g");
  assert.deepEqual(rows, [{ a: 1, b: 2, c: true, d: "x", e: 1.5, f: new Date("2024-07-01T12:00:00Z"), g: [1, 2] }]);
  await client.end();
}

async function notifications(pool) {
  const client = new Client({ connectionString: url });
  await client.connect();
  const heard = new Promise((resolve) => client.on("notification", resolve));
  await client.query("listen pg_news");
  await pool.query("select pg_notify('pg_news', 'hello')");
  const { channel, payload } = await heard;
  assert.deepEqual([channel, payload], ["pg_news", "hello"]);
  const notice = new Promise((resolve) => client.on("notice", resolve));
  await client.query("drop table if exists nothing_there");
  assert.match((await notice).message, /does not exist, skipping/);
  await client.query("set statement_timeout = 200");
  await assert.rejects(client.query("select pg_sleep(20)"), { code: "57014" });
  await client.end();
}

async function main() {
  const pool = new Pool({ connectionString: url, max: 5 });
  await pool.query(SCHEMA);
  for (const part of [crud, transactions, prepared, binary, notifications]) {
    try {
      await part(pool);
    } catch (error) {
      console.error(`in ${part.name}`);
      throw error;
    }
  }
  await pool.end();
  await assert.rejects(new Client({ connectionString: url.replace(/[^/]*$/, "missing") }).connect(), { code: "3D000" });
  console.log("ok");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
