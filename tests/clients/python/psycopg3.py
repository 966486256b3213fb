"""psycopg 3 as an application uses it: rows in and out with their native types, transactions, pipelines, server cursors, COPY,
notifications, cancelling. Takes a connection string; ends with a failed assertion or prints `ok`."""

import datetime as dt
import sys
import threading
import time
import uuid
from decimal import Decimal

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

url = sys.argv[1]

SCHEMA = """
drop table if exists line, item;
create table item (
    id uuid primary key default gen_random_uuid(),
    name varchar(40) not null unique,
    price numeric(10, 2),
    weight double precision,
    count integer not null default 0,
    big bigint,
    small smallint,
    on_sale boolean,
    tags text[] not null default '{}',
    numbers integer[],
    attributes jsonb not null default '{}',
    picture bytea,
    day date,
    clock time,
    created timestamptz not null default now(),
    local timestamp,
    lasts interval);
create table line (
    id serial primary key,
    item uuid not null references item on delete cascade,
    amount integer check (amount > 0));
"""


def crud(connection):
    row = {
        "name": "Apfel 🍎 'quoted' \\ back",
        "price": Decimal("12.30"),
        "weight": 0.1,
        "count": 7,
        "big": 2**62,
        "small": -5,
        "on_sale": True,
        "tags": ["a", 'with "quotes"', "", "comma, and \\", "NULL"],
        "numbers": [1, None, -3],
        "attributes": {"a": [1, 2.5, None, {"b": "ü"}], "z": True},
        "picture": bytes(range(256)),
        "day": dt.date(2024, 2, 29),
        "clock": dt.time(23, 59, 59, 123456),
        "created": dt.datetime(2024, 7, 1, 12, 0, 0, 5, tzinfo=dt.timezone(dt.timedelta(hours=2))),
        "local": dt.datetime(1999, 12, 31, 23, 59, 59),
        "lasts": dt.timedelta(days=3, hours=4, microseconds=7),
    }
    columns = ", ".join(row)
    places = ", ".join(f"%({name})s" for name in row)
    given = {**row, "attributes": Jsonb(row["attributes"])}
    for binary in (False, True):
        with connection.cursor(row_factory=dict_row, binary=binary) as cursor:
            cursor.execute(f"insert into item ({columns}) values ({places}) returning id, {columns}", given)
            returned = cursor.fetchone()
            key = returned.pop("id")
            assert isinstance(key, uuid.UUID)
            assert returned == row, (binary, returned)
            cursor.execute("select * from item where id = %s and tags = %s and numbers is not distinct from %s::int[]", (key, row["tags"], row["numbers"]))
            assert cursor.fetchone()["id"] == key
            cursor.execute("select name from item where attributes @> %s and price = %s and created = %s and picture = %s",
                           (Jsonb({"z": True}), row["price"], row["created"], row["picture"]))
            assert cursor.fetchall() == [{"name": row["name"]}]
            cursor.execute("update item set count = count + %s, attributes = attributes || %s where id = %s returning count, attributes->>'new' as new",
                           (5, Jsonb({"new": "x"}), key))
            assert cursor.fetchone() == {"count": 12, "new": "x"}
            cursor.execute(
                "insert into item (name, count) values (%s, %s) on conflict (name) do update set count = item.count + excluded.count returning count",
                (row["name"], 100))
            assert cursor.fetchone() == {"count": 112}
            cursor.execute("insert into item (name) values (%s) on conflict do nothing", (row["name"],))
            assert cursor.rowcount == 0
            cursor.execute("delete from item where id = %s", (key,))
            assert cursor.rowcount == 1
            cursor.execute("select %s::int[] as a, %s::text[] as b, %s::uuid[] as c", ([[1, 2], [3, 4]], [], [key]))
            assert cursor.fetchone() == {"a": [[1, 2], [3, 4]], "b": [], "c": [key]}
    connection.commit()


def many(connection):
    with connection.cursor() as cursor:
        cursor.executemany("insert into item (name, count) values (%s, %s)", [(f"item {n}", n) for n in range(500)])
        cursor.executemany("insert into line (item, amount) select id, %s from item where name = %s returning id",
                           [(n + 1, f"item {n}") for n in range(3)], returning=True)
        ids = [cursor.fetchone()[0]]
        while cursor.nextset():
            ids.append(cursor.fetchone()[0])
        assert ids == [1, 2, 3], ids
        cursor.execute("select sum(count), avg(count), count(*) from item where name = any(%s)", (["item 1", "item 2", "nothing"],))
        assert cursor.fetchone() == (3, Decimal("1.5000000000000000"), 2)
    connection.commit()
    # A prepared statement, again and again.
    for n in range(20):
        assert connection.execute("select count from item where name = %s", (f"item {n}",), prepare=True).fetchone() == (n,)
    connection.commit()


