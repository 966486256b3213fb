//! What clients ask of the catalog by calling a function: names, visibility, definitions, privileges, comments, sizes, statistics.
//! Arguments are mostly OIDs; an OID that nothing bears gives NULL, as PostgreSQL answers it.

use super::Row;

mod access_method;
mod acl;
mod comment;
mod definition;
mod encoding;
mod keyword;
mod name;
mod privilege;
mod size;
mod statistics;
mod transaction;
mod visibility;

/// The rows of this room.
pub(super) const TOPICS: &[&[Row]] = &[
    access_method::ROWS,
    acl::ROWS,
    comment::ROWS,
    encoding::ROWS,
    keyword::ROWS,
    name::ROWS,
    size::ROWS,
    statistics::ROWS,
    transaction::ROWS,
    visibility::ROWS,
];
/// Definitions.
pub(super) const DEFINITIONS: &[&[Row]] = definition::TOPICS;
/// Questions about privileges.
pub(super) const PRIVILEGES: &[&[Row]] = privilege::TOPICS;
