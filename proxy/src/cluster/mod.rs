//! What belongs to the server rather than to one of its databases: roles and who is a member of which, passwords, settings of roles and
//! databases, comments on databases and roles (PostgreSQL's shared catalogs). It lies in one file, `cluster.json`, is the device's own, and
//! does not travel to peers, as roles do not in PostgreSQL's own replication.
//!
//! Enters: changes, collected by a session until COMMIT. Leaves: an immutable [`State`], replaced as a whole.

mod change;
mod membership;
mod state;
mod store;

pub use change::Change;
pub use state::{Membership, Role, Setting, State};
pub use store::Cluster;
