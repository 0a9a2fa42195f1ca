//! Whole configurations: every key in the file and in the environment, every refusal by its text.

mod access;
mod buckets;
mod cache;
mod cloudfront;
mod clouds;
mod documented;
mod environment;
mod every_key;
mod odd_files;
mod properties;
mod refused;
mod shown;

use serde_json::Value;

use super::problem::{ConfigError, Warning};
use super::{Config, read};

/// The smallest file that works.
const SMALLEST: &str = "version: 0.1\nstorage: filesystem\n";

/// Reads a file called `config.yml`.
fn try_load(text: &str, env: &[(&str, &str)]) -> Result<(Config, Vec<Warning>), ConfigError> {
    let env: Vec<_> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    read("config.yml", text, &env, false)
}

fn load(text: &str, env: &[(&str, &str)]) -> Config {
    match try_load(text, env) {
        Ok((config, _)) => config,
        Err(error) => panic!("{error}\n--- in\n{text}\n--- with {env:?}"),
    }
}

fn warnings(text: &str, env: &[(&str, &str)]) -> Vec<String> {
    match try_load(text, env) {
        Ok((_, warnings)) => warnings.iter().map(ToString::to_string).collect(),
        Err(error) => panic!("{error}\n--- in\n{text}\n--- with {env:?}"),
    }
}

fn error(text: &str, env: &[(&str, &str)]) -> String {
    match try_load(text, env) {
        Ok(_) => panic!("accepted\n{text}\n--- with {env:?}"),
        Err(error) => error.to_string(),
    }
}

/// The first line of an error: without the snippet and the errors that follow.
fn first_line(text: &str, env: &[(&str, &str)]) -> String {
    error(text, env).lines().next().unwrap_or_default().to_owned()
}

/// The value at a dotted path of the settings in force.
fn at(config: &Config, path: &str) -> Value {
    let tree = serde_json::to_value(config).expect("settings are data");
    let pointer = format!("/{}", path.replace('.', "/"));
    tree.pointer(&pointer).cloned().unwrap_or(Value::Null)
}
