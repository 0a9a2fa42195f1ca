//! What a provider says about somebody, verified.

use serde_json::Value;

use crate::jose::Object;

/// The claims of a verified token, or of an answer of the provider itself.
#[derive(Debug, Clone, PartialEq)]
pub struct IssuerClaims(pub(super) Object);

impl IssuerClaims {
    /// Claims as they are, for whoever has verified them by other means.
    pub fn new(claims: Object) -> Self {
        Self(claims)
    }

    /// Who told them.
    pub fn issuer(&self) -> &str {
        self.text("iss").unwrap_or_default()
    }

    /// What never changes about whom they are about.
    pub fn subject(&self) -> &str {
        self.text("sub").unwrap_or_default()
    }

    /// The claim at `path` if it is text.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.find(path)?.as_str()
    }

    /// The texts of the claim at `path`: a list's, or the one.
    pub fn texts(&self, path: &str) -> Vec<&str> {
        match self.find(path) {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The claim at `path`: `a.b` is `b` inside of `a`. A claim whose own name
    /// has dots (`kubernetes.io`) is found as well; the longest name wins.
    pub fn find(&self, path: &str) -> Option<&Value> {
        find(&self.0, path, 8)
    }
}

fn find<'a>(object: &'a Object, path: &str, depth: u8) -> Option<&'a Value> {
    if let Some(value) = object.get(path) {
        return Some(value);
    }
    let depth = depth.checked_sub(1)?;
    path.rmatch_indices('.').find_map(|(dot, _)| {
        let inner = object.get(path.get(..dot)?)?.as_object()?;
        find(inner, path.get(dot + 1..)?, depth)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> IssuerClaims {
        let text = br#"{"sub":"s","a":{"b":{"c":"deep"},"b.c":"dotted"},
            "kubernetes.io":{"namespace":"ci","serviceaccount":{"name":"build"}},
            "groups":["x",1,"y"],"one":"z","a.x":"own"}"#;
        IssuerClaims::new(crate::jose::parse_object(text).unwrap())
    }

    #[test]
    fn nested_claims_are_found() {
        let claims = claims();
        assert_eq!(claims.text("a.b.c"), Some("dotted"));
        assert_eq!(claims.text("kubernetes.io.namespace"), Some("ci"));
        assert_eq!(claims.text("kubernetes.io.serviceaccount.name"), Some("build"));
        assert_eq!(claims.text("a.x"), Some("own"));
        for missing in ["", ".", "b", "a.", ".a", "a..b", "groups.0", "sub.x", "A.b.c"] {
            assert_eq!(claims.find(missing), None, "{missing}");
        }
        assert_eq!(claims.find(&"a.".repeat(10_000)), None);
    }

    #[test]
    fn lists_and_single_texts_are_texts() {
        assert_eq!(claims().texts("groups"), ["x", "y"]);
        assert_eq!(claims().texts("one"), ["z"]);
        assert!(claims().texts("a").is_empty());
    }
}
