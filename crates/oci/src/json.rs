//! JSON as two different clients would both read it: no duplicate keys, no trailing bytes, no byte
//! order mark, bounded depth. Anything on which parsers disagree is refused, because a document
//! that means one thing to the registry and another to its clients is an attack.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::quote::quoted;

/// Deepest nesting of objects and arrays, the document itself included.
pub const MAX_DEPTH: usize = 32;

/// Why bytes are not such a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// Not JSON, or not an object, or something stands before or behind it.
    NotAnObject(String),
    /// One object has the same key twice.
    DuplicateKey(String),
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
}

/// Reads `bytes` as exactly one JSON object.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    let not_an_object = |reason: &str| JsonError::NotAnObject(reason.to_owned());
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(not_an_object("it begins with a byte order mark"));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| JsonError::NotAnObject(format!("it is not UTF-8: {error}")))?;
    if !text.trim_ascii_start().starts_with('{') {
        return Err(not_an_object("it does not begin with {"));
    }
    let violation = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_str(text);
    let strict = Strict { depth: 0, violation: &violation };
    let value = strict.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match (violation.into_inner(), value) {
        (Some(violation), _) => Err(violation),
        (None, Ok(Value::Object(object))) => Ok(object),
        (None, Ok(_)) => Err(not_an_object("it is not an object")),
        (None, Err(error)) => Err(JsonError::NotAnObject(error.to_string())),
    }
}

/// Builds a [`Value`] and leaves the broken rule in `violation`, since serde errors are only text.
#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    violation: &'a RefCell<Option<JsonError>>,
}

impl Strict<'_> {
    fn refuse<E: serde::de::Error>(self, violation: JsonError) -> E {
        *self.violation.borrow_mut() = Some(violation);
        E::custom("refused")
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.refuse(JsonError::TooDeep));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut array = Vec::new();
        while let Some(member) = members.next_element_seed(inner)? {
            array.push(member);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(self.refuse(JsonError::DuplicateKey(quoted(&key))));
            }
            let value = members.next_value_seed(inner)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_one_whole_object_is_a_document() {
        for bytes in [
            &b""[..],
            b"null",
            b"[]",
            b"\"a\"",
            b"{",
            b"{}{}",
            b"{} x",
            b"{}\0",
            b"\xEF\xBB\xBF{}",
            b"{\"a\":\"\xFF\"}",
            b"{\"a\":1,}",
            b"{\"a\":NaN}",
            b"{\"a\":\"\\ud800\"}",
            b"{'a':1}",
        ] {
            assert!(matches!(object(bytes), Err(JsonError::NotAnObject(_))), "{bytes:?}");
        }
        assert!(object(b" {\"a\": [1, -1, 0.5, true, null, \"x\"]}\n").is_ok());
    }

    #[test]
    fn a_key_twice_in_one_object_is_refused_at_every_level() {
        let twice = Err(JsonError::DuplicateKey("\"a\"".to_owned()));
        assert_eq!(object(br#"{"a":1,"b":2,"a":1}"#), twice);
        assert_eq!(object(br#"{"x":[{"a":1,"\u0061":2}]}"#), twice);
        assert!(object(br#"{"a":{"a":1},"b":{"a":2},"A":3}"#).is_ok());
    }

    #[test]
    fn nesting_ends_at_32_levels() {
        let nested =
            |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(object(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(object(nested(MAX_DEPTH + 1).as_bytes()), Err(JsonError::TooDeep));
        assert_eq!(object(nested(100_000).as_bytes()), Err(JsonError::TooDeep));
    }

    proptest! {
        #[test]
        fn plain_documents_read_as_serde_json_reads_them(
            keys in prop::collection::btree_map(".{0,5}", any::<Option<f32>>(), 0..5)
        ) {
            let text = serde_json::to_vec(&keys).unwrap();
            prop_assert_eq!(object(&text).unwrap(), serde_json::from_slice(&text).unwrap());
        }
    }
}
