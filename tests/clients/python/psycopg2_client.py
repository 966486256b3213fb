"""psycopg2, which sends its values inside the text of simple queries: native types both ways, server-side cursors, savepoints, COPY, notifications,
asynchronous connections, error inspection, extras. Takes a connection string; ends with a failed assertion or prints `ok`."""

import datetime as dt
import io
import select
import sys
import threading
import uuid
from decimal import Decimal

import psycopg2
import psycopg2.errors
import psycopg2.extensions
import psycopg2.extras

SCHEMA = """
drop table if exists ps2_line, ps2_item;
create table ps2_item (
    id serial primary key, name varchar(40) not null unique, price numeric(10, 2), weight double precision, count integer not null default 0 check (count >= 0),
    big bigint, on_sale boolean, tags text[], numbers integer[], attributes jsonb, picture bytea, day date, clock time, created timestamptz, lasts interval, key uuid);
create table ps2_line (id serial primary key, item integer not null references ps2_item on delete cascade, amount integer)
"""

ROW = {
    "name": "Apfel 🍎 'quoted' \\ back", "price": Decimal("12.30"), "weight": 0.1, "count": 7, "big": 2**62, "on_sale": True, "tags": ["a", 'with "quotes"', ""],
    "numbers": [1, None, -3], "attributes": {"a": [1, 2.5, None]}, "picture": bytes(range(256)), "day": dt.date(2024, 2, 29), "clock": dt.time(23, 59, 59, 123456),
    "created": dt.datetime(2024, 7, 1, 10, 0, 0, 5, tzinfo=dt.timezone.utc), "lasts": dt.timedelta(days=3, hours=4, microseconds=7), "key": uuid.uuid4(),
}


def rows(connection):
    with connection, connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
        given = {**ROW, "attributes": psycopg2.extras.Json(ROW["attributes"])}
        places = ", ".join(f"%({name})s" for name in ROW)
        cursor.execute(f"insert into ps2_item ({', '.join(ROW)}) values ({places}) returning *", given)
        back = cursor.fetchone()
        key = back.pop("id")
        back["picture"] = bytes(back["picture"])
        assert back == ROW, back
        assert [c.type_code for c in cursor.description][:4] == [23, 1043, 1700, 701]
        cursor.execute("select name from ps2_item where id = %s and tags && %s and created = %s and key in %s", (key, ["a"], ROW["created"], (ROW["key"],)))
        assert cursor.fetchall() == [{"name": ROW["name"]}]
        psycopg2.extras.execute_values(cursor, "insert into ps2_item (name, count) values %s", [(f"item {n}", n) for n in range(500)], page_size=100)
        psycopg2.extras.execute_batch(cursor, "update ps2_item set count = count + 1 where name = %s", [(f"item {n}",) for n in range(10)])
        cursor.execute("select sum(count) from ps2_item where name like 'item%%'")
        assert cursor.fetchone() == {"sum": sum(range(500)) + 10}
        cursor.execute("delete from ps2_item where id = %s", (key,))
        assert cursor.rowcount == 1 and cursor.statusmessage == "DELETE 1"


def transactions(connection):
    cursor = connection.cursor()
    try:
        with connection:
            cursor.execute("insert into ps2_item (name) values ('gone')")
            raise KeyError
    except KeyError:
        pass
    cursor.execute("savepoint before")
    try:
        cursor.execute("insert into ps2_item (name) values ('item 1')")
    except psycopg2.errors.UniqueViolation as error:
        assert (error.pgcode, error.diag.constraint_name, error.diag.table_name, error.diag.schema_name) == ("23505", "ps2_item_name_key", "ps2_item", "public")
        assert error.diag.message_detail == "Key (name)=(item 1) already exists." and error.diag.source_file and error.diag.source_line
    assert connection.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_INERROR
    cursor.execute("rollback to before")
    cursor.execute("select count(*) from ps2_item where name = 'gone'")
    assert cursor.fetchone() == (0,)
    connection.commit()
    for sql, kind in [
        ("insert into ps2_line (item) values (0)", psycopg2.errors.ForeignKeyViolation), ("insert into ps2_item (name, count) values ('x', -1)", psycopg2.errors.CheckViolation),
        ("insert into ps2_item (name) values (null)", psycopg2.errors.NotNullViolation), ("select * from missing", psycopg2.errors.UndefinedTable),
        ("select 1 / (count - count) from ps2_item", psycopg2.errors.DivisionByZero), ("selec 1", psycopg2.errors.SyntaxError),
    ]:
        try:
            cursor.execute(sql)
            raise AssertionError(f"{sql} succeeded")
        except psycopg2.Error as error:
            assert type(error) is kind, (sql, error)
        connection.rollback()
    connection.set_session(isolation_level="serializable", readonly=True)
    try:
        cursor.execute("delete from ps2_item")
        raise AssertionError("a read-only transaction wrote")
    except psycopg2.errors.ReadOnlySqlTransaction:
        connection.rollback()
    connection.set_session(isolation_level="default", readonly=False)
    try:
        connection.tpc_begin(connection.xid(1, "a", "b"))
        cursor.execute("select 1")
        connection.tpc_prepare()
        raise AssertionError("a transaction was prepared")
    except (psycopg2.NotSupportedError, psycopg2.errors.ObjectNotInPrerequisiteState):
        connection.tpc_rollback() if connection.status == psycopg2.extensions.STATUS_PREPARED else connection.reset()


