"""asyncpg, which speaks only the extended protocol in binary and asks the catalogs for each type that it does not know: native types both
ways, prepared statements, cursors, transactions, COPY, notifications. Takes a connection string; ends with a failed assertion or prints `ok`."""

import asyncio
import datetime as dt
import json
import sys
import uuid
from decimal import Decimal

import asyncpg

SCHEMA = """
drop table if exists apg;
create table apg (
    id uuid primary key default gen_random_uuid(),
    name varchar(40) not null unique,
    price numeric(10, 2),
    weight double precision,
    single real,
    count integer not null default 0,
    big bigint,
    small smallint,
    on_sale boolean,
    tags text[] not null default '{}',
    numbers integer[],
    attributes jsonb,
    plain json,
    picture bytea,
    day date,
    clock time,
    created timestamptz not null default now(),
    local timestamp,
    lasts interval)
"""

ROW = {
    "name": "Apfel 🍎 'quoted' \\ back",
    "price": Decimal("12.30"),
    "weight": 0.1,
    "single": 1.5,
    "count": 7,
    "big": 2**62,
    "small": -5,
    "on_sale": True,
    "tags": ["a", 'with "quotes"', "", "NULL"],
    "numbers": [1, None, -3],
    "attributes": {"a": [1, 2.5, None], "z": True},
    "plain": [1, "two"],
    "picture": bytes(range(256)),
    "day": dt.date(2024, 2, 29),
    "clock": dt.time(23, 59, 59, 123456),
    "created": dt.datetime(2024, 7, 1, 10, 0, 0, 5, tzinfo=dt.timezone.utc),
    "local": dt.datetime(1999, 12, 31, 23, 59, 59),
    "lasts": dt.timedelta(days=3, hours=4, microseconds=7),
}


async def rows(connection):
    places = ", ".join(f"${n + 1}" for n in range(len(ROW)))
    returned = dict(await connection.fetchrow(f"insert into apg ({', '.join(ROW)}) values ({places}) returning *", *ROW.values()))
    key = returned.pop("id")
    assert isinstance(key, uuid.UUID) and returned == ROW, returned
    assert await connection.fetchval("select name from apg where id = $1 and numbers = $2 and day = $3", key, ROW["numbers"], ROW["day"]) == ROW["name"]
    assert await connection.fetchval("select count(*) from apg where tags && $1 and price between $2 and $3", ["a"], 12, Decimal("12.3")) == 1
    assert await connection.execute("update apg set count = count + $1 where id = $2", 5, key) == "UPDATE 1"
    again = "insert into apg (name, count) values ($1, $2) on conflict (name) do update set count = apg.count + excluded.count returning count"
    assert await connection.fetchval(again, ROW["name"], 100) == 112
    assert await connection.execute("delete from apg") == "DELETE 1"
    await connection.executemany("insert into apg (name, count) values ($1, $2)", [(f"item {n}", n) for n in range(200)])
    statement = await connection.prepare("select count, name from apg where count >= $1 order by count limit $2")
    assert [p.name for p in statement.get_parameters()] == ["int4", "int8"]
    assert [a.type.name for a in statement.get_attributes()] == ["int4", "varchar"]
    assert [r["count"] for r in await statement.fetch(198, 5)] == [198, 199]


async def transactions(connection):
    async with connection.transaction(isolation="repeatable_read"):
        assert sum([r["count"] async for r in connection.cursor("select count from apg", prefetch=30)]) == sum(range(200))
        cursor = await connection.cursor("select count from apg order by count")
        assert [r["count"] for r in await cursor.fetch(2)] == [0, 1]
        await cursor.forward(3)
        assert (await cursor.fetchrow())["count"] == 5
        try:
            async with connection.transaction():
                await connection.execute("insert into apg (name) values ('item 1')")
        except asyncpg.UniqueViolationError as error:
            assert error.constraint_name == "apg_name_key" and error.detail == "Key (name)=(item 1) already exists."
        assert await connection.fetchval("select 1") == 1
    try:
        await connection.fetchval("select pg_sleep(20)", timeout=0.3)
        raise AssertionError("no timeout")
    except TimeoutError:
        pass
    assert await connection.fetchval("select 2") == 2


async def copying(connection):
    records = [("copied 1", None, ["x"], dt.date(2024, 1, 1)), ("copied 2", Decimal("1.50"), [], None)]
    columns = ["name", "price", "tags", "day"]
    assert await connection.copy_records_to_table("apg", records=records, columns=columns) == "COPY 2"
    out = []
    await connection.copy_from_query("select name, count from apg where name = $1", "item 7", output=lambda data: collect(out, data), format="csv")
    assert b"".join(out) == b"item 7,7\n", out


async def collect(out, data):
    out.append(bytes(data))


async def notifications(url, connection):
    heard = asyncio.get_running_loop().create_future()
    await connection.add_listener("apg_news", lambda *said: heard.done() or heard.set_result(said[2:]))
    other = await asyncpg.connect(url)
    await other.execute("select pg_notify('apg_news', 'hello')")
    assert await asyncio.wait_for(heard, 5) == ("apg_news", "hello")
    await other.close()


async def types(connection):
    await connection.execute("drop type if exists apg_mood; create type apg_mood as enum ('sad', 'happy')")
    assert await connection.fetchval("select $1::apg_mood", "happy") == "happy"
    assert await connection.fetchval("select array['sad', $1]::apg_mood[]", "happy") == ["sad", "happy"]
    assert await connection.fetchval("select row(1, 'x'::text)") == (1, "x")
    assert (await connection.fetchval("select int4range(1, 5)")).upper == 5
    assert str(await connection.fetchval("select '10.0.0.1/8'::inet")) == "10.0.0.1/8"
    assert await connection.fetchval("select $1::bit(3)", asyncpg.BitString("101")) == asyncpg.BitString("101")


async def main(url):
    connection = await asyncpg.connect(url)
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
    await connection.execute(SCHEMA)
    for part in (rows, transactions, copying, types):
        try:
            await part(connection)
        except Exception:
            print(f"in {part.__name__}", file=sys.stderr)
            raise
    await notifications(url, connection)
    await connection.close()
    pool = await asyncpg.create_pool(url, min_size=2, max_size=4)
    assert sorted(await asyncio.gather(*[pool.fetchval("select $1::int", n) for n in range(30)])) == list(range(30))
    await pool.close()
    print("ok")


asyncio.run(main(sys.argv[1]))
