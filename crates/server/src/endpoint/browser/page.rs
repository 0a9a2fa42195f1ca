//! The two pages that a browser sees. No script, no style, nothing from
//! elsewhere; whatever somebody else chose is escaped.

use std::time::Duration;

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, StatusCode};
use identity::Secret;

use crate::answer::Answer;
use crate::api::NO_STORE;

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// What was made for somebody who signed in.
pub(super) struct Made {
    pub host: String,
    pub user: String,
    pub token: Secret,
    pub good_for: Duration,
}

/// The token, this once, and how to use it.
pub(super) fn token(made: &Made) -> Answer {
    let Made { host, user, token, good_for } = made;
    let good_for = in_words(*good_for);
    let (host, user, token) = (escaped(host), escaped(user), escaped(token.reveal()));
    page(
        StatusCode::OK,
        "Signed in",
        &format!(
            "<p>You are {user}. This is your token for the command line. It is shown this once \
             and good for {good_for}.</p>\n<pre>{token}</pre>\n<p>Sign in with it as the \
             password:</p>\n<pre>docker login {host} -u {user}</pre>\n"
        ),
    )
}

/// A time of a day or more, in whole days.
fn in_words(time: Duration) -> String {
    match time.as_secs() / (24 * 3600) {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

/// What went wrong, in a sentence that holds nothing of a stranger's.
pub(super) fn problem(status: StatusCode, text: &str) -> Answer {
    page(status, "Not signed in", &format!("<p>{}</p>\n", escaped(text)))
}

fn page(status: StatusCode, title: &str, body: &str) -> Answer {
    let text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
         <title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n{body}</body>\n</html>\n"
    );
    Answer::status(status)
        .set(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))
        .set(CONTENT_SECURITY_POLICY, POLICY)
        .set(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
        .set(REFERRER_POLICY, HeaderValue::from_static("no-referrer"))
        .set(CACHE_CONTROL, NO_STORE)
        .full(text.into_bytes())
}

/// `text` as it stands in HTML, in quotes too.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c16_what_somebody_else_chose_is_text_and_nothing_else() {
        let hostile = "<script>alert('x')</script>\"&";
        let safe = escaped(hostile);
        assert!(!safe.contains(['<', '>', '"', '\'']), "{safe}");
        assert_eq!(safe, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;");
    }
}
