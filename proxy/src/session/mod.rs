//! The only room that calls the stages.

pub mod context;
