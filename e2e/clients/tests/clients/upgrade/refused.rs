//! A version that is too old for the tables: it refuses to start, and says which one is needed.

use std::path::Path;

use clients::cluster::settings_of;
use clients::command::run;
use clients::minio::Minio;
use clients::postgres::Postgres;
use clients::registry::{Program, Settings};

/// A program that knows a newer schema than any there is.
const FUTURE: &str = "99";

fn must_name(said: &str, needed: &str, known: &str) {
    let needed = format!("it needs a program that knows schema {needed}");
    let known = format!("this one knows {known};");
    assert!(said.contains(&needed) && said.contains(&known), "{said}");
}

#[test]
#[ignore = "needs older versions: cargo xtask test"]
fn a_directory_that_needs_a_newer_version_is_refused_with_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let settings = |program| Settings::of(program).at(root);
    settings(Program::BerthCore).start().stop();
    let old = sqlite(root, "SELECT schema FROM meta");
    settings(Program::Berth).start().stop();
    let new = sqlite(root, "SELECT schema FROM meta");
    assert_ne!(old, new, "nothing was migrated");
    // The first migration that an old version cannot live with would say so.
    sqlite(root, &format!("UPDATE meta SET min_binary = {new}"));
    must_name(&settings(Program::BerthCore).refused(), &new, &old);
    settings(Program::Berth).start().stop();
    sqlite(root, &format!("UPDATE meta SET min_binary = {FUTURE}"));
    must_name(&settings(Program::Berth).refused(), FUTURE, &new);
}

fn sqlite(root: &Path, sql: &str) -> String {
    run("sqlite3", &[root.join("berth/berth.db").to_str().unwrap(), sql])
}

#[test]
#[ignore = "needs older versions: cargo xtask test"]
fn a_database_that_needs_a_newer_version_is_refused_with_both_versions() {
    let (store, postgres) = (Minio::start(), Postgres::start());
    let settings = |program| settings_of(program, &store.section(), &postgres.url());
    settings(Program::BerthCluster).start().stop();
    let old = postgres.query("SELECT schema FROM meta");
    settings(Program::Berth).start().stop();
    let new = postgres.query("SELECT schema FROM meta");
    assert_ne!(old, new, "nothing was migrated");
    postgres.query(&format!("UPDATE meta SET min_binary = {new}"));
    must_name(&settings(Program::BerthCluster).refused(), &new, &old);
    settings(Program::Berth).start().stop();
    postgres.query(&format!("UPDATE meta SET min_binary = {FUTURE}"));
    must_name(&settings(Program::Berth).refused(), FUTURE, &new);
}
