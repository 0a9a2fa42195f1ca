//! Tokens from before a repository was emptied, and callers from before a change
//! of accounts, where a request uses them.

use http::Method;
use oci::RepositoryName;
use registry::access::Caller;

use crate::app::App;
use crate::call::Call;
use crate::failure::Failure;
use crate::http::query::Query;
use crate::route::Route;

impl App {
    /// Before anything is changed for somebody who may do that: whether they are
    /// still whom they were taken for while accounts could not be read.
    ///
    /// # Errors
    /// Those who may not are refused before that is asked. Unavailable.
    pub(crate) async fn before_change(
        &self,
        route: &Route,
        call: &Call<'_>,
    ) -> Result<(), Failure> {
        let (Some(berth), false) = (&self.accounts, call.method.is_safe()) else { return Ok(()) };
        if berth.accounts().is_certain(call.overtaken) {
            return Ok(());
        }
        match (route, route.repository().cloned()) {
            (Route::Manifest(..) | Route::Blob(..), Some(name))
                if call.method == Method::DELETE =>
            {
                self.access.delete(&call.caller, name)?;
            }
            (_, Some(name)) => drop(self.access.push(&call.caller, name)?),
            (_, None) => {}
        }
        Ok(berth.accounts().reach_store(call.overtaken).await?)
    }

    /// The caller, with what their token still says: nothing of sources of a
    /// mount that were emptied since it was made, which are then as sources that
    /// one may not read.
    ///
    /// # Errors
    /// An invalid token if the repository of the request itself was emptied since;
    /// a client that fetches a new one goes on. Those who may do nothing there are
    /// refused elsewhere, and learn nothing here.
    pub(crate) async fn of_today(&self, route: &Route, call: &Call<'_>) -> Result<Caller, Failure> {
        let caller = &call.caller;
        let (Some(berth), Some(name), Some(_)) =
            (&self.accounts, route.repository(), caller.token_issued())
        else {
            return Ok(caller.clone());
        };
        let accounts = berth.accounts();
        if self.access.may_enter(caller, name) {
            accounts.check_age(caller, name).await?;
        }
        match route {
            Route::Uploads(_) if call.query.first("mount").is_some() => {
                let from = source(&call.query);
                Ok(accounts.without_outdated(caller, from.as_ref()).await?)
            }
            _ => Ok(caller.clone()),
        }
    }
}

/// The one source of a mount, if one is named.
fn source(query: &Query<'_>) -> Option<RepositoryName> {
    query.first("from").and_then(|from| RepositoryName::parse(from).ok())
}
