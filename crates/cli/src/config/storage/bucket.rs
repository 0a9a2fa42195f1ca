//! What the sections of all object stores have in common.

use super::super::problem::{Problems, shorten};
use super::super::section::Section;

/// The name of the bucket or container, which must be there. The store itself judges its letters.
pub(super) fn name(section: &Section<'_>, key: &str, problems: &mut Problems<'_>) -> String {
    let Some(name) = section.required(problems, key, "name it; it must exist already") else {
        return String::new();
    };
    let good = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if !name.chars().all(good) || name.len() > 222 {
        let text = format!("{:?} is no name of a bucket", shorten(&name));
        section.error(problems, key, text, "write the bare name, without scheme and path");
    }
    name
}

/// The folder in the bucket above `docker/registry/v2`: no slash at its ends, empty for the top.
pub(super) fn root_directory(section: &Section<'_>, problems: &mut Problems<'_>) -> String {
    let text = section.text("rootdirectory").unwrap_or_default();
    let inner = text.trim_matches('/');
    let odd = |part: &str| matches!(part, "" | "." | "..") || part.chars().any(char::is_control);
    if !inner.is_empty() && inner.split('/').any(odd) {
        let problem = format!("{:?} is no folder", shorten(&text));
        section.error(problems, "rootdirectory", problem, "write it as registry/data");
    }
    inner.to_owned()
}

/// A number of bytes within a range.
pub(super) fn bytes_in(
    section: &Section<'_>,
    key: &str,
    (least, most): (u64, u64),
    default: u64,
    problems: &mut Problems<'_>,
) -> u64 {
    let Some(bytes) = section.bytes(key) else { return default };
    if !(least..=most).contains(&bytes) {
        let way_out = format!("use {} to {}", shown(least), shown(most));
        section.error(problems, key, format!("{bytes} is out of range"), way_out);
        return default;
    }
    bytes
}

fn shown(bytes: u64) -> String {
    match (bytes >> 30, bytes >> 20, bytes >> 10) {
        (gib, ..) if gib << 30 == bytes => format!("{gib}GiB"),
        (_, mib, _) if mib << 20 == bytes => format!("{mib}MiB"),
        (.., kib) => format!("{kib}KiB"),
    }
}

/// Says that nobody checks whom the bytes come from.
pub(super) fn skip_verify(section: &Section<'_>, problems: &mut Problems<'_>) -> bool {
    let skip = section.flag("skipverify").unwrap_or(false);
    if skip {
        let text =
            "trusts every certificate, so anybody on the way can read and change what goes by";
        section.warning(problems, "skipverify", text, "add the store's authority to the system's");
    }
    skip
}
