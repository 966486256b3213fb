//! How tables and indexes lie in SQLite: the texts are the store's, so that schema changes of several devices can come together there.

pub(crate) use peergres_sync::schema::physical::{Extras, create_index, create_table, edit, literal, quote};
