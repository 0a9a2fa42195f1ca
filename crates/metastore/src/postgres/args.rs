//! Parameters with their types, so that a statement means the same whether or
//! not it was prepared before.

use tokio_postgres::types::{ToSql, Type};

/// One parameter of a statement.
pub(crate) struct Arg<'a> {
    pub(crate) value: Box<dyn ToSql + Sync + Send + 'a>,
    /// Its type on the server.
    pub(crate) kind: Type,
}

/// A value that may be a parameter.
pub(crate) trait Value: ToSql + Sync + Send {
    /// The type of the parameter.
    fn kind() -> Type;
}

macro_rules! value {
    ($($rust:ty => $kind:ident),* $(,)?) => {$(
        impl Value for $rust {
            fn kind() -> Type {
                Type::$kind
            }
        }
    )*};
}

value! {
    bool => BOOL,
    i64 => INT8,
    &str => TEXT,
    String => TEXT,
    &[u8] => BYTEA,
    Vec<u8> => BYTEA,
    Vec<i64> => INT8_ARRAY,
    Vec<Option<i64>> => INT8_ARRAY,
    Vec<&str> => TEXT_ARRAY,
    Vec<String> => TEXT_ARRAY,
    Vec<Option<String>> => TEXT_ARRAY,
    Vec<Vec<u8>> => BYTEA_ARRAY,
    Vec<Option<Vec<u8>>> => BYTEA_ARRAY,
}

impl<T: Value> Value for Option<T> {
    fn kind() -> Type {
        T::kind()
    }
}

impl<T: Value> Value for &T {
    fn kind() -> Type {
        T::kind()
    }
}

/// The parameter of a value.
pub(crate) fn arg<'a, T: Value + 'a>(value: T) -> Arg<'a> {
    Arg { value: Box::new(value), kind: T::kind() }
}

/// Parameters in order.
macro_rules! args {
    ($($value:expr),* $(,)?) => {
        &[$($crate::postgres::args::arg($value)),*]
    };
}
pub(crate) use args;
