//! Which kinds of file system can keep a database.

use std::path::Path;

use store::StoreError;

/// Kinds whose locks and mappings do not hold between machines, by the number
/// that the kernel gives each.
const NETWORK: &[(u64, &str)] =
    &[(0x6969, "NFS"), (0x517B, "SMB"), (0xFE53_4D42, "SMB"), (0xFF53_4D42, "CIFS")];

/// Refuses a directory on a file system of the network.
pub(crate) fn check(directory: &Path) -> Result<(), StoreError> {
    let found = rustix::fs::statfs(directory).map_err(|error| {
        StoreError::io(
            format!("looking at the file system of {}", directory.display()),
            &error.into(),
        )
    })?;
    // The field's width and sign differ between machines; its low half is the number.
    refuse(found.f_type as u64 & 0xFFFF_FFFF, directory)
}

fn refuse(kind: u64, directory: &Path) -> Result<(), StoreError> {
    match NETWORK.iter().find(|(number, _)| *number == kind) {
        None => Ok(()),
        Some((_, name)) => Err(StoreError::Failed(format!(
            "the metadata directory {} lies on {name}, where a database can lose what it \
             acknowledged: mount a local disk or a block volume at that directory (or make it a \
             symbolic link to one); the blobs beside it may stay on {name}",
            directory.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_file_system_is_refused_with_the_way_out() {
        for (number, name) in [(0x6969, "NFS"), (0xFF53_4D42, "CIFS"), (0xFE53_4D42, "SMB")] {
            let message = refuse(number, Path::new("/data/berth")).unwrap_err().to_string();
            assert!(message.contains(&format!("/data/berth lies on {name}")), "{message}");
            assert!(message.contains("mount a local disk"), "{message}");
        }
    }

    #[test]
    fn local_and_shared_mounts_are_taken() {
        let (ext4, nine_p, fuse) = (0xEF53, 0x0102_1997, 0x6573_5546);
        for number in [ext4, nine_p, fuse] {
            refuse(number, Path::new("/data")).unwrap();
        }
        check(&std::env::temp_dir()).unwrap();
    }
}
