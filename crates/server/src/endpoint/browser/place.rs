//! Places for sign-ins that end. Each has a thread for as long as the provider
//! takes, and the same threads verify passwords and read files.

use parking_lot::Mutex;

/// Sign-ins that end at one time.
const PLACES: usize = 16;
/// Of them, those of one address: whoever comes back with made-up codes keeps
/// nobody else out.
const OF_ONE_ADDRESS: usize = 4;

/// Who has a place: a line for each, with its address.
static TAKEN: Mutex<Vec<Option<String>>> = Mutex::new(Vec::new());

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    address: Option<String>,
}

impl Place {
    /// A place for `address`; `None` while there is none for it.
    pub(super) fn take(address: Option<&str>) -> Option<Self> {
        let address = address.map(str::to_owned);
        let mut taken = TAKEN.lock();
        let of_it = taken.iter().filter(|other| **other == address).count();
        if taken.len() >= PLACES || of_it >= OF_ONE_ADDRESS {
            return None;
        }
        taken.push(address.clone());
        Some(Self { address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = TAKEN.lock();
        if let Some(mine) = taken.iter().position(|other| *other == self.address) {
            taken.swap_remove(mine);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_leaves_places_to_others() {
        let stranger: Vec<_> = (0..OF_ONE_ADDRESS).filter_map(|_| Place::take(Some("a"))).collect();
        assert_eq!(stranger.len(), OF_ONE_ADDRESS);
        assert!(Place::take(Some("a")).is_none());
        let name = |n: usize| format!("address {n}");
        let rest = (OF_ONE_ADDRESS..PLACES).filter_map(|n| Place::take(Some(&name(n))));
        let rest: Vec<_> = rest.collect();
        assert_eq!(rest.len(), PLACES - OF_ONE_ADDRESS);
        assert!(Place::take(Some("last")).is_none(), "all are taken");
        drop(stranger);
        assert!(Place::take(Some("a")).is_some() && Place::take(Some("last")).is_some());
    }
}
