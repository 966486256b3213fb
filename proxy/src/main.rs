//! The command `peergres`.
fn main() {}
