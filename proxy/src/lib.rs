//! Peergres: the PostgreSQL wire, the SQL pipeline, the catalogs and the command line.
//!
//! A statement is one straight walk: `bytes → Message → Parsed → Bound → SqliteStatement → Rows → bytes`, a room per arrow.
//! Imports run one way: proxy → sync → migrations.

pub mod bind;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod define;
pub mod encode;
pub mod error;
pub mod execute;
mod explain;
mod ffi;
pub mod functions;
pub mod parse;
pub mod rewrite;
pub mod server;
pub mod session;
pub mod tls;
pub mod types;
