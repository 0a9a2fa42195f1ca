//! Accounts and access as a file that can live beside code.

use std::io::Read;
use std::path::Path;

use registry::accounts::{AccessFile, Answer, Command};

use crate::args::access::{Apply, At};
use crate::config::{read_document, write_document};

use super::door::Door;
use super::{print, show};

/// Largest file that is read, in bytes.
const MAX: u64 = 8 << 20;
/// Which keys hold true or false.
const FLAGS: [&str; 2] = ["admin", "disabled"];

/// Makes everything as the file says.
pub(super) async fn apply(apply: Apply) -> Result<(), String> {
    let Apply { file, dry_run, prune, at } = apply;
    let command = Command::Apply { file: read(&file)?, dry_run, prune };
    let answer = Door::ask_once(&at, command).await?;
    show::answer(&answer, at.json);
    Ok(())
}

/// Prints such a file, as YAML or as JSON.
pub(super) async fn export(at: &At) -> Result<(), String> {
    let Answer::Exported { file } = Door::ask_once(at, Command::Export).await? else {
        return Err("the registry answered something else than a file".to_owned());
    };
    let text = match at.json {
        true => serde_json::to_string_pretty(&file).map_err(|error| error.to_string())?,
        false => {
            let tree = serde_json::to_value(&file).map_err(|error| error.to_string())?;
            write_document(&tree)
        }
    };
    print(text.trim_end());
    Ok(())
}

fn read(path: &Path) -> Result<AccessFile, String> {
    let shown = path.display().to_string();
    let text = if shown == "-" {
        text_of(std::io::stdin().lock())
    } else {
        std::fs::File::open(path).and_then(text_of)
    };
    let text = text.map_err(|error| format!("{shown}: {error}"))?;
    let tree = read_document(&shown, &text, &FLAGS)?;
    if tree.is_null() {
        return Ok(AccessFile::default());
    }
    serde_json::from_value(tree).map_err(|error| {
        format!("{shown}: {error}; `berth export-access` prints a file of the right form")
    })
}

fn text_of(from: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    from.take(MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX {
        return Err(std::io::Error::other(format!("is larger than {} MiB", MAX >> 20)));
    }
    Ok(text)
}
