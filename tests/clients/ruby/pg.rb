# Ruby's pg over libpq: parameters in text and binary, type maps, prepared statements, single-row mode, pipelining, COPY with encoders,
# notifications, cancelling. Takes a connection string; ends with a failed assertion or prints `ok`.
require "pg"

def same(got, expected, what)
  raise "#{what}: #{got.inspect} is not #{expected.inspect}" unless got == expected
end

def fails(kind)
  yield
rescue kind => error
  error
else
  raise "no #{kind}"
end

# All results up to the next sync; nils stand between those of different queries.
def results(db)
  all = []
  all << db.get_result until all.last&.result_status == PG::PGRES_PIPELINE_SYNC
  all.compact
end

db = PG.connect(ARGV[0])
db.set_notice_processor { |_| }
db.exec("drop table if exists rb_item")
db.exec(<<~SQL)
  create table rb_item (id serial primary key, name varchar(40) not null unique, price numeric(10, 2), count int not null default 0 check (count >= 0),
    big bigint, on_sale boolean, weight double precision, tags text[], picture bytea, day date, created timestamptz)
SQL
db.type_map_for_results = PG::BasicTypeMapForResults.new(db)
db.type_map_for_queries = PG::BasicTypeMapForQueries.new(db)
bytes = (0..255).to_a.pack("C*")
created = Time.at(1_719_828_000, 5, :usec).utc
row = ["Äpfel 'x'", BigDecimal("12.30"), 7, 2**62, true, 0.1, ["a", 'with "quotes"', nil], PG::BasicTypeMapForQueries::BinaryData.new(bytes), Date.new(2024, 2, 29), created]
back = db.exec_params("insert into rb_item (name, price, count, big, on_sale, weight, tags, picture, day, created)
  values ($1, $2, $3, $4, $5, $6, $7::text[], $8::bytea, $9, $10) returning *", row).first
same(back.values_at("name", "price", "count", "big", "on_sale", "weight", "tags", "picture", "day", "created"),
     row, "row")
binary = db.exec_params("select 42::int4 as a, 'é'::text as b, true as c, 1.5::float8 as d, '\\x00ff'::bytea as e", [], 1)
same(binary.values, [[42, "é", true, 1.5, "\x00\xff".b]], "binary")
db.prepare("add", "insert into rb_item (name, count) values ($1, $2) returning id")
100.times { |n| db.exec_prepared("add", ["item #{n}", n]) }
same(db.describe_prepared("add").nparams, 2, "described")
same(db.describe_prepared("add").paramtype(1), 23, "parameter type")
same(db.exec("update rb_item set count = count + 1 where name like 'item 1%'").cmd_tuples, 11, "rows changed")
result = db.exec("select id, name, price from rb_item limit 1")
same([result.ftype(0), result.fmod(2), result.ftablecol(1), result.ftable(1) > 0], [23, 655_366, 2, true], "described columns")

# Errors and transactions.
duplicate = fails(PG::UniqueViolation) { db.exec("insert into rb_item (name) values ('item 1')") }
same(duplicate.result.error_field(PG::PG_DIAG_CONSTRAINT_NAME), "rb_item_name_key", "constraint")
fails(PG::CheckViolation) { db.exec("insert into rb_item (name, count) values ('x', -1)") }
fails(PG::NotNullViolation) { db.exec("insert into rb_item (name) values (null)") }
fails(PG::StringDataRightTruncation) { db.exec("insert into rb_item (name) values (repeat('x', 41))") }
fails(PG::UndefinedTable) { db.exec("select * from missing") }
fails(PG::DivisionByZero) { db.exec("select 1 / (count - count) from rb_item") }
fails(KeyError) { db.transaction { |c| c.exec("delete from rb_item") && raise(KeyError) } }
db.transaction { |c| c.exec("insert into rb_item (name) values ('kept')") }
same(db.exec("select count(*) from rb_item").getvalue(0, 0), 102, "transactions")
db.exec("begin")
fails(PG::SyntaxError) { db.exec("selec") }
same(db.transaction_status, PG::PQTRANS_INERROR, "in error")
fails(PG::InFailedSqlTransaction) { db.exec("select 1") }
db.exec("rollback")

# A changed table under a prepared statement, as Rails looks for it.
db.prepare("all", "select * from rb_item limit 1")
db.exec_prepared("all")
db.exec("alter table rb_item add extra int")
stale = fails(PG::FeatureNotSupported) { db.exec_prepared("all") }
same(stale.result.error_field(PG::PG_DIAG_SOURCE_FUNCTION), "RevalidateCachedQuery", "stale plan")

# Pipelines, rows one by one, COPY.
db.enter_pipeline_mode
3.times { |n| db.send_query_params("select $1::int * 2", [n]) }
db.pipeline_sync
same(results(db).map { |r| r.result_status == PG::PGRES_TUPLES_OK ? r.getvalue(0, 0) : r.result_status }, [0, 2, 4, PG::PGRES_PIPELINE_SYNC], "pipeline")
db.send_query_params("select 1/$1::int", [0])
db.send_query_params("select 1", [])
db.pipeline_sync
same(results(db).map(&:result_status), [PG::PGRES_FATAL_ERROR, PG::PGRES_PIPELINE_ABORTED, PG::PGRES_PIPELINE_SYNC], "an error in a pipeline")
db.exit_pipeline_mode
db.send_query("select count from rb_item where name like 'item %'")
db.set_single_row_mode
sum = 0
db.get_result.stream_each_row { |(count)| sum += count }
same(sum, 4961, "single-row mode")
db.get_last_result
db.copy_data("copy rb_item (name, count) from stdin", PG::TextEncoder::CopyRow.new) { 10.times { |n| db.put_copy_data(["copied\t#{n}", n]) } }
rows = []
db.copy_data("copy (select name, count from rb_item where name like 'copied%' order by count limit 2) to stdout", PG::TextDecoder::CopyRow.new) do
  while (line = db.get_copy_data) do rows << line end
end
same(rows, [["copied\t0", "0"], ["copied\t1", "1"]], "copy")
fails(PG::BadCopyFileFormat) { db.copy_data("copy rb_item (name, count) from stdin") { db.put_copy_data("too few\n") } }

# Notifications and cancelling.
other = PG.connect(ARGV[0])
db.exec("listen rb_news")
other.exec("notify rb_news, 'hello'")
same(db.wait_for_notify(5) { |channel, _, payload| same([channel, payload], %w[rb_news hello], "notification") }, "rb_news", "notified")
other.send_query("select pg_sleep(20)")
sleep 0.2
other.cancel
fails(PG::QueryCanceled) { other.get_result.check }
[db, other].each(&:close)
puts "ok"