def transactions(connection):
    try:
        with connection.transaction():
            connection.execute("insert into item (name) values ('gone')")
            raise KeyError
    except KeyError:
        pass
    with connection.transaction():
        connection.execute("insert into item (name) values ('stays')")
        try:
            with connection.transaction():
                connection.execute("insert into item (name) values ('inner')")
                connection.execute("insert into item (name) values ('stays')")
        except psycopg.errors.UniqueViolation as error:
            assert error.diag.constraint_name == "item_name_key" and error.diag.table_name == "item", error.diag.constraint_name
            assert error.diag.message_detail == "Key (name)=(stays) already exists."
    names = connection.execute("select name from item where name in ('gone', 'stays', 'inner')").fetchall()
    assert names == [("stays",)], names
    connection.commit()
    for sql, error in [
        ("insert into line (item, amount) values (gen_random_uuid(), 1)", psycopg.errors.ForeignKeyViolation),
        ("insert into line (item, amount) select id, 0 from item limit 1", psycopg.errors.CheckViolation),
        ("insert into item (name) values (null)", psycopg.errors.NotNullViolation),
        ("insert into item (name) values (repeat('x', 41))", psycopg.errors.StringDataRightTruncation),
        ("insert into item (name, small) values ('s', 40000)", psycopg.errors.NumericValueOutOfRange),
        ("select 1 / (count - count) from item", psycopg.errors.DivisionByZero),
        ("select * from missing", psycopg.errors.UndefinedTable),
        ("select missing from item", psycopg.errors.UndefinedColumn),
        ("selec 1", psycopg.errors.SyntaxError),
        ("select 'x'::int", psycopg.errors.InvalidTextRepresentation),
    ]:
        try:
            connection.execute(sql)
            raise AssertionError(f"{sql} succeeded")
        except psycopg.Error as raised:
            assert type(raised) is error, (sql, raised)
        try:
            connection.execute("select 1")
            raise AssertionError("an aborted transaction went on")
        except psycopg.errors.InFailedSqlTransaction:
            connection.rollback()
    connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    connection.read_only = True
    assert connection.execute("show transaction_isolation").fetchone() == ("serializable",)
    try:
        connection.execute("delete from item")
        raise AssertionError("a read-only transaction wrote")
    except psycopg.errors.ReadOnlySqlTransaction:
        connection.rollback()
    connection.isolation_level = None
    connection.read_only = None


def pipeline(connection):
    with connection.pipeline() as pipeline:
        first = connection.execute("select count from item where name = %s", ("item 3",))
        second = connection.execute("update item set count = 33 where name = %s returning count", ("item 3",))
        pipeline.sync()
        assert first.fetchone() == (3,) and second.fetchone() == (33,)
    connection.commit()
    try:
        with connection.pipeline():
            connection.execute("insert into item (name) values ('in the pipeline')")
            connection.execute("insert into item (name) values ('item 4')")
            connection.execute("select 1")
    except psycopg.errors.UniqueViolation:
        connection.rollback()
    assert connection.execute("select count(*) from item where name = 'in the pipeline'").fetchone() == (0,)
    connection.commit()


def cursors(connection):
    with connection.cursor("walk", scrollable=True) as cursor:
        cursor.itersize = 50
        cursor.execute("select count from item where name like 'item %' order by count")
        assert sum(count for (count,) in cursor) == sum(range(500)) + 30
        cursor.scroll(2, mode="absolute")
        assert cursor.fetchone() == (2,)
        assert cursor.fetchmany(2) == [(4,), (5,)]
    connection.commit()
    with connection.cursor("held", withhold=True) as cursor:
        cursor.execute("select count from item order by count limit 3")
        connection.commit()
        assert len(cursor.fetchall()) == 3
    assert sum(1 for _ in connection.cursor().stream("select * from item")) == 501
    connection.commit()


def copy(connection):
    rows = [("copied 1", None, ["x", "y"], dt.date(2024, 1, 1)), ("copied 2 \t\\ \n", Decimal("1.50"), [], None)]
    with connection.cursor() as cursor:
        with cursor.copy("copy item (name, price, tags, day) from stdin") as copy:
            for row in rows:
                copy.write_row(row)
        with cursor.copy("copy (select name, price, tags, day from item where name like 'copied%' order by name) to stdout") as copy:
            copy.set_types(["varchar", "numeric", "text[]", "date"])
            assert list(copy.rows()) == rows
        with cursor.copy("copy (select name, count from item where name = 'item 7') to stdout with (format csv, header)") as copy:
            assert b"".join(copy) == b"name,count\nitem 7,7\n"
    connection.rollback()


def notifications(connection):
    with psycopg.connect(url, autocommit=True) as listener:
        listener.execute("listen news")
        connection.execute("notify news, 'hello'")
        connection.commit()
        notify = next(listener.notifies(timeout=5, stop_after=1))
        assert (notify.channel, notify.payload) == ("news", "hello")


def cancelling(connection):
    timer = threading.Timer(0.3, connection.cancel_safe)
    timer.start()
    started = time.monotonic()
    try:
        connection.execute("select pg_sleep(20)")
        raise AssertionError("the statement was not cancelled")
    except psycopg.errors.QueryCanceled:
        assert time.monotonic() - started < 10
        connection.rollback()
    timer.join()
    connection.execute("set statement_timeout = 200")
    try:
        connection.execute("select pg_sleep(20)")
        raise AssertionError("the statement did not time out")
    except psycopg.errors.QueryCanceled:
        connection.rollback()


with psycopg.connect(url) as connection:
    connection.execute(SCHEMA)
    connection.commit()
    for part in (crud, many, transactions, pipeline, cursors, copy, notifications, cancelling):
        try:
            part(connection)
        except Exception:
            print(f"in {part.__name__}", file=sys.stderr)
            raise
    info = connection.info
    assert info.server_version // 10000 == 15 and info.encoding == "utf-8", (info.server_version, info.encoding)
print("ok")
