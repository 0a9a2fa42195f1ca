//! The way to everything about accounts: the token endpoint and the REST API.

use http::{Method, header};
use oci::ErrorCode;
use registry::access::{Asked, Caller, Presented};

use crate::answer::Answer;
use crate::api::{self, ApiCall};
use crate::app::{App, Notes};
use crate::auth::Berth;
use crate::endpoint::browser::{self, BrowserCall};
use crate::endpoint::{self, EndpointCall};
use crate::failure::Failure;
use crate::http::forwarded::is_host;
use crate::http::query::Query;
use crate::http::request_body::RequestBody;
use crate::net::Peer;
use crate::ops::Trace;
use crate::route::{BrowserStep, Route};

/// A request about accounts.
pub(crate) struct Asking<'r> {
    pub parts: &'r http::request::Parts,
    pub peer: &'r Peer,
    pub route: &'r Route,
    pub presented: Presented<'r>,
    /// The host and port that was asked, as far as the request says so.
    pub authority: Option<String>,
}

impl App {
    /// The answer to a request whose route needs accounts.
    pub(crate) async fn account_route(
        &self,
        berth: &Berth,
        request: Asking<'_>,
        body: &mut RequestBody,
        notes: &mut Notes,
    ) -> Result<Answer, Failure> {
        let Asking { parts, peer, route, .. } = request;
        let (address, id) = self.trace(parts, peer, notes);
        let from = Some(address.as_str()).filter(|address| !address.is_empty());
        let trace = Trace { address: from, request: &id };
        match route {
            Route::Api(path) if path == api::SETUP && parts.method == Method::POST => {
                api::setup(berth, parts, body, trace).await
            }
            Route::Api(path) => {
                let overtaken = berth.accounts().overtaken();
                let caller = self.api_caller(berth, &request, notes).await?;
                notes.caller = Some(caller.clone());
                self.guard.request_of(&caller)?;
                let presented = &request.presented;
                let caller = &caller;
                let call = ApiCall { berth, parts, path, presented, caller, overtaken, trace };
                api::answer(call, body).await
            }
            _ => match without_answer(request.route, &parts.method) {
                Some(result) => result,
                None => self.endpoint(berth, request, body, trace).await,
            },
        }
    }

    /// Who sent a request to the API.
    async fn api_caller(
        &self,
        berth: &Berth,
        request: &Asking<'_>,
        notes: &Notes,
    ) -> Result<Caller, Failure> {
        let Asking { parts, peer, presented, .. } = request;
        let found = api::authenticate(berth, presented).await;
        let caller = found.inspect_err(|error| {
            self.note_failed_login(error, presented.credentials, parts, peer, notes);
        });
        let caller = caller.map_err(api::refused_login)?;
        self.auditor.password(&caller, || self.trace(parts, peer, notes));
        Ok(caller)
    }

    async fn endpoint(
        &self,
        berth: &Berth,
        request: Asking<'_>,
        body: &mut RequestBody,
        trace: Trace<'_>,
    ) -> Result<Answer, Failure> {
        let Asking { parts, peer, route, presented, authority } = request;
        let asked = self.asked(parts, peer);
        let own_host = own_host(&asked, berth.options.host.as_deref(), authority);
        let (auditor, guard) = (&self.auditor, &self.guard);
        let call = EndpointCall { berth, parts, presented, own_host, auditor, guard, trace };
        match route {
            Route::Keys => Ok(endpoint::keys(berth)),
            Route::Exchange => endpoint::exchange(&call, body).await,
            Route::Browser(name, step) => {
                let (provider, sign_in) = berth.provider(name).ok_or_else(|| {
                    let text = "there is nothing at this path";
                    Failure::not_found(ErrorCode::Unsupported, text)
                })?;
                let base = berth.base(&asked);
                let (headers, query) = (&parts.headers, Query::parse(parts.uri.query()));
                let call =
                    BrowserCall { berth, provider, sign_in, base, headers, query, auditor, trace };
                Ok(match step {
                    BrowserStep::Login => browser::login(&call).await,
                    BrowserStep::Callback => browser::callback(&call).await,
                })
            }
            _ => endpoint::token(&call, body).await,
        }
    }
}

/// Our own host and port, as clients write them before a repository: the name that
/// our certificate vouches for, else `http.host`, else what the request says, if that
/// is a host at all.
fn own_host(asked: &Asked<'_>, configured: Option<&str>, told: Option<String>) -> Option<String> {
    if let (true, Some(host)) = (asked.is_our_tls, asked.authority) {
        return Some(host.to_owned());
    }
    match configured {
        Some(url) => Some(url.split_once("://").map_or(url, |(_, host)| host).to_owned()),
        None => told.filter(|host| is_host(host)),
    }
}

/// The answer to a verb that asks about the route, or that it does not have.
fn without_answer(route: &Route, method: &Method) -> Option<Result<Answer, Failure>> {
    let methods = route.methods(false);
    if method == Method::OPTIONS {
        return Some(Ok(Answer::ok().text(header::ALLOW, methods.join(", "))));
    }
    (!methods.contains(&method.as_str())).then(|| Err(Failure::method(&methods, false)))
}