def cursors(connection):
    with connection, connection.cursor("walk", scrollable=True) as cursor:
        cursor.itersize = 50
        cursor.execute("select count from ps2_item where name like 'item %' order by id")
        assert sum(count for (count,) in cursor) == sum(range(500)) + 10
        cursor.scroll(20, mode="absolute")
        assert cursor.fetchmany(2) == [(20,), (21,)]
    with connection.cursor("held", withhold=True) as cursor:
        cursor.execute("select count from ps2_item order by id limit 3")
        connection.commit()
        assert len(cursor.fetchall()) == 3
    connection.commit()


def copy(connection):
    with connection, connection.cursor() as cursor:
        cursor.copy_from(io.StringIO("copied 1\t1\ncopied 2\t2\n"), "ps2_item", columns=("name", "count"))
        out = io.StringIO()
        cursor.copy_expert("copy (select name, count from ps2_item where name like 'copied%' order by name) to stdout with csv header", out)
        assert out.getvalue() == "name,count\ncopied 1,1\ncopied 2,2\n"
    with connection.cursor() as cursor:
        try:
            cursor.copy_from(io.StringIO("x\ty\n"), "ps2_item", columns=("name", "count"))
            raise AssertionError("text went into an integer")
        except psycopg2.errors.InvalidTextRepresentation as error:
            assert error.diag.context == 'COPY ps2_item, line 1, column count: "y"', error.diag.context
    connection.rollback()


def concurrent(connection, url):
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("listen ps2_news")
    other = psycopg2.connect(url)
    other.autocommit = True
    other.cursor().execute("notify ps2_news, 'hello'")
    assert select.select([connection], [], [], 5)[0]
    connection.poll()
    assert [(n.channel, n.payload, n.pid) for n in connection.notifies] == [("ps2_news", "hello", other.info.backend_pid)]
    threading.Timer(0.3, other.cancel).start()
    try:
        other.cursor().execute("select pg_sleep(20)")
        raise AssertionError("not cancelled")
    except psycopg2.errors.QueryCanceled:
        pass
    try:
        cursor.execute("select pg_terminate_backend(%s)", (other.info.backend_pid,))
        other.cursor().execute("select 1")
        raise AssertionError("not ended")
    except (psycopg2.errors.AdminShutdown, psycopg2.OperationalError):
        assert other.closed
    waiting = psycopg2.connect(url, async_=True)
    psycopg2.extras.wait_select(waiting)
    asynchronous = waiting.cursor()
    asynchronous.execute("select 42 from pg_sleep(0.1)")
    psycopg2.extras.wait_select(waiting)
    assert asynchronous.fetchone() == (42,)
    waiting.close()
    cursor.execute("drop table if exists ps2_none")
    assert connection.notices[-1] == 'NOTICE:  table "ps2_none" does not exist, skipping\n'


def main():
    psycopg2.extras.register_uuid()
    connection = psycopg2.connect(sys.argv[1])
    with connection, connection.cursor() as cursor:
        cursor.execute(SCHEMA)
        cursor.execute("set time zone 'UTC'")
    rows(connection)
    transactions(connection)
    cursors(connection)
    copy(connection)
    concurrent(connection, sys.argv[1])
    connection.close()
    print("ok")


main()
