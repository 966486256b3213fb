// lib/pq through database/sql, and pgx: native types and arrays, prepared statements, batches, transactions, COPY, notifications, cancelling by context.
// Takes a connection string; ends with a failure or prints `ok`.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"reflect"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
	"github.com/lib/pq"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func same(got, expected interface{}, what string) {
	if !reflect.DeepEqual(got, expected) {
		panic(fmt.Sprintf("%s: %v is not %v", what, got, expected))
	}
}

func fails(err error, state, what string) {
	var old *pq.Error
	var new *pgconn.PgError
	switch {
	case errors.As(err, &old):
		same(string(old.Code), state, what)
	case errors.As(err, &new):
		same(new.Code, state, what)
	default:
		panic(fmt.Sprintf("%s: %v is not %s", what, err, state))
	}
}

const table = `create table go_item (id serial primary key, name text not null unique, count int not null default 0 check (count >= 0), big bigint,
	price numeric(10, 2), weight float8, on_sale bool, tags text[], numbers int[], picture bytea, created timestamptz, attributes jsonb)`

func libpq(url string) {
	db, err := sql.Open("postgres", url+"?sslmode=disable")
	must(err)
	defer db.Close()
	_, err = db.Exec("drop table if exists go_item")
	must(err)
	_, err = db.Exec(table)
	must(err)
	created := time.Date(2024, 7, 1, 10, 0, 0, 5000, time.UTC)
	var id int
	must(db.QueryRow("insert into go_item (name, count, big, price, weight, on_sale, tags, numbers, picture, created, attributes) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) returning id",
		"Äpfel 'x'", 7, int64(1)<<62, "12.30", 0.1, true, pq.Array([]string{"a", `q"`}), pq.Array([]int64{1, -2}), []byte{0, 1, 255}, created, `{"a": 1}`).Scan(&id))
	var name, price, attributes string
	var big int64
	var tags []string
	var numbers []int64
	var picture []byte
	var back time.Time
	must(db.QueryRow("select name, big, price, tags, numbers, picture, created, attributes from go_item where id = $1 and on_sale = $2 and weight = $3", id, true, 0.1).
		Scan(&name, &big, &price, pq.Array(&tags), pq.Array(&numbers), &picture, &back, &attributes))
	same([]interface{}{name, big, price, tags, numbers, picture, back.UTC(), attributes},
		[]interface{}{"Äpfel 'x'", int64(1) << 62, "12.30", []string{"a", `q"`}, []int64{1, -2}, []byte{0, 1, 255}, created, `{"a": 1}`}, "row")
	tx, err := db.Begin()
	must(err)
	copying, err := tx.Prepare(pq.CopyIn("go_item", "name", "count"))
	must(err)
	for n := 0; n < 100; n++ {
		_, err = copying.Exec(fmt.Sprintf("item %d", n), n)
		must(err)
	}
	_, err = copying.Exec()
	must(err)
	must(copying.Close())
	must(tx.Commit())
	statement, err := db.Prepare("select count from go_item where name = $1")
	must(err)
	for n := 0; n < 20; n++ {
		var count int
		must(statement.QueryRow(fmt.Sprintf("item %d", n)).Scan(&count))
		same(count, n, "prepared")
	}
	result, err := db.Exec("update go_item set count = count + 1 where name = any($1)", pq.Array([]string{"item 1", "item 2"}))
	must(err)
	changed, _ := result.RowsAffected()
	same(changed, int64(2), "rows changed")
	_, err = db.Exec("insert into go_item (name) values ('item 1')")
	fails(err, "23505", "duplicate")
	_, err = db.Exec("insert into go_item (name, count) values ('x', -1)")
	fails(err, "23514", "check")
	tx, err = db.BeginTx(context.Background(), &sql.TxOptions{Isolation: sql.LevelSerializable, ReadOnly: true})
	must(err)
	_, err = tx.Exec("delete from go_item")
	fails(err, "25006", "read only")
	must(tx.Rollback())
	soon, stop := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer stop()
	_, err = db.ExecContext(soon, "select pg_sleep(20)")
	fails(err, "57014", "cancelled")
	listener := pq.NewListener(url+"?sslmode=disable", time.Second, time.Minute, nil)
	must(listener.Listen("go_news"))
	_, err = db.Exec("notify go_news, 'hello'")
	must(err)
	select {
	case heard := <-listener.Notify:
		same(heard.Extra, "hello", "notification")
	case <-time.After(5 * time.Second):
		panic("no notification")
	}
	must(listener.Close())
}

