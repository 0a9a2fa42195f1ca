//! `/auth/oidc/NAME/…`: signing in at a provider with a browser, to get a
//! personal token for the command line.
//!
//! Nothing is kept here between the two requests: what must still be known
//! lies in a cookie of that browser, under a seal of ours. There is no address
//! to go on to, so there is none to be sent astray to.

mod cookie;
mod page;

use std::sync::Arc;

use http::header::{CACHE_CONTROL, LOCATION, RETRY_AFTER, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use identity::Identity;
use identity::openid::{Callback, OpenIdError, Pending, SignIn};
use registry::access::AuthenticationError;
use registry::accounts::{Actor, Answer as Outcome, Command, CommandError};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::answer::Answer;
use crate::api::NO_STORE;
use crate::auth::Berth;
use crate::http::query::Query;
use crate::ops::{Auditor, Trace};
use page::{Made, problem};

/// Sign-ins that end at one time. Each has a thread for as long as the provider
/// takes, and the same threads verify passwords and read files.
static PLACES: Semaphore = Semaphore::const_new(8);
/// When a browser that found no place may come again, in seconds.
const COME_AGAIN: HeaderValue = HeaderValue::from_static("5");
/// How long the token is good for.
const TOKEN_DAYS: u64 = 30;

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
            let cookie = cookie::set(&redirect, &sealed);
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
    let Ok(place) = PLACES.try_acquire() else { return later().set(RETRY_AFTER, COME_AGAIN) };
    let answer = match finished(call, place).await {
        Ok(made) => page::token(&made),
        Err(answer) => answer,
    };
    match &call.base {
        Some(base) => {
            let redirect = format!("{base}/auth/oidc/{}/callback", call.provider);
            answer.text(SET_COOKIE, cookie::clear(&redirect))
        }
        None => answer,
    }
}

async fn finished(call: &BrowserCall<'_>, place: SemaphorePermit<'static>) -> Result<Made, Answer> {
    if let Some(error) = call.query.first("error") {
        tracing::info!(provider = call.provider, error = oci::quoted(error), "sign-in refused");
        return Err(problem(StatusCode::FORBIDDEN, "The provider did not sign you in."));
    }
    let key = &call.berth.options.cookie_key;
    let pending = cookie::find(key, call.provider, call.headers);
    let pending = pending.ok_or_else(|| failed(call, &OpenIdError::Stale))?;
    let text = |name| call.query.first(name).unwrap_or("");
    let (code, state, issuer) = (text("code"), text("state"), call.query.first("iss"));
    let callback = Callback { code, state, issuer };
    let found = finish(call.sign_in, &callback, pending, place).await;
    let identity = found.map_err(|error| failed(call, &error))?;
    let signed = call.berth.accounts.external(call.provider, identity).await;
    let proven = signed.map_err(|error| refused(&error))?;
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
        expires_in_seconds: Some(TOKEN_DAYS * 24 * 3600),
    };
    match call.berth.accounts.execute(&by, command).await {
        Ok(Outcome::Made { user, secret: Some(token), .. }) => {
            let base = call.base.as_deref().unwrap_or("");
            let host = base.split_once("://").map_or(base, |(_, rest)| rest);
            let host = host.split('/').next().unwrap_or("").to_owned();
            Ok(Made { host, user, token, days: TOKEN_DAYS })
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
    place: SemaphorePermit<'static>,
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

fn refused(error: &AuthenticationError) -> Answer {
    match error {
        AuthenticationError::Invalid | AuthenticationError::InvalidToken => {
            let text = "There is no account for you here, or it is disabled.";
            problem(StatusCode::FORBIDDEN, text)
        }
        _ => later(),
    }
}

fn later() -> Answer {
    problem(StatusCode::SERVICE_UNAVAILABLE, "That is not possible now. Try again in a moment.")
}
