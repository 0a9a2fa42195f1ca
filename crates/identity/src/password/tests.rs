use store::OsRandom;

use super::*;

const OPENSSL_6: &str = "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.";
const OPENSSL_5: &str = "$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.";
const CRYPT_1500: &str = "$6$rounds=1500$saltsalt$34Syr0FSbWlp9hNFif0BNSVHRPxwiPh79DU920TQC0DoAPilRd9UG4mVZjASSDEENmIuJl1xJneHoAcjNgCp00";
const HTPASSWD_B: &str = "$2y$05$pxq3VHj1ZBus4cGzLxQGzeikeATHFVpswFbtjYtU4potMWhCnk5p.";
/// From the test vectors of the reference implementation.
const ARGON2I: &str = "$argon2i$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG";
const ARGON2ID: &str =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

#[test]
fn a_new_hash_is_argon2id_and_verifies() {
    let cost = Cost::default();
    let hash = hash(b"s3cret", cost, &OsRandom).unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    assert_eq!(verify(&hash, b"s3cret"), Verdict::Right);
    assert_eq!(verify(&hash, b"s3cret "), Verdict::Wrong);
    assert_ne!(hash, super::hash(b"s3cret", cost, &OsRandom).unwrap());
}

#[test]
fn hashes_that_other_programs_made_verify() {
    for hash in [OPENSSL_5, OPENSSL_6, CRYPT_1500, HTPASSWD_B] {
        assert_eq!(verify(hash, b"secret"), Verdict::Right, "{hash}");
        assert_eq!(verify(hash, b"Secret"), Verdict::Wrong, "{hash}");
        assert_eq!(verify(hash, b""), Verdict::Wrong, "{hash}");
    }
    for hash in [ARGON2I, ARGON2ID] {
        assert_eq!(verify(hash, b"password"), Verdict::Right, "{hash}");
        assert_eq!(verify(hash, b"passwore"), Verdict::Wrong, "{hash}");
    }
}

#[test]
fn all_names_of_bcrypt_are_one_kind() {
    for name in ["$2a$", "$2b$", "$2x$", "$2y$"] {
        assert!(verify(&HTPASSWD_B.replace("$2y$", name), b"secret").is_right(), "{name}");
    }
}

#[test]
fn cheap_kinds_are_refused_with_a_way_out() {
    for (hash, name) in [
        ("$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/", "MD5"),
        ("$1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/", "MD5"),
        ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "SHA-1"),
        ("rl.3StKT.4T8M", "crypt"),
        ("secret", "plain text"),
        ("", "plain text"),
        ("$9$what", "unknown"),
    ] {
        assert_eq!(kind(hash), Kind::Unsupported(name), "{hash}");
        let Verdict::Unsupported(text) = verify(hash, b"secret") else { panic!("{hash}") };
        assert!(text.starts_with(name) && text.contains("htpasswd"), "{text}");
    }
}

#[test]
fn a_cost_beyond_the_bounds_is_never_paid() {
    for hash in [
        HTPASSWD_B.replace("$05$", "$31$"),
        HTPASSWD_B.replace("$05$", "$17$"),
        ARGON2ID.replace("m=65536", "m=1048577"),
        ARGON2ID.replace("m=65536", "m=4294967295"),
        ARGON2ID.replace("m=65536", "m=99999999999999999999"),
        ARGON2ID.replace("t=2", "t=21"),
        ARGON2ID.replace("m=65536,t=2", "m=1048576,t=20"),
        ARGON2ID.replace("p=1", "p=17"),
        CRYPT_1500.replace("1500", "999999999"),
        CRYPT_1500.replace("1500", "10"),
    ] {
        assert!(matches!(verify(&hash, b"secret"), Verdict::Unusable(_)), "{hash}");
    }
}

#[test]
fn a_damaged_hash_is_never_right_and_never_a_panic() {
    for whole in [OPENSSL_5, OPENSSL_6, CRYPT_1500, HTPASSWD_B, &ARGON2ID.replace("65536", "64")] {
        for end in 0..whole.len() {
            assert!(!verify(&whole[..end], b"").is_right(), "{whole} cut at {end}");
        }
        let _ = verify(&format!("{whole}$more"), b"secret");
        assert!(!verify(&whole.replacen('a', "ä", 1), b"x").is_right());
    }
    for hash in ["$argon2id$", "$argon2id$v=19$m=64,t=1,p=1$$", "$6$$", "$6$rounds=$a$b", "$2b$"] {
        assert!(matches!(verify(hash, b""), Verdict::Unusable(_)), "{hash}");
    }
}

#[test]
fn a_very_long_password_is_wrong_and_not_hashed() {
    let long = vec![b'x'; MAX_PASSWORD + 1];
    assert_eq!(verify(HTPASSWD_B, &long), Verdict::Wrong);
    assert_eq!(hash(&long, Cost::default(), &OsRandom), Err(HashError::TooLong));
}

#[test]
fn a_dummy_costs_what_its_model_costs_and_is_never_right() {
    for (like, start) in [
        (HTPASSWD_B, "$2b$05$"),
        (OPENSSL_5, "$5$rounds=5000$"),
        (CRYPT_1500, "$6$rounds=1500$"),
        ("$argon2i$v=19$m=64,t=3,p=2$c29tZXNhbHQ$RdescudvJCsgt3ub", "$argon2i$v=19$m=64,t=3,p=2$"),
        ("plain", "$argon2id$v=19$m=19456,t=2,p=1$"),
    ] {
        let dummy = dummy(like);
        assert!(dummy.starts_with(start), "{dummy}");
        assert_eq!(verify(&dummy, b"secret"), Verdict::Wrong, "{dummy}");
    }
}
