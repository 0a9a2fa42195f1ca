//! Holes that other registries had. Each that could be one here as well has its
//! test, named after it; `docs/security.md` lists them all.

mod classes;
mod distribution;
mod gitea;
mod harbor;
mod listed;
mod quay;
mod zot;