func pgxDriver(url string) {
	ctx := context.Background()
	pool, err := pgxpool.Connect(ctx, url)
	must(err)
	defer pool.Close()
	_, err = pool.Exec(ctx, "drop table if exists go_item")
	must(err)
	_, err = pool.Exec(ctx, table)
	must(err)
	created := time.Date(2024, 7, 1, 10, 0, 0, 5000, time.UTC)
	_, err = pool.Exec(ctx, "insert into go_item (name, big, weight, on_sale, tags, numbers, picture, created, attributes) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		"Äpfel", int64(1)<<62, 0.1, true, []string{"a", `q"`}, []int32{1, -2}, []byte{0, 255}, created, map[string]interface{}{"a": 1.0})
	must(err)
	var tags []string
	var numbers []int32
	var back time.Time
	var attributes map[string]interface{}
	must(pool.QueryRow(ctx, "select tags, numbers, created, attributes from go_item where name = $1", "Äpfel").Scan(&tags, &numbers, &back, &attributes))
	same([]interface{}{tags, numbers, back.UTC(), attributes}, []interface{}{[]string{"a", `q"`}, []int32{1, -2}, created, map[string]interface{}{"a": 1.0}}, "row")
	rows := [][]interface{}{}
	for n := 0; n < 200; n++ {
		rows = append(rows, []interface{}{fmt.Sprintf("item %d", n), n})
	}
	copied, err := pool.CopyFrom(ctx, pgx.Identifier{"go_item"}, []string{"name", "count"}, pgx.CopyFromRows(rows))
	must(err)
	same(copied, int64(200), "binary copy")
	batch := &pgx.Batch{}
	batch.Queue("update go_item set count = count + $1 where name = $2", 1, "item 1")
	batch.Queue("select count from go_item where name = $1", "item 1")
	batch.Queue("select 1 / (count - count) from go_item")
	results := pool.SendBatch(ctx, batch)
	tag, err := results.Exec()
	must(err)
	same(tag.RowsAffected(), int64(1), "batch")
	var count int
	must(results.QueryRow().Scan(&count))
	same(count, 2, "batch")
	_, err = results.Exec()
	fails(err, "22012", "batch")
	results.Close()
	must(pool.QueryRow(ctx, "select count from go_item where name = 'item 1'").Scan(&count))
	same(count, 1, "a failed batch leaves nothing")
	must(pool.BeginFunc(ctx, func(tx pgx.Tx) error {
		inner := tx.BeginFunc(ctx, func(nested pgx.Tx) error {
			_, err := nested.Exec(ctx, "insert into go_item (name) values ('item 1')")
			return err
		})
		fails(inner, "23505", "savepoint")
		_, err := tx.Exec(ctx, "insert into go_item (name) values ('kept')")
		return err
	}))
	connection, err := pool.Acquire(ctx)
	must(err)
	defer connection.Release()
	_, err = connection.Exec(ctx, "listen go_news")
	must(err)
	_, err = pool.Exec(ctx, "select pg_notify('go_news', $1)", "hello")
	must(err)
	patience, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	heard, err := connection.Conn().WaitForNotification(patience)
	must(err)
	same(heard.Payload, "hello", "notification")
	config, err := pgx.ParseConfig(url)
	must(err)
	config.PreferSimpleProtocol = true
	simple, err := pgx.ConnectConfig(ctx, config)
	must(err)
	must(simple.QueryRow(ctx, "select count(*) from go_item where name like $1 and count > $2", "item%", 197).Scan(&count))
	same(count, 2, "simple protocol")
	must(simple.Close(ctx))
}

func main() {
	libpq(os.Args[1])
	pgxDriver(os.Args[1])
	fmt.Println("ok")
}
