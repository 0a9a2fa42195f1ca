//! Measurements beside peers in the same run.

fn main() {}
