// PostgreSQL's JDBC driver: batches, generated keys, fetch size (portals with a row limit), server-side prepared statements, native types and
// arrays, savepoints, a result that can be updated, COPY, notifications, cancelling, a plan gone stale, metadata. Takes a connection string;
// ends with an exception or prints `ok`.
import java.io.*;
import java.math.BigDecimal;
import java.sql.*;
import java.time.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

class Jdbc {
    static void same(Object got, Object expected, String what) {
        if (!Objects.deepEquals(got, expected)) throw new AssertionError(what + ": " + got + " is not " + expected);
    }

    interface Action { void run() throws Exception; }

    static SQLException fails(String state, Action action) throws Exception {
        try {
            action.run();
        } catch (SQLException error) {
            same(error.getSQLState(), state, error.getMessage());
            return error;
        }
        throw new AssertionError("no error " + state);
    }

    static Object one(Connection db, String sql) throws SQLException {
        try (Statement s = db.createStatement(); ResultSet rows = s.executeQuery(sql)) {
            rows.next();
            return rows.getObject(1);
        }
    }

    public static void main(String[] arguments) throws Exception {
        String url = arguments[0].replace("postgresql://postgres@", "jdbc:postgresql://") + "?user=postgres";
        for (String mode : new String[] {"extended", "extendedForPrepared", "simple"}) {
            try (Connection db = DriverManager.getConnection(url + "&preferQueryMode=" + mode + "&prepareThreshold=2")) {
                tables(db);
                if (!mode.equals("simple")) rows(db);
                batches(db);
                transactions(db, !mode.equals("simple"));
                metadata(db);
            }
        }
        try (Connection db = DriverManager.getConnection(url + "&binaryTransfer=true&prepareThreshold=-1&reWriteBatchedInserts=true")) {
            tables(db);
            rows(db);
            batches(db);
            special(db, url);
        }
        System.out.println("ok");
    }

    static void tables(Connection db) throws SQLException {
        try (Statement s = db.createStatement()) {
            s.execute("drop table if exists jdbc_line, jdbc_item");
            s.execute("create table jdbc_item (id serial primary key, name varchar(40) not null unique, price numeric(10, 2), count int not null default 0 check (count >= 0),"
                + " big bigint, on_sale boolean, weight double precision, single real, small smallint, tags text[], picture bytea, day date, clock time, created timestamptz,"
                + " local timestamp, key uuid, attributes jsonb)");
            s.execute("create table jdbc_line (id bigint generated always as identity primary key, item int not null references jdbc_item on delete cascade, amount int)");
        }
    }

