//! The binary: configuration, commands, and the one page where everything meets.

fn main() {}
