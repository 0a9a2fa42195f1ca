//! `redis`: the original's cache between replicas, in the v2 and the v3 form; Berth needs none.

use super::schema::{Key, Kind};

const POOL: &[Key] = &[
    Key::new("maxidle", Kind::Number),
    Key::new("maxactive", Kind::Number),
    Key::new("idletimeout", Kind::Time),
];

const TLS: &[Key] = &[
    Key::new("certificate", Kind::Text),
    Key::new("key", Kind::Text),
    Key::new("rootcas", Kind::List(&Kind::Text)),
];

pub(super) const KEYS: &[Key] = &[
    Key::new("addr", Kind::Text),
    Key::new("pool", Kind::Fields(POOL)),
    Key::new("addrs", Kind::List(&Kind::Text)),
    Key::new("clientname", Kind::Text),
    Key::new("db", Kind::Number),
    Key::new("protocol", Kind::Number),
    Key::new("username", Kind::Text),
    Key::new("password", Kind::Secret),
    Key::new("sentinelusername", Kind::Text),
    Key::new("sentinelpassword", Kind::Secret),
    Key::new("mastername", Kind::Text),
    Key::new("maxretries", Kind::Number),
    Key::new("minretrybackoff", Kind::Time),
    Key::new("maxretrybackoff", Kind::Time),
    Key::new("dialtimeout", Kind::Time),
    Key::new("readtimeout", Kind::Time),
    Key::new("writetimeout", Kind::Time),
    Key::new("contexttimeoutenabled", Kind::Flag),
    Key::new("poolfifo", Kind::Flag),
    Key::new("poolsize", Kind::Number),
    Key::new("pooltimeout", Kind::Time),
    Key::new("minidleconns", Kind::Number),
    Key::new("maxidleconns", Kind::Number),
    Key::new("maxactiveconns", Kind::Number),
    Key::new("connmaxidletime", Kind::Time),
    Key::new("connmaxlifetime", Kind::Time),
    Key::new("maxredirects", Kind::Number),
    Key::new("readonly", Kind::Flag),
    Key::new("routebylatency", Kind::Flag),
    Key::new("routerandomly", Kind::Flag),
    Key::new("disableidentity", Kind::Flag),
    Key::new("identitysuffix", Kind::Text),
    Key::new("unstableresp3", Kind::Flag),
    Key::new("tls", Kind::Fields(TLS)),
];
