//! The merge said again, naively.
