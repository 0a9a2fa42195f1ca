//! `/v2/_catalog`.

mod list;
