//! htpasswd files: no line locks out the good one.

use std::sync::Arc;

use fuzz::{config, hostile};
use proptest::prelude::*;
use registry::access::{Authenticator, Credentials, Presented};
use server::Htpasswd;
use store::{OsRandom, SystemClock};

fn examples() -> Vec<Vec<u8>> {
    let texts = [
        "bob:$2y$05$abcdefghijklmnopqrstuuWVzqzCXhZ0Xb1ZzZ0Xb1ZzZ0Xb1ZzZ0\n",
        "# a comment\n\nold:$apr1$x$y\nnone\n:$2y$05$x\n",
        "ann:$2b$04$CCCCCCCCCCCCCCCCCCCCC.",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn basic(user: &str, password: &str) -> Credentials {
    Credentials::Basic { user: user.into(), password: password.into() }
}

proptest! {
    // Every stranger costs a hash.
    #![proptest_config(config(48))]

    #[test]
    fn no_other_line_locks_out_a_good_one_or_lets_in_a_stranger(content in hostile(examples())) {
        let directory = testkit::directory();
        let path = directory.path().join("htpasswd");
        let mut content = content;
        content.extend_from_slice(b"\nann:");
        content.extend_from_slice(bcrypt::hash("secret", 4).unwrap().as_bytes());
        std::fs::write(&path, &content).unwrap();
        let accounts = Htpasswd::new(path, "r", Arc::new(SystemClock::new()), &OsRandom);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let signs_in = |credentials: &Credentials| {
            let presented = Presented { credentials, certificate: None, address: None };
            runtime.block_on(accounts.authenticate(&presented)).is_ok()
        };
        prop_assert!(signs_in(&basic("ann", "secret")));
        prop_assert!(!signs_in(&basic("bob", "x")));
    }
}
