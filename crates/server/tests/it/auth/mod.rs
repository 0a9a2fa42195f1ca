//! Who may come in.

mod htpasswd;
