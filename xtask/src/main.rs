//! Tasks of this repository: test, conformance, bench, image.

fn main() {}
