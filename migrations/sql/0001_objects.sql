-- What every database has: the catalog's objects, the positions of sequences, and a few facts about the file itself.

CREATE TABLE peergres_meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value ANY
) STRICT, WITHOUT ROWID;

-- One JSON document per object (sync::schema::Object). An OID is never used again: the next one stands in peergres_meta.
CREATE TABLE peergres_objects (
    oid        INTEGER PRIMARY KEY,
    class      TEXT NOT NULL,
    schema     TEXT NOT NULL,
    name       TEXT NOT NULL,
    definition TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX peergres_objects_name ON peergres_objects (class, schema, name);

-- Where this device's sequences stand; the definitions are objects.
CREATE TABLE peergres_sequences (
    oid        INTEGER PRIMARY KEY,
    last_value INTEGER NOT NULL,
    is_called  INTEGER NOT NULL,
    is_set     INTEGER NOT NULL
) STRICT;
