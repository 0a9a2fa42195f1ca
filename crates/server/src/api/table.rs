//! The one table of the REST API: which verb on which path is which command.
//!
//! Both directions read it: the server turns a request into a command, the
//! command line turns a command into a request. A command without a row cannot
//! be sent; a test makes one of each.

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// The verb.
    pub method: &'static str,
    /// Below `/api/v1`. `{field}` is one segment, `{field*}` one or more.
    pub path: &'static str,
    /// The command, as its serialized form names it.
    pub command: &'static str,
    /// Parameters of the query.
    pub query: &'static [Parameter],
    /// What the body is.
    pub body: Body,
}

/// A parameter of the query.
#[derive(Debug)]
pub(crate) struct Parameter {
    /// Its name in the query.
    pub name: &'static str,
    /// The object inside of the command that holds it, if not the command itself.
    pub inside: Option<&'static str>,
    /// How it is read.
    pub kind: Kind,
}

/// How a parameter is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    /// `true` or `false`.
    Switch,
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// There is none.
    None,
    /// An object of the fields that are not in the path.
    Fields,
    /// The value of this one field.
    Field(&'static str),
}

const fn row(method: &'static str, path: &'static str, command: &'static str, body: Body) -> Row {
    Row { method, path, command, query: &[], body }
}

const fn asks(path: &'static str, command: &'static str, query: &'static [Parameter]) -> Row {
    Row { method: "GET", path, command, query, body: Body::None }
}

const fn text(name: &'static str) -> Parameter {
    Parameter { name, inside: None, kind: Kind::Text }
}

const fn switch(name: &'static str) -> Parameter {
    Parameter { name, inside: None, kind: Kind::Switch }
}

const fn within(inside: &'static str, name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, inside: Some(inside), kind }
}

const AFTER: Parameter = within("page", "after", Kind::Text);
const LIMIT: Parameter = within("page", "limit", Kind::Number);
const PAGE: &[Parameter] = &[AFTER, LIMIT];
const GRANT: &[Parameter] = &[text("subject"), text("role"), text("pattern")];

const AUDIT: &[Parameter] = &[
    within("filter", "actor", Kind::Text),
    within("filter", "action", Kind::Text),
    within("filter", "target", Kind::Text),
    within("filter", "outcome", Kind::Text),
    within("filter", "since", Kind::Text),
    within("filter", "until", Kind::Text),
    within("filter", "above", Kind::Number),
    within("filter", "below", Kind::Number),
    within("filter", "limit", Kind::Number),
];

const CHECK: &[Parameter] = &[
    within("from", "above", Kind::Number),
    within("from", "seen", Kind::Number),
    within("from", "sequence", Kind::Number),
    within("from", "hash", Kind::Text),
];

/// Where two rows could take a path, the first one does.
pub(crate) const ROWS: &[Row] = &[
    asks("/whoami", "whoami", &[]),
    asks("/users", "user-list", PAGE),
    row("POST", "/users", "user-add", Body::Fields),
    asks("/users/{name}", "user-show", &[]),
    row("DELETE", "/users/{name}", "user-remove", Body::None),
    row("PUT", "/users/{name}/password", "user-passwd", Body::Fields),
    row("PUT", "/password", "user-passwd", Body::Fields),
    row("POST", "/users/{name}/disable", "user-disable", Body::None),
    row("POST", "/users/{name}/enable", "user-enable", Body::None),
    row("PUT", "/users/{name}/admin", "user-admin", Body::Fields),
    asks("/teams", "team-list", PAGE),
    row("POST", "/teams", "team-add", Body::Fields),
    row("DELETE", "/teams/{name}", "team-remove", Body::None),
    row("PUT", "/teams/{team}/members/{user}", "team-member-add", Body::None),
    row("DELETE", "/teams/{team}/members/{user}", "team-member-remove", Body::None),
    asks("/robots", "robot-list", PAGE),
    row("POST", "/robots", "robot-add", Body::Fields),
    row("POST", "/robots/{name*}/rotate", "robot-rotate", Body::Fields),
    row("POST", "/robots/{name*}/disable", "robot-disable", Body::None),
    row("POST", "/robots/{name*}/enable", "robot-enable", Body::None),
    row("DELETE", "/robots/{name*}", "robot-remove", Body::None),
    asks("/tokens", "token-list", &[text("user")]),
    row("POST", "/tokens", "token-create", Body::Fields),
    row("DELETE", "/tokens/{id}", "token-revoke", Body::None),
    asks("/roles", "role-list", &[]),
    row("PUT", "/roles/{name}", "role-put", Body::Fields),
    row("DELETE", "/roles/{name}", "role-remove", Body::None),
    asks("/grants", "grants", &[text("subject"), text("pattern"), AFTER, LIMIT]),
    row("POST", "/grants", "grant", Body::Fields),
    Row { method: "DELETE", path: "/grants", command: "revoke", query: GRANT, body: Body::None },
    asks("/visibility", "visibilities", PAGE),
    Row {
        method: "DELETE",
        path: "/visibility",
        command: "visibility",
        query: &[text("pattern")],
        body: Body::None,
    },
    row("PUT", "/visibility", "visibility", Body::Fields),
    asks("/can-i", "can-i", &[text("subject"), text("action"), text("repository")]),
    asks("/access", "export", &[]),
    Row {
        method: "PUT",
        path: "/access",
        command: "apply",
        query: &[switch("dry_run"), switch("prune")],
        body: Body::Field("file"),
    },
    asks("/audit", "audit", AUDIT),
    asks("/audit/verify", "audit-verify", CHECK),
];

