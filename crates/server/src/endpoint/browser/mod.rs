//! `/auth/oidc/NAME/…`: signing in at a provider with a browser, to get a
//! personal token for the command line.
//!
//! Nothing is kept here between the two requests: what must still be known
//! lies in a cookie of that browser, under a seal of ours. There is no address
//! to go on to, so there is none to be sent astray to.

mod cookie;
mod page;
mod place;

use std::sync::Arc;

use http::header::{CACHE_CONTROL, LOCATION, RETRY_AFTER, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use identity::Identity;
use identity::openid::{Callback, OpenIdError, Pending, SignIn};
use registry::access::AuthenticationError;
use registry::accounts::{Actor, Answer as Outcome, Command, CommandError};

use crate::answer::Answer;
use crate::api::NO_STORE;
use crate::auth::{Berth, TriedLogin};
use crate::http::query::Query;
use crate::ops::{Auditor, Trace};
use page::{Made, problem};
use place::Place;

/// When a browser that found no place may come again, in seconds.
const COME_AGAIN: HeaderValue = HeaderValue::from_static("5");

/// A request of a browser.
pub(crate) struct BrowserCall<'r> {
    pub berth: &'r Berth,
    /// What the configuration calls the provider.
    pub provider: &'r str,
    pub sign_in: &'r Arc<SignIn>,
    /// Our own address, `https://reg.example.com` with the prefix, if it is
    /// known without repeating what a stranger claims.
    pub base: Option<String>,
    pub headers: &'r HeaderMap,
    pub query: Query<'r>,
    pub auditor: &'r Auditor,
    pub trace: Trace<'r>,
}

/// `GET …/login`: on to the provider.
pub(crate) async fn login(call: &BrowserCall<'_>) -> Answer {
    let Some(base) = &call.base else {
        let text =
            "This registry does not know its own address. Ask its operator to set http.host.";
        return problem(StatusCode::INTERNAL_SERVER_ERROR, text);
    };
    let redirect = format!("{base}/auth/oidc/{}/callback", call.provider);
    match call.sign_in.begin(&redirect).await {
        Ok((url, pending)) => {
            let sealed = cookie::seal(&call.berth.options.cookie_key, call.provider, &pending);
            let cookie = cookie::set(base, call.provider, &sealed);
            Answer::status(StatusCode::SEE_OTHER)
                .text(LOCATION, url)
                .text(SET_COOKIE, cookie)
                .set(CACHE_CONTROL, NO_STORE)
        }
        Err(error) => failed(call, &error),
    }
}

/// `GET …/callback`: back from the provider.
pub(crate) async fn callback(call: &BrowserCall<'_>) -> Answer {
    // The cookie stays, so that the same request can be sent again.
    let Some(place) = Place::take(call.trace.address) else {
        return later().set(RETRY_AFTER, COME_AGAIN);
    };
    let answer = match finished(call, place).await {
        Ok(made) => page::token(&made),
        Err(answer) => answer,
    };
    match &call.base {
        Some(base) => answer.text(SET_COOKIE, cookie::clear(base, call.provider)),
        None => answer,
    }
}

