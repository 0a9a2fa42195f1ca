//! Search filters with places for names.

use ldap3::{ldap_escape, parse_filter};

/// A filter in which `{user}` and `{dn}` stand for values of a login.
#[derive(Debug, Clone)]
pub(super) struct Template(String);

impl Template {
    /// Reads `text`, which must be a filter and hold one of `places`.
    pub(super) fn parse(text: &str, places: &[&str]) -> Result<Self, String> {
        if !places.iter().any(|place| text.contains(place)) {
            return Err(format!("{text:?}: must hold {}", places.join(" or ")));
        }
        let template = Self(text.to_owned());
        match parse_filter(template.fill("x", "cn=x")) {
            Ok(_) => Ok(template),
            Err(_) => Err(format!("{text:?}: is no search filter, such as (uid={{user}})")),
        }
    }

    /// The filter for this name and this entry. Whatever they hold stands for
    /// itself (RFC 4515): a name cannot close a parenthesis or be a star.
    pub(super) fn fill(&self, user: &str, dn: &str) -> String {
        let mut filled = String::with_capacity(self.0.len() + user.len() + dn.len());
        let mut rest = self.0.as_str();
        // In one pass: a name that holds `{dn}` is not filled a second time.
        while let Some(start) = rest.find('{') {
            let (before, place) = rest.split_at(start);
            filled.push_str(before);
            rest = if let Some(after) = place.strip_prefix("{user}") {
                filled.push_str(&ldap_escape(user));
                after
            } else if let Some(after) = place.strip_prefix("{dn}") {
                filled.push_str(&ldap_escape(dn));
                after
            } else {
                filled.push('{');
                place.get(1..).unwrap_or_default()
            };
        }
        filled.push_str(rest);
        filled
    }

    /// The same filter for somebody whose name is known: each comparison with
    /// what was typed, a mail address perhaps, is one of `attribute` with the name.
    pub(super) fn by(&self, attribute: &str) -> Result<Self, String> {
        let (mut text, mut rest) = (String::with_capacity(self.0.len()), self.0.as_str());
        while let Some(place) = rest.find("{user}") {
            let (before, behind) = rest.split_at(place);
            let (outside, _) = before.rsplit_once('(').unwrap_or_default();
            // A filter of one comparison needs no parentheses.
            let (_, behind) = behind.split_once(')').unwrap_or_default();
            text.push_str(&format!("{outside}({attribute}={{user}})"));
            rest = behind;
        }
        text.push_str(rest);
        Self::parse(&text, &["{user}"])
    }
}

/// An attribute that a filter compares with what was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compared {
    pub(super) attribute: String,
    /// What the filter has before the name, such as nothing.
    before: String,
    /// What it has behind, such as `@example.org`.
    behind: String,
}

impl Compared {
    /// Whether the attribute's `value` is what was typed, but for capitals and
    /// spaces around it.
    pub(super) fn is(&self, value: &str, user: &str) -> bool {
        let Self { before, behind, .. } = self;
        value.to_lowercase() == format!("{before}{}{behind}", user.trim()).to_lowercase()
    }
}

impl Template {
    /// What the filter compares as a whole with `{user}`; where it has a star
    /// there is nothing to compare.
    pub(super) fn compared(&self) -> Vec<Compared> {
        let places = self.0.match_indices("{user}").filter_map(|(start, place)| {
            let (before, behind) = (self.0.get(..start)?, self.0.get(start + place.len()..)?);
            let (_, item) = before.rsplit_once('(')?;
            let (attribute, before) = item.split_once('=')?;
            let (behind, _) = behind.split_once(')')?;
            // `uid:caseExactMatch:=` and `uid~=` are about `uid` as well.
            let attribute = attribute.split([':', '~', '<', '>']).next()?.trim();
            let is_whole = !attribute.is_empty() && !before.contains('*') && !behind.contains('*');
            let compared = || Compared {
                attribute: attribute.to_owned(),
                before: before.to_owned(),
                behind: behind.to_owned(),
            };
            is_whole.then(compared)
        });
        places.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_tells_with_what_it_compares_a_name() {
        let filter = "(|(uid={user})(mail:caseIgnoreMatch:={user}@x.org)(cn=*{user}*)(o=y))";
        let compared = Template::parse(filter, &["{user}"]).unwrap().compared();
        let attributes: Vec<_> = compared.iter().map(|it| it.attribute.as_str()).collect();
        assert_eq!(attributes, ["uid", "mail"]);
        assert!(compared[0].is("Ann", "aNN ") && !compared[0].is("ann", "\u{e1}nn"));
        assert!(compared[1].is("ann@X.org", "ann") && !compared[1].is("ann", "ann"));
    }

    #[test]
    fn a_filter_by_name_compares_nothing_with_what_was_typed() {
        for (filter, by_name) in [
            ("(mail={user})", "(uid={user})"),
            ("mail={user}", "(uid={user})"),
            ("(mail:caseExactMatch:={user}-{user}@x.org)", "(uid={user})"),
            (
                "(&(|(cn=*{user}*)(mail={user}))(!(o=y))(ou=\\28{dn}))",
                "(&(|(uid={user})(uid={user}))(!(o=y))(ou=\\28{dn}))",
            ),
        ] {
            let template = Template::parse(filter, &["{user}"]).unwrap();
            assert_eq!(template.by("uid").unwrap().0, by_name);
        }
        assert!(Template::parse("(mail={user})", &["{user}"]).unwrap().by("u)(d").is_err());
    }

    fn filled(template: &str, user: &str, dn: &str) -> String {
        Template::parse(template, &["{user}", "{dn}"]).unwrap().fill(user, dn)
    }

    #[test]
    fn names_are_only_ever_values() {
        for (user, escaped) in [
            ("ann", "ann"),
            ("*", "\\2a"),
            ("*)(uid=*", "\\2a\\29\\28uid=\\2a"),
            ("ann)(|(uid=*", "ann\\29\\28|\\28uid=\\2a"),
            ("a\\29", "a\\5c29"),
            ("a\0b", "a\\00b"),
            ("jörg", "jörg"),
        ] {
            let filter = filled("(&(uid={user})(objectClass=person))", user, "");
            assert_eq!(filter, format!("(&(uid={escaped})(objectClass=person))"));
            assert!(parse_filter(&filter).is_ok(), "{filter}");
        }
    }

    #[test]
    fn a_name_that_looks_like_a_place_is_not_filled_again() {
        assert_eq!(
            filled("(&(m={dn})(u={user}))", "{dn}", "cn=(x)"),
            "(&(m=cn=\\28x\\29)(u={dn}))"
        );
        assert_eq!(filled("(a={b{user}{)", "x", ""), "(a={bx{)");
    }

    #[test]
    fn a_filter_without_a_place_or_without_an_end_is_refused() {
        for text in ["(uid=ann)", "", "(uid={user}", "uid=*){user}", "({user})"] {
            assert!(Template::parse(text, &["{user}"]).is_err(), "{text}");
        }
    }
}
