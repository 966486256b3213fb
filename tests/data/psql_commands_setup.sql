create schema inventory;
create type mood as enum ('sad', 'ok');
create domain positive as int check (value > 0);
create type pair as (a int, b text);
create table inventory.item (
    id bigint generated always as identity primary key, code varchar(10) not null unique, price numeric(10,2) default 0 check (price >= 0),
    tags text[], m mood default 'ok', p positive, parent bigint references inventory.item(id) on delete set null,
    created timestamptz default now(), twice numeric generated always as (price * 2) stored,
    constraint two check (price < 1000 and length(code) > 1));
create index item_lower on inventory.item (lower(code), price desc) where price > 10;
comment on table inventory.item is 'things';
comment on column inventory.item.code is 'the code';
create sequence counter start 5 increment 2;
create view cheap as select id, code from inventory.item where price < 10;
create function add(a int, b int default 1) returns int language sql immutable as 'select a + b';
