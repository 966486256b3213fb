"""pg8000, a client in pure Python that lets the server infer parameter types and speaks text: native types both ways, named parameters, prepared statements,
transactions, COPY, notifications, errors as dictionaries. Takes a connection string; ends with a failed assertion or prints `ok`."""

import datetime as dt
import io
import sys
import uuid
from decimal import Decimal
from urllib.parse import urlparse

import pg8000.dbapi
import pg8000.native

ROW = {
    "name": "Apfel 🍎 'quoted'", "price": Decimal("12.30"), "weight": 0.1, "count": 7, "big": 2**62, "on_sale": True, "tags": ["a", 'with "quotes"', ""],
    "numbers": [1, None, -3], "attributes": {"a": [1, 2.5, None]}, "picture": bytes(range(256)), "day": dt.date(2024, 2, 29), "clock": dt.time(23, 59, 59, 123456),
    "created": dt.datetime(2024, 7, 1, 10, 0, 0, 5, tzinfo=dt.timezone.utc), "local": dt.datetime(1999, 12, 31, 23, 59, 59), "key": uuid.uuid4(),
}


def fails(state, action):
    try:
        action()
    except pg8000.native.DatabaseError as error:
        assert error.args[0]["C"] == state, error
        return error.args[0]
    raise AssertionError(f"no error {state}")


def native(options):
    with pg8000.native.Connection("postgres", **options) as con:
        con.run("drop table if exists p8_line")
        con.run("drop table if exists p8_item")
        con.run("create table p8_item (id serial primary key, name varchar(40) not null unique, price numeric(10, 2), weight double precision, count integer not null default 0,"
                " big bigint, on_sale boolean, tags text[], numbers integer[], attributes jsonb, picture bytea, day date, clock time, created timestamptz, local timestamp, key uuid)")
        con.run("create table p8_line (id serial primary key, item integer not null references p8_item)")
        places = ", ".join(f":{name}" for name in ROW)
        [back] = con.run(f"insert into p8_item ({', '.join(ROW)}) values ({places}) returning {', '.join(ROW)}", **ROW)
        assert dict(zip(ROW, back)) == ROW, back
        assert [c["type_oid"] for c in con.columns][:3] == [1043, 1700, 701]
        assert con.run("select count(*) from p8_item where key = :key and created = :created and price > :low", key=ROW["key"], created=ROW["created"], low=12) == [[1]]
        insert = con.prepare("insert into p8_item (name, count) values (:name, :count)")
        for n in range(100):
            insert.run(name=f"item {n}", count=n)
        assert con.run("select count(*) from pg_prepared_statements") == [[1]]
        insert.close()
        assert con.run("select count(*) from pg_prepared_statements") == [[0]]
        con.run("update p8_item set count = count + 1 where name like 'item 1%'")
        assert con.row_count == 11
        con.run("start transaction")
        con.run("delete from p8_item")
        con.run("rollback")
        assert con.run("select count(*) from p8_item") == [[101]]
        error = fails("23505", lambda: con.run("insert into p8_item (name) values ('item 1')"))
        assert (error["n"], error["t"], error["D"]) == ("p8_item_name_key", "p8_item", "Key (name)=(item 1) already exists."), error
        assert {"S", "V", "C", "M", "D", "s", "t", "n", "F", "L", "R"} == set(error), error
        fails("23503", lambda: con.run("insert into p8_line (item) values (0)"))
        fails("22P02", lambda: con.run("select id from p8_item where key = :key", key="x"))
        fails("42P01", lambda: con.run("select * from missing"))
        con.run("copy p8_item (name, count) from stdin with (format csv)", stream=io.BytesIO(b"copied 1,1\n\"copied, 2\",2\n"))
        out = io.BytesIO()
        con.run("copy (select name, count from p8_item where name like 'copied%' order by count) to stdout with (format csv, header)", stream=out)
        assert out.getvalue() == b'name,count\ncopied 1,1\n"copied, 2",2\n', out.getvalue()
        con.run("listen p8_news")
        con.run("notify p8_news, 'hello'")
        con.run("select 1")
        assert [(channel, payload) for _, channel, payload in con.notifications] == [("p8_news", "hello")]
        con.run("drop table if exists p8_none")
        assert con.notices[-1][b"C"] == b"00000" and b"does not exist, skipping" in con.notices[-1][b"M"]
        assert con.run("select 1; select 'two' as b") == [[1], ["two"]]


def dbapi(options):
    con = pg8000.dbapi.connect("postgres", **options)
    cursor = con.cursor()
    cursor.executemany("insert into p8_item (name, count) values (%s, %s)", [(f"many {n}", n) for n in range(20)])
    cursor.execute("select name, count from p8_item where name like %s order by count", ("many%",))
    assert cursor.fetchmany(2) == (["many 0", 0], ["many 1", 1]) and len(cursor.fetchall()) == 18
    con.rollback()
    cursor.execute("select count(*) from p8_item where name like 'many%%'")
    assert cursor.fetchone() == [0]
    con.close()


def main():
    url = urlparse(sys.argv[1])
    options = {"host": url.hostname, "port": url.port, "database": url.path.strip("/")}
    native(options)
    dbapi(options)
    print("ok")


main()