/// A field of a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    /// Its name, or the fixed text.
    pub text: &'a str,
    /// Whether it is a field, and may then span several segments.
    pub field: Option<bool>,
}

/// The segments of a row's path.
pub(crate) fn parts(path: &'static str) -> impl Iterator<Item = Part<'static>> {
    path.split('/').skip(1).map(|text| match text.strip_prefix('{') {
        None => Part { text, field: None },
        Some(name) => {
            let name = name.trim_end_matches('}');
            let many = name.strip_suffix('*');
            Part { text: many.unwrap_or(name), field: Some(many.is_some()) }
        }
    })
}

impl Row {
    /// The fields of `path`, still escaped, if it is this row's.
    pub(crate) fn take<'p>(&self, path: &'p str) -> Option<Vec<(&'static str, &'p str)>> {
        let mut fields = Vec::new();
        let mut rest = path.strip_prefix('/')?;
        let parts: Vec<_> = parts(self.path).collect();
        let (last, before) = parts.split_last()?;
        for (index, part) in before.iter().enumerate() {
            let after = before.len() - index;
            let cut = match part.field {
                Some(true) => nth_slash_from_end(rest, after)?,
                _ => rest.find('/')?,
            };
            take_part(part, rest.get(..cut)?, &mut fields)?;
            rest = rest.get(cut + 1..)?;
        }
        take_part(last, rest, &mut fields)?;
        Some(fields)
    }
}

fn nth_slash_from_end(text: &str, n: usize) -> Option<usize> {
    text.rmatch_indices('/').nth(n.checked_sub(1)?).map(|(at, _)| at)
}

fn take_part<'p>(
    part: &Part<'static>,
    text: &'p str,
    fields: &mut Vec<(&'static str, &'p str)>,
) -> Option<()> {
    match part.field {
        None => (text == part.text).then_some(()),
        Some(many) => {
            // A name with slashes is a robot's of a namespace, and ends in `+NAME`.
            let fits = !text.is_empty()
                && text.rsplit_once('/').is_none_or(|(before, last)| {
                    many && !before.is_empty() && (last.contains('+') || last.contains("%2B"))
                });
            fits.then(|| fields.push((part.text, text)))
        }
    }
}

/// The verbs that a path has; none if it is not in the table.
pub(crate) fn methods(path: &str) -> Vec<&'static str> {
    let rows = ROWS.iter().filter(|row| row.take(path).is_some());
    let mut methods: Vec<_> = rows.map(|row| row.method).collect();
    methods.sort_unstable();
    methods.dedup();
    methods
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &str, path: &str) -> Option<(&'static str, Vec<(&'static str, String)>)> {
        ROWS.iter().filter(|row| row.method == method).find_map(|row| {
            let fields = row.take(path)?;
            let owned = fields.into_iter().map(|(name, text)| (name, text.to_owned()));
            Some((row.command, owned.collect()))
        })
    }

    #[test]
    fn a_path_is_taken_apart_into_fields() {
        let fields = |pairs: &[(&'static str, &str)]| {
            pairs.iter().map(|(name, text)| (*name, (*text).to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(found("GET", "/users"), Some(("user-list", vec![])));
        assert_eq!(found("GET", "/users/ann"), Some(("user-show", fields(&[("name", "ann")]))));
        assert_eq!(
            found("DELETE", "/teams/web/members/ann"),
            Some(("team-member-remove", fields(&[("team", "web"), ("user", "ann")])))
        );
        assert_eq!(
            found("POST", "/robots/team/web+ci/rotate"),
            Some(("robot-rotate", fields(&[("name", "team/web+ci")])))
        );
        assert_eq!(
            found("DELETE", "/robots/a/b+c"),
            Some(("robot-remove", fields(&[("name", "a/b+c")])))
        );
        for path in
            ["", "/", "users", "/users/", "/users/a/b", "/users//password", "/robots//rotate"]
        {
            assert_eq!(found("PUT", path).or(found("GET", path)), None, "{path}");
        }
    }

    #[test]
    fn a_path_knows_its_verbs() {
        assert_eq!(methods("/users/ann"), ["DELETE", "GET"]);
        assert_eq!(methods("/visibility"), ["DELETE", "GET", "PUT"]);
        assert!(methods("/nothing").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_path_panics(path in "[/a{}*+%]{0,40}") {
            let _ = methods(&path);
        }
    }
}
