# DBD::Pg over libpq: placeholders of its own, server-side prepared statements, typed binding, arrays, transactions with savepoints, COPY,
# notifications, asynchronous queries and their cancelling, the catalog through DBI. Takes a connection string; ends with a failed assertion or prints `ok`.
use strict;
use warnings;
use DBI;
use DBD::Pg qw(:pg_types :async);

my ($host, $port, $database) = $ARGV[0] =~ m{^postgresql://postgres@([^:/]+):(\d+)/(\w+)} or die "no connection string\n";
my $source = "dbi:Pg:host=$host;port=$port;dbname=$database";
my %options = (RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoCommit => 1, pg_enable_utf8 => 1);

sub same {
    my ($got, $expected, $what) = @_;
    my $plain = sub { my $v = shift; !defined $v ? 'undef' : ref $v ? join(',', map { ref $_ ? "[@$_]" : $_ // 'undef' } @$v) : $v };
    die "$what: " . $plain->($got) . " is not " . $plain->($expected) . "\n" if $plain->($got) ne $plain->($expected);
}

sub fails {
    my ($dbh, $state, $sql, @values) = @_;
    eval { $dbh->do($sql, undef, @values); 1 } and die "$sql succeeded\n";
    same($DBI::state, $state, $sql);
}

my $dbh = DBI->connect($source, 'postgres', '', \%options);
$dbh->do('drop table if exists dbd_line, dbd_item');
$dbh->do(<<'SQL');
create table dbd_item (id serial primary key, name varchar(40) not null unique, price numeric(10, 2), count int default 0 check (count >= 0),
    big bigint, on_sale boolean, tags text[], picture bytea, day date, created timestamptz default now(), attributes jsonb)
SQL
$dbh->do('create table dbd_line (id bigserial primary key, item int not null references dbd_item on delete cascade, amount int)');

# Rows and types.
my $insert = $dbh->prepare('insert into dbd_item (name, price, big, on_sale, tags, picture, day, attributes) values (?, ?, ?, ?, ?, ?, ?, ?) returning id');
$insert->bind_param(6, undef, { pg_type => PG_BYTEA });
my $bytes = join '', map { chr } 0 .. 255;
$insert->execute("\x{c4}pfel 'x'", '12.30', '4611686018427387904', 1, [ 'a', 'with "quotes"', undef ], $bytes, '2024-02-29', '{"a": [1, 2]}');
my ($id) = $insert->fetchrow_array;
my $row = $dbh->selectrow_hashref('select * from dbd_item where id = ? and on_sale = ?', undef, $id, 1);
same($row->{name}, "\x{c4}pfel 'x'", 'name');
same($row->{price}, '12.30', 'price');
same($row->{big}, '4611686018427387904', 'big');
same($row->{tags}, [ 'a', 'with "quotes"', undef ], 'tags');
same($row->{picture} eq $bytes ? 1 : 0, 1, 'picture');
same($row->{attributes}, '{"a": [1, 2]}', 'attributes');
same($dbh->last_insert_id(undef, undef, 'dbd_item', undef), $id, 'last_insert_id');
my $many = $dbh->prepare('insert into dbd_item (name, count) values (?, ?)');
$many->execute_array({}, [ map { "item $_" } 1 .. 50 ], [ 1 .. 50 ]);
same($dbh->do('update dbd_item set count = count + 1 where name like ?', undef, 'item 1%'), 11, 'update');
same(($dbh->selectrow_array('select sum(count)::int from dbd_item where name = any(?)', undef, [ 'item 1', 'item 2' ]))[0], 4, 'any');
my $dollar = $dbh->prepare('select name from dbd_item where count between $1 and $2 order by count');
same($dbh->selectcol_arrayref($dollar, undef, 48, 50), [ 'item 48', 'item 49', 'item 50' ], 'dollar placeholders');
$dbh->{pg_switch_prepared} = 1;
for my $n (30 .. 40) {
    same(($dbh->selectrow_array('select name from dbd_item where count = ?::int and name like \'item%\'', undef, $n))[0], "item $n", 'prepared');
}
my $described = $dbh->prepare('select id, name, price from dbd_item where id = ?');
$described->execute($id);
same($described->{NAME}, [qw(id name price)], 'names');
same($described->{pg_type}, [qw(int4 varchar numeric)], 'types');

# Transactions.
$dbh->begin_work;
$dbh->do("insert into dbd_item (name) values ('kept')");
$dbh->pg_savepoint('before');
fails($dbh, '23505', "insert into dbd_item (name) values ('kept')");
fails($dbh, '25P02', 'select 1');
$dbh->pg_rollback_to('before');
$dbh->pg_release('before');
same($dbh->ping, 3, 'ping inside a transaction');
$dbh->commit;
$dbh->begin_work;
$dbh->do("delete from dbd_item where name = 'kept'");
$dbh->rollback;
same(($dbh->selectrow_array("select count(*) from dbd_item where name = 'kept'"))[0], 1, 'rolled back');
fails($dbh, '23503', 'insert into dbd_line (item, amount) values (0, 1)');
same($dbh->pg_error_field('constraint_name'), 'dbd_line_item_fkey', 'constraint');
fails($dbh, '23514', 'insert into dbd_item (name, count) values (?, ?)', 'negative', -1);
fails($dbh, '22P02', 'select ?::int', 'x');
fails($dbh, '42P01', 'select * from missing');

# COPY both ways.
$dbh->do('copy dbd_line (item, amount) from stdin');
$dbh->pg_putcopydata("$id\t$_\n") for 1 .. 100;
$dbh->pg_putcopyend;
$dbh->do('copy (select amount from dbd_line where amount < 4 order by 1) to stdout');
my ($copied, $line) = ('');
$copied .= $line while $dbh->pg_getcopydata($line) >= 0;
same($copied, "1\n2\n3\n", 'copy');

# Notifications, asynchronous queries, the catalog.
my $other = DBI->connect($source, 'postgres', '', \%options);
$dbh->do('listen dbd_news');
$other->do("notify dbd_news, 'hello'");
$_->finish for $insert, $dollar, $described;
my $heard;
for (1 .. 50) { last if $heard = $dbh->pg_notifies; select undef, undef, undef, 0.1 }
same([ @$heard[0, 2] ], [ 'dbd_news', 'hello' ], 'notification');
$other->do('select pg_sleep(0.2)', { pg_async => PG_ASYNC });
same($other->pg_result, 1, 'asynchronous');
$other->do('select pg_sleep(20)', { pg_async => PG_ASYNC });
$other->pg_cancel;
same(($other->selectrow_array('select 1'))[0], 1, 'after a cancel');
same([ $dbh->primary_key(undef, 'public', 'dbd_item') ], ['id'], 'primary key');
same([ map { $_->[3] } @{ $dbh->column_info(undef, 'public', 'dbd_line', '%')->fetchall_arrayref } ], [qw(id item amount)], 'columns');
same([ map { $_->[2] } @{ $dbh->table_info(undef, 'public', 'dbd\_%', 'TABLE')->fetchall_arrayref } ], [qw(dbd_item dbd_line)], 'tables');
my $key = $dbh->foreign_key_info(undef, undef, undef, undef, 'public', 'dbd_line')->fetchall_arrayref;
same([ map { $_->[2] . '.' . $_->[3] } @$key ], ['dbd_item.id'], 'foreign key');
$_->disconnect for $dbh, $other;
print "ok\n";
