//! Typed tree → SQLite text: an ordered list of rules, a file each, then the printer.

pub use print::expression;

mod print;