    static void rows(Connection db) throws SQLException {
        UUID key = UUID.randomUUID();
        OffsetDateTime created = OffsetDateTime.of(2024, 7, 1, 10, 0, 0, 5000, ZoneOffset.UTC);
        byte[] picture = new byte[256];
        for (int n = 0; n < 256; n++) picture[n] = (byte) n;
        Object[] values = {"Äpfel 'x' ?", new BigDecimal("12.30"), 7, 1L << 62, true, 0.1, 1.5f, -5, db.createArrayOf("text", new Object[] {"a", "with \"quotes\"", null}), picture,
            LocalDate.of(2024, 2, 29), LocalTime.of(23, 59, 59), created, LocalDateTime.of(1999, 12, 31, 23, 59, 59), key};
        String insert = "insert into jdbc_item (name, price, count, big, on_sale, weight, single, small, tags, picture, day, clock, created, local, key, attributes)"
            + " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?::jsonb)";
        for (int turn = 0; turn < 4; turn++) {
            int id;
            try (PreparedStatement s = db.prepareStatement(insert, Statement.RETURN_GENERATED_KEYS)) {
                for (int n = 0; n < values.length; n++) s.setObject(n + 1, values[n]);
                s.setString(values.length + 1, "{\"a\": [1, 2]}");
                same(s.executeUpdate(), 1, "inserted");
                ResultSet keys = s.getGeneratedKeys();
                keys.next();
                id = keys.getInt("id");
            }
            try (PreparedStatement s = db.prepareStatement("select * from jdbc_item where id = ? and key = ? and created = ?")) {
                s.setInt(1, id);
                s.setObject(2, key);
                s.setObject(3, created);
                ResultSet r = s.executeQuery();
                same(r.next(), true, "found");
                same(r.getString("name"), values[0], "name");
                same(r.getBigDecimal("price"), values[1], "price");
                same(r.getInt("count"), 7, "count");
                same(r.getLong("big"), 1L << 62, "big");
                same(r.getBoolean("on_sale"), true, "on_sale");
                same(r.getDouble("weight"), 0.1, "weight");
                same(r.getFloat("single"), 1.5f, "single");
                same((int) r.getShort("small"), -5, "small");
                same((Object[]) r.getArray("tags").getArray(), new Object[] {"a", "with \"quotes\"", null}, "tags");
                same(r.getBytes("picture"), picture, "picture");
                same(r.getObject("day", LocalDate.class), values[10], "day");
                same(r.getObject("clock", LocalTime.class), values[11], "clock");
                same(r.getObject("created", OffsetDateTime.class), created, "created");
                same(r.getObject("local", LocalDateTime.class), values[13], "local");
                same(r.getObject("key"), key, "key");
                same(r.getString("attributes"), "{\"a\": [1, 2]}", "attributes");
            }
            try (PreparedStatement s = db.prepareStatement("delete from jdbc_item where id = ?")) {
                s.setInt(1, id);
                same(s.executeUpdate(), 1, "deleted");
            }
        }
    }

