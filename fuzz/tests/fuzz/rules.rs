//! Rules about the claims of CI jobs: what a job says of itself opens no door
//! that its rule does not name.

use fuzz::{each, hostile_text};
use identity::openid::{IssuerClaims, Rule, first_match};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

const ISSUER: &str = "https://token.actions.example";
const AUDIENCE: &str = "registry.example";

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => proptest::sample::select(vec!["repository", "ref", "run", "a.b", "a"])
            .prop_map(str::to_owned),
        1 => hostile_text(&["repository", "a.b.c", "iss", "aud"]),
    ]
}

fn texts() -> impl Strategy<Value = String> {
    let texts = ["acme/app", "acme/app/x", "refs/heads/main", "evil/acme/app", "17", "true"];
    prop_oneof![
        proptest::sample::select(texts.to_vec()).prop_map(str::to_owned),
        hostile_text(&texts),
    ]
}

fn patterns() -> impl Strategy<Value = String> {
    let patterns =
        ["acme/*", "acme/app", "**", "*", "*/*", "acme/**/x", "refs/heads/*", "17", "true"];
    prop_oneof![
        proptest::sample::select(patterns.to_vec()).prop_map(str::to_owned),
        hostile_text(&patterns),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let other = vec![json!(null), json!(17), json!(1.5), json!(true), json!([]), json!({})];
    prop_oneof![
        4 => texts().prop_map(Value::String),
        1 => vec(texts(), 0..3).prop_map(|texts| json!(texts)),
        1 => texts().prop_map(|text| json!([[text], 17, null])),
        1 => texts().prop_map(|text| json!({ "b": text })),
        2 => proptest::sample::select(other),
    ]
}

fn claims_of(claims: &[(String, Value)]) -> IssuerClaims {
    let mut all = json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "job" });
    for (name, value) in claims {
        all[name.as_str()] = value.clone();
    }
    IssuerClaims::new(all.as_object().unwrap().clone())
}

fn rule_of(claims: &[(String, String)], robot: &str) -> Option<Rule> {
    let named = claims.iter().map(|(name, pattern)| (name.as_str(), pattern.as_str()));
    Rule::new(ISSUER, AUDIENCE, named, robot).ok()
}

/// Whether a value may fit at all: text, a list with a text, or a number or
/// yes/no that the pattern writes out.
fn may_fit(pattern: &str, value: Option<&Value>) -> bool {
    let is_text = |text: &str| pattern.contains('*') || text == pattern;
    match value {
        Some(Value::String(text)) => !text.is_empty() && is_text(text),
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).any(is_text),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => {
            let written = value.to_string();
            written == pattern
        }
        None | Some(Value::Null | Value::Object(_)) => false,
    }
}

#[test]
fn a_rule_fits_only_where_every_claim_that_it_names_is_there() {
    let inputs = (vec((names(), patterns()), 0..4), vec((names(), values()), 0..5));
    each(3000, file!(), &inputs, |(named, said)| {
        let Some(rule) = rule_of(&named, "ci") else { return };
        let says_something = |pattern: &str| pattern.contains(|c| c != '*' && c != '/');
        assert!(named.iter().any(|(_, pattern)| says_something(pattern)), "{named:?}");
        let claims = claims_of(&said);
        if rule.matches(&claims) {
            assert_eq!(claims.issuer(), ISSUER);
            assert!(claims.texts("aud").contains(&AUDIENCE), "{said:?}");
            for (name, pattern) in &named {
                let value = claims.find(name);
                assert!(may_fit(pattern, value), "{name:?} {pattern:?} {value:?}");
            }
        }
        // Whatever else a job says: without one of the claims it is nobody.
        for (missing, _) in &named {
            let top = missing.split('.').next().unwrap_or_default();
            let left: Vec<_> = said.iter().filter(|(name, _)| !name.starts_with(top)).collect();
            let left: Vec<_> = left.into_iter().cloned().collect();
            let is_always_there = ["iss", "aud", "sub"].contains(&missing.as_str());
            assert!(is_always_there || !rule.matches(&claims_of(&left)), "{missing:?} {left:?}");
        }
    });
}

#[test]
fn the_first_rule_that_fits_decides_and_an_exact_one_is_found() {
    let rules = vec(vec((names(), patterns()), 0..3), 0..4);
    let inputs = (rules, vec((names(), values()), 0..5));
    each(2000, file!(), &inputs, |(rules, said)| {
        let rules: Vec<_> = (0..)
            .zip(&rules)
            .filter_map(|(at, named)| rule_of(named, &format!("robot{at}")))
            .collect();
        let claims = claims_of(&said);
        let first = first_match(&rules, &claims).map(Rule::robot);
        assert_eq!(first, rules.iter().find(|rule| rule.matches(&claims)).map(Rule::robot));
        for name in ["iss", "aud"] {
            let mut other = said.clone();
            other.push((name.to_owned(), json!("https://evil.example")));
            assert_eq!(first_match(&rules, &claims_of(&other)), None, "{name}");
        }
    });
    each(2000, file!(), &texts(), |text| {
        let named = [("repository".to_owned(), text.clone())];
        let Some(rule) = rule_of(&named, "ci") else { return };
        let said = [("repository".to_owned(), json!(text))];
        assert!(rule.matches(&claims_of(&said)), "{text:?} fits itself");
        for other in [format!("{text}x"), format!("x{text}")] {
            let said = [("repository".to_owned(), json!(other))];
            assert!(text.contains('*') || !rule.matches(&claims_of(&said)), "{other:?}");
        }
    });
}

#[test]
fn a_rule_that_names_nothing_is_refused() {
    each(2000, file!(), &(texts(), texts(), texts()), |(issuer, audience, robot)| {
        assert!(Rule::new(&issuer, &audience, [], &robot).is_err());
        let open = [("repository", "*"), ("ref", "**"), ("environment", "*/*")];
        assert!(Rule::new(&issuer, &audience, open, &robot).is_err());
        let named = [("repository", "acme/app")];
        let is_exact = |text: &str| !text.is_empty() && !text.contains('*');
        let is_taken = Rule::new(&issuer, &audience, named, &robot).is_ok();
        assert_eq!(is_taken, is_exact(&issuer) && is_exact(&audience) && is_exact(&robot));
    });
}
