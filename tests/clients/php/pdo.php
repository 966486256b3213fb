<?php
// PDO and the pgsql extension, both over libpq: emulated and real prepared statements, native types, scrollable cursors, transactions, COPY,
// notifications, asynchronous queries. Takes a connection string; ends with a failed assertion or prints `ok`.
$url = parse_url($argv[1]);
$database = ltrim($url['path'], '/');

function same($got, $expected, string $what): void
{
    if ($got !== $expected) {
        fwrite(STDERR, "$what: " . var_export($got, true) . ' is not ' . var_export($expected, true) . "\n");
        exit(1);
    }
}

function fails(string $state, callable $what): void
{
    try {
        $what();
    } catch (PDOException $error) {
        same($error->errorInfo[0] ?? $error->getCode(), $state, $error->getMessage());
        return;
    }
    same('success', $state, 'a statement');
}

foreach ([false, true] as $emulate) {
    $pdo = new PDO("pgsql:host={$url['host']};port={$url['port']};dbname=$database", 'postgres', '', [
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => $emulate, PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC,
    ]);
    $pdo->exec('drop table if exists pdo_line, pdo_item');
    $pdo->exec("create table pdo_item (id serial primary key, name varchar(40) not null unique, price numeric(10, 2), count int not null default 0,
        on_sale boolean, weight double precision, picture bytea, attributes jsonb, day date)");
    $pdo->exec('create table pdo_line (id serial primary key, item int not null references pdo_item, amount int check (amount > 0))');
    $insert = $pdo->prepare('insert into pdo_item (name, price, count, on_sale, weight, picture, attributes, day)
        values (:name, :price, :count, :on_sale, :weight, :picture, :attributes, :day) returning id');
    $bytes = implode('', array_map('chr', range(0, 255)));
    $stream = fopen('php://memory', 'r+');
    fwrite($stream, $bytes);
    rewind($stream);
    foreach ([['name', "Äpfel 'x' ?"], ['price', '12.30'], ['weight', 0.1], ['attributes', '{"a": [1, null]}'], ['day', '2024-02-29']] as [$name, $value]) {
        $insert->bindValue($name, $value);
    }
    $insert->bindValue('count', 7, PDO::PARAM_INT);
    $insert->bindValue('on_sale', true, PDO::PARAM_BOOL);
    $insert->bindParam('picture', $stream, PDO::PARAM_LOB);
    $insert->execute();
    $id = $insert->fetchColumn();
    same($pdo->lastInsertId('pdo_item_id_seq'), (string) $id, 'last id');
    $row = $pdo->query("select * from pdo_item where id = $id")->fetch();
    same(stream_get_contents($row['picture']), $bytes, 'picture');
    unset($row['picture']);
    same($row, ['id' => $id, 'name' => "Äpfel 'x' ?", 'price' => '12.30', 'count' => 7, 'on_sale' => true, 'weight' => $row['weight'],
        'attributes' => '{"a": [1, null]}', 'day' => '2024-02-29'], 'row');
    same((float) $row['weight'], 0.1, 'weight');
    $many = $pdo->prepare('insert into pdo_item (name, count) values (?, ?)');
    $pdo->beginTransaction();
    for ($n = 0; $n < 100; $n++) {
        $many->execute(["item $n", $n]);
    }
    same($pdo->inTransaction(), true, 'in a transaction');
    $pdo->commit();
    $pdo->beginTransaction();
    $pdo->exec('delete from pdo_item');
    $pdo->rollBack();
    $select = $pdo->prepare('select name from pdo_item where count > ? and name like ? order by count');
    $select->execute([97, 'item%']);
    same($select->fetchAll(PDO::FETCH_COLUMN), ['item 98', 'item 99'], 'select');
    $update = $pdo->prepare('update pdo_item set count = count + 1 where name like ?');
    $update->execute(['item 1%']);
    same($update->rowCount(), 11, 'rows changed');
    $meta = $pdo->query('select id, name, price from pdo_item limit 1');
    same(array_map(fn ($n) => $meta->getColumnMeta($n)['native_type'], [0, 1, 2]), ['int4', 'varchar', 'numeric'], 'types');
    same($meta->getColumnMeta(1)['table'], 'pdo_item', 'table');
    $pdo->beginTransaction();
    $scroll = $pdo->prepare("select count from pdo_item where name like 'item %' order by count", [PDO::ATTR_CURSOR => PDO::CURSOR_SCROLL]);
    $scroll->execute();
    same([$scroll->fetchColumn(), $scroll->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_LAST), $scroll->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_ABS, 3)], [0, [99], [2]], 'scroll');
    $scroll->closeCursor();
    $pdo->commit();
    fails('23505', fn () => $pdo->exec("insert into pdo_item (name) values ('item 1')"));
    fails('23503', fn () => $pdo->exec('insert into pdo_line (item, amount) values (0, 1)'));
    fails('23514', fn () => $pdo->prepare('insert into pdo_line (item, amount) values (?, ?)')->execute([$id, 0]));
    fails('22P02', fn () => $pdo->prepare('select name from pdo_item where id = ?')->execute(['x']));
    fails('42P01', fn () => $pdo->query('select * from missing'));
    $pdo->pgsqlCopyFromArray('pdo_line', ["1000\t$id\t5", "1001\t$id\t6"]);
    same($pdo->pgsqlCopyToArray('pdo_line', ','), ["1000,$id,5\n", "1001,$id,6\n"], 'copy');
    $pdo->exec('listen pdo_news');
    $pdo->exec("notify pdo_news, 'hello'");
    $heard = $pdo->pgsqlGetNotify(PDO::FETCH_ASSOC, 5000);
    same([$heard['message'], $heard['payload'], $heard['pid']], ['pdo_news', 'hello', $pdo->pgsqlGetPid()], 'notification');
    $pdo = null;
    if ($emulate) {
        break;
    }
}

$db = pg_connect("host={$url['host']} port={$url['port']} dbname=$database user=postgres");
same(pg_parameter_status($db, 'server_encoding'), 'UTF8', 'encoding');
same(pg_fetch_all_columns(pg_query_params($db, 'select name from pdo_item where count = any($1) and name like $2 order by 1', ['{3,4}', 'item%'])), ['item 3', 'item 4'], 'params');
pg_prepare($db, 'one', 'select $1::int + 1 as n');
same(pg_fetch_assoc(pg_execute($db, 'one', [41])), ['n' => '42'], 'prepared');
same(pg_insert($db, 'pdo_item', ['name' => 'by pg_insert', 'count' => 3]) !== false, true, 'pg_insert');
same(array_keys(pg_meta_data($db, 'pdo_line')), ['id', 'item', 'amount'], 'meta data');
pg_send_query($db, 'select 1 as a; select 2 as a');
same([pg_fetch_result(pg_get_result($db), 0), pg_fetch_result(pg_get_result($db), 0), pg_get_result($db)], ['1', '2', false], 'several');
pg_send_query($db, 'select pg_sleep(20)');
pg_cancel_query($db);
same(@pg_query($db, 'selec') === false && str_contains(pg_last_error($db), 'syntax error at or near "selec"'), true, 'error');
same(pg_transaction_status($db), PGSQL_TRANSACTION_IDLE, 'idle');
echo "ok\n";
