//! `/v2/<name>/tags/list`.

mod list;