async fn finished(call: &BrowserCall<'_>, place: Place) -> Result<Made, Answer> {
    if let Some(error) = call.query.first("error") {
        tracing::info!(provider = call.provider, error = oci::quoted(error), "sign-in refused");
        note_refusal(call, None);
        return Err(problem(StatusCode::FORBIDDEN, "The provider did not sign you in."));
    }
    let key = &call.berth.options.cookie_key;
    let base = call.base.as_deref().unwrap_or("");
    let pending = cookie::find(key, call.provider, call.headers, base);
    let pending = pending.ok_or_else(|| failed_to_end(call, &OpenIdError::Stale))?;
    let text = |name| call.query.first(name).unwrap_or("");
    let (code, state, issuer) = (text("code"), text("state"), call.query.first("iss"));
    let callback = Callback { code, state, issuer };
    let found = finish(call.sign_in, &callback, pending, place).await;
    let identity = found.map_err(|error| failed_to_end(call, &error))?;
    let name = identity.name.clone();
    let signed = call.berth.accounts.external(call.provider, identity).await;
    let proven = signed.map_err(|error| refused(call, &name, &error))?;
    call.auditor.login(&proven, call.trace);
    let by = Actor::Caller {
        caller: proven.clone().into_caller(),
        address: call.trace.address.map(str::to_owned),
        request: Some(call.trace.request.to_owned()),
    };
    let command = Command::TokenCreate {
        user: None,
        label: format!("browser sign-in at {}", call.provider),
        scopes: Vec::new(),
        expires_in_seconds: Some(call.sign_in.counts_for().as_secs()),
    };
    match call.berth.accounts.execute(&by, command).await {
        Ok(Outcome::Made { user, secret: Some(token), .. }) => {
            let host = base.split_once("://").map_or(base, |(_, rest)| rest);
            let host = host.split('/').next().unwrap_or("").to_owned();
            Ok(Made { host, user, token, good_for: call.sign_in.counts_for() })
        }
        Ok(_) => Err(later()),
        Err(CommandError::Store { message }) => {
            tracing::warn!(message, "no token was made after a sign-in");
            Err(later())
        }
        Err(error) => Err(problem(StatusCode::FORBIDDEN, &format!("No token was made: {error}."))),
    }
}

/// [`SignIn::finish`] stays on one thread, which requests do not. The thread
/// keeps its place also when the browser does not wait for it.
async fn finish(
    sign_in: &Arc<SignIn>,
    callback: &Callback<'_>,
    pending: Pending,
    place: Place,
) -> Result<Identity, OpenIdError> {
    let (sign_in, runtime) = (sign_in.clone(), tokio::runtime::Handle::current());
    let (code, state) = (callback.code.to_owned(), callback.state.to_owned());
    let issuer = callback.issuer.map(str::to_owned);
    let finished = tokio::task::spawn_blocking(move || {
        let _place = place;
        let callback = Callback { code: &code, state: &state, issuer: issuer.as_deref() };
        runtime.block_on(sign_in.finish(&callback, &pending))
    });
    finished.await.unwrap_or(Err(OpenIdError::Stale))
}

/// Writes down that somebody could not sign in; `name` if the provider told one.
fn note_refusal(call: &BrowserCall<'_>, name: Option<&str>) {
    let tried = TriedLogin::Browser { provider: call.provider, name };
    call.auditor.failed_login(&tried, call.trace);
}

/// The answer to somebody who came back to no avail, which is written down
/// unless it is for the operator to mend.
fn failed_to_end(call: &BrowserCall<'_>, error: &OpenIdError) -> Answer {
    if !matches!(error, OpenIdError::Settings(_) | OpenIdError::Provider(_)) {
        note_refusal(call, None);
    }
    failed(call, error)
}

/// What exactly went wrong is for the log: it may name addresses inside.
fn failed(call: &BrowserCall<'_>, error: &OpenIdError) -> Answer {
    tracing::warn!(provider = call.provider, %error, "sign-in failed");
    match error {
        OpenIdError::Stale => {
            let text = "The sign-in was begun in another browser or too long ago. Begin again.";
            problem(StatusCode::BAD_REQUEST, text)
        }
        OpenIdError::Provider(_) => {
            problem(StatusCode::BAD_GATEWAY, "The provider does not answer as expected.")
        }
        _ => problem(
            StatusCode::FORBIDDEN,
            "You could not be signed in. Ask the operator of this registry.",
        ),
    }
}

fn refused(call: &BrowserCall<'_>, name: &str, error: &AuthenticationError) -> Answer {
    match error {
        AuthenticationError::Invalid | AuthenticationError::InvalidToken => {
            note_refusal(call, Some(name));
            let text = "There is no account for you here, or it is disabled.";
            problem(StatusCode::FORBIDDEN, text)
        }
        _ => later(),
    }
}

fn later() -> Answer {
    problem(StatusCode::SERVICE_UNAVAILABLE, "That is not possible now. Try again in a moment.")
}
