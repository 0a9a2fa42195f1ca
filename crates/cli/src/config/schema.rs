//! The shape of a configuration: which keys exist, what each holds, and whether it is honoured.
//!
//! The environment overlay, the check for unknown keys and the refusals all read this one table;
//! each section's file holds its part beside the code that reads the values.

/// One key of a section.
#[derive(Debug)]
pub(super) struct Key {
    /// As written in the file.
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) kind: Kind,
    /// The other name that environment variables may use: the original's internal field name.
    pub(super) field: Option<&'static str>,
    /// What becomes of it.
    pub(super) standing: Standing,
}

/// What a key holds.
#[derive(Debug)]
pub(super) enum Kind {
    /// Any single word or text; numbers and flags are taken by their letters.
    Text,
    /// As text, never shown.
    Secret,
    /// A YAML 1.1 flag.
    Flag,
    /// A whole number.
    Number,
    /// A number of bytes, plain or with `KiB`, `MiB`, `GiB`.
    Bytes,
    /// A Go duration.
    Time,
    /// A duration that may be given in days.
    Age,
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
    /// A list of this.
    List(&'static Kind),
    /// A section with these keys.
    Fields(&'static [Key]),
    /// A section that names one of these; a bare word stands for the empty section of that name.
    Drivers(&'static [Key]),
    /// Free names, each with this.
    Table(&'static Kind),
    /// Anything.
    Any,
}

/// What becomes of a key that is present and not empty.
#[derive(Debug)]
pub(super) enum Standing {
    /// It works.
    Honoured,
    /// It is accepted, has no effect, and the text says why that is so.
    Ignored(&'static str),
    /// The start is refused; the text says the way out.
    Refused(&'static str),
}

impl Key {
    /// A key that works.
    pub(super) const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, field: None, standing: Standing::Honoured }
    }

    /// The same with another name for the environment.
    pub(super) const fn field(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }

    /// The same, accepted without effect.
    pub(super) const fn ignored(mut self, why: &'static str) -> Self {
        self.standing = Standing::Ignored(why);
        self
    }

    /// The same, refused.
    pub(super) const fn refused(mut self, way_out: &'static str) -> Self {
        self.standing = Standing::Refused(way_out);
        self
    }
}

impl Kind {
    /// The keys of a section; none for anything else.
    pub(super) fn keys(&self) -> &'static [Key] {
        match self {
            Self::Fields(keys) | Self::Drivers(keys) => keys,
            _ => &[],
        }
    }

    /// True for what holds further values.
    pub(super) fn is_section(&self) -> bool {
        matches!(self, Self::Fields(_) | Self::Drivers(_) | Self::Table(_) | Self::List(_))
    }

    /// What is wanted here, for messages.
    pub(super) fn wanted(&self) -> String {
        match self {
            Self::Text | Self::Secret => "a text".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Number => "a whole number".to_owned(),
            Self::Bytes => "a number of bytes such as 4194304 or 4MiB".to_owned(),
            Self::Time => "a duration such as 90s, 5m or 168h".to_owned(),
            Self::Age => "a duration such as 30d, 12h or 90m".to_owned(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::List(_) => "a list such as [a, b]".to_owned(),
            Self::Fields(_) | Self::Drivers(_) | Self::Table(_) => "a section of keys".to_owned(),
            Self::Any => "a value".to_owned(),
        }
    }
}

/// The top of the configuration.
pub(super) const ROOT: Kind = Kind::Fields(&[
    Key::new("version", Kind::Text),
    Key::new("log", Kind::Fields(super::log::KEYS)),
    Key::new("loglevel", Kind::Choice(super::log::LEVELS)),
    Key::new("storage", Kind::Drivers(super::storage::KEYS)),
    Key::new("auth", Kind::Drivers(super::auth::KEYS)),
    Key::new("middleware", Kind::Fields(super::middleware::KEYS)),
    Key::new("http", Kind::Fields(super::http::KEYS)),
    Key::new("notifications", Kind::Fields(super::notifications::KEYS)),
    Key::new("redis", Kind::Fields(super::redis::KEYS))
        .ignored("Berth needs no Redis: it has no cache to share"),
    Key::new("health", Kind::Fields(super::health::KEYS)),
    Key::new("catalog", Kind::Fields(super::catalog::CATALOG_KEYS)),
    Key::new("tags", Kind::Fields(super::catalog::TAGS_KEYS)),
    Key::new("proxy", Kind::Fields(super::proxy::KEYS)),
    Key::new("validation", Kind::Fields(super::validation::KEYS)),
    Key::new("policy", Kind::Fields(super::policy::KEYS)),
    Key::new("compatibility", Kind::Fields(super::compatibility::KEYS)),
    Key::new("reporting", Kind::Fields(super::reporting::KEYS))
        .ignored("Berth reports to no outside service"),
    Key::new("berth", Kind::Fields(super::berth::KEYS)),
]);