    static void batches(Connection db) throws SQLException {
        db.setAutoCommit(false);
        try (PreparedStatement s = db.prepareStatement("insert into jdbc_item (name, count) values (?, ?)")) {
            for (int n = 0; n < 500; n++) {
                s.setString(1, "item " + n);
                s.setInt(2, n);
                s.addBatch();
            }
            same(s.executeBatch().length, 500, "batch");
        }
        db.commit();
        try (PreparedStatement s = db.prepareStatement("select count from jdbc_item where count < ? order by count")) {
            s.setFetchSize(50);
            s.setInt(1, 320);
            int sum = 0;
            ResultSet r = s.executeQuery();
            while (r.next()) sum += r.getInt(1);
            same(sum, 319 * 320 / 2, "fetch size");
        }
        try (Statement s = db.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE)) {
            ResultSet r = s.executeQuery("select id, name, count from jdbc_item where count = 499");
            r.next();
            r.updateInt("count", 1000);
            r.updateRow();
        }
        same(one(db, "select name from jdbc_item where count = 1000"), "item 499", "updated result");
        db.commit();
        db.setAutoCommit(true);
        try (PreparedStatement s = db.prepareStatement("select name from jdbc_item where count = any(?) order by count")) {
            s.setArray(1, db.createArrayOf("int4", new Integer[] {3, 5}));
            ResultSet r = s.executeQuery();
            r.next();
            same(r.getString(1), "item 3", "any");
        }
    }

    static void transactions(Connection db, boolean prepares) throws Exception {
        db.setAutoCommit(false);
        try (Statement s = db.createStatement()) {
            s.execute("insert into jdbc_item (name) values ('kept')");
            Savepoint before = db.setSavepoint("before");
            SQLException duplicate = fails("23505", () -> s.execute("insert into jdbc_item (name) values ('kept')"));
            same(((org.postgresql.util.PSQLException) duplicate).getServerErrorMessage().getConstraint(), "jdbc_item_name_key", "constraint");
            fails("25P02", () -> s.execute("select 1"));
            db.rollback(before);
            db.commit();
            s.execute("delete from jdbc_item");
            db.rollback();
        }
        same(one(db, "select count(*) from jdbc_item"), 501L, "rolled back");
        db.commit();
        db.setReadOnly(true);
        fails("25006", () -> one(db, "delete from jdbc_item returning 1"));
        db.rollback();
        db.setReadOnly(false);
        db.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
        same(one(db, "show transaction_isolation"), "serializable", "isolation");
        db.commit();
        db.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
        db.setAutoCommit(true);
        fails("23503", () -> one(db, "insert into jdbc_line (item, amount) values (0, 1) returning 1"));
        fails("42P01", () -> one(db, "select * from missing"));
        fails("22012", () -> one(db, "select 1 / (count - count) from jdbc_item"));
        try (PreparedStatement s = db.prepareStatement("select * from jdbc_item where id = ?")) {
            for (int n = 0; n < 4; n++) {
                s.setInt(1, n);
                s.executeQuery().close();
            }
            one(db, "alter table jdbc_item add extra" + (prepares ? "" : "2") + " int; select 1".replace("; select 1", ""));
        } catch (SQLException error) {
            same(error.getSQLState(), "02000", "no result");
        }
        try (PreparedStatement s = db.prepareStatement("select * from jdbc_item where id = ?")) {
            s.setInt(1, 1);
            s.executeQuery().close();
        }
    }

    static void metadata(Connection db) throws SQLException {
        DatabaseMetaData meta = db.getMetaData();
        same(meta.getDatabaseMajorVersion(), 15, "major version");
        List<String> found = new ArrayList<>();
        ResultSet r = meta.getTables(null, "public", "jdbc%", new String[] {"TABLE"});
        while (r.next()) found.add(r.getString("TABLE_NAME"));
        r = meta.getColumns(null, "public", "jdbc_line", null);
        while (r.next()) found.add(r.getString("COLUMN_NAME") + " " + r.getString("TYPE_NAME") + " " + r.getString("IS_NULLABLE") + " " + r.getString("IS_AUTOINCREMENT"));
        r = meta.getPrimaryKeys(null, "public", "jdbc_line");
        while (r.next()) found.add(r.getString("PK_NAME"));
        r = meta.getImportedKeys(null, "public", "jdbc_line");
        while (r.next()) found.add(r.getString("FK_NAME") + " " + r.getString("PKTABLE_NAME") + "." + r.getString("PKCOLUMN_NAME") + " " + r.getInt("DELETE_RULE"));
        r = meta.getIndexInfo(null, "public", "jdbc_item", true, false);
        while (r.next()) found.add(r.getString("INDEX_NAME"));
        Collections.sort(found.subList(found.size() - 2, found.size()));
        same(found, List.of("jdbc_item", "jdbc_line", "id int8 NO YES", "item int4 NO NO", "amount int4 YES NO", "jdbc_line_pkey", "jdbc_line_item_fkey jdbc_item.id 0",
            "jdbc_item_name_key", "jdbc_item_pkey"), "metadata");
    }

    static void special(Connection db, String url) throws Exception {
        CopyManager copy = db.unwrap(PGConnection.class).getCopyAPI();
        same(copy.copyIn("copy jdbc_item (name, count) from stdin csv", new StringReader("\"copied, 1\",1\ncopied 2,2\n")), 2L, "copied in");
        StringWriter out = new StringWriter();
        copy.copyOut("copy (select name from jdbc_item where name like 'copied%' order by name) to stdout", out);
        same(out.toString(), "copied 2\ncopied, 1\n", "copied out");
        try (Connection other = DriverManager.getConnection(url); Statement s = db.createStatement(); Statement slow = other.createStatement()) {
            s.execute("listen jdbc_news");
            other.createStatement().execute("notify jdbc_news, 'hello'");
            same(db.unwrap(PGConnection.class).getNotifications(5000)[0].getParameter(), "hello", "notification");
            Thread canceller = new Thread(() -> {
                try {
                    Thread.sleep(300);
                    slow.cancel();
                } catch (Exception e) {
                    throw new RuntimeException(e);
                }
            });
            canceller.start();
            fails("57014", () -> slow.execute("select pg_sleep(20)"));
            canceller.join();
            slow.setQueryTimeout(1);
            fails("57014", () -> slow.execute("select pg_sleep(20)"));
        }
        same(db.isValid(5), true, "valid");
    }
}
