//! How a secret travels inside of commands and answers: as its text, between
//! two places that both must know it.

use identity::Secret;
use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

pub(in crate::accounts) fn serialize<S: Serializer>(
    secret: &Option<Secret>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::reveal).serialize(serializer)
}

pub(in crate::accounts) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}
