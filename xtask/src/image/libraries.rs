//! The shared libraries of a program, as the dynamic linker of this machine resolves them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{self, Outcome};

/// What glibc opens by itself when a name is looked up: no program links these, so `ldd` is silent.
const NAME_SERVICES: [&str; 3] = ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"];

/// Every library that `programs` link, the linker, and what glibc loads to resolve names.
pub(crate) fn of(programs: &[&Path]) -> Outcome<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for program in programs {
        let listing = shell::output(Command::new("ldd").arg(program))?;
        found.extend(listing.lines().filter_map(path_in).map(PathBuf::from));
    }
    let folders: BTreeSet<PathBuf> = found
        .iter()
        .filter(|path| path.file_name().is_some_and(|name| name == "libc.so.6"))
        .filter_map(|path| path.parent().map(Path::to_path_buf))
        .collect();
    for folder in folders {
        found.extend(
            NAME_SERVICES.iter().map(|name| folder.join(name)).filter(|path| path.exists()),
        );
    }
    Ok(found)
}

/// The path in a line of `ldd`: `libc.so.6 => /lib/…/libc.so.6 (0x…)` or `/lib64/ld-linux… (0x…)`.
fn path_in(line: &str) -> Option<&str> {
    line.split_whitespace().find(|word| word.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::path_in;

    #[test]
    fn lines_of_the_linker_name_a_path_or_nothing() {
        let linked = "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)";
        assert_eq!(path_in(linked), Some("/lib/x86_64-linux-gnu/libc.so.6"));
        let linker = "\t/lib64/ld-linux-x86-64.so.2 (0x00007f)";
        assert_eq!(path_in(linker), Some("/lib64/ld-linux-x86-64.so.2"));
        assert_eq!(path_in("\tlinux-vdso.so.1 (0x00007f)"), None);
        assert_eq!(path_in("\tstatically linked"), None);
    }
}
