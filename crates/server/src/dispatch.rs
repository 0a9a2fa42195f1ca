//! Route and verb → handler, each behind the grant that it needs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::{Method, header};
use oci::ErrorCode;
use registry::Registry;

use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;
use crate::failure::Failure;
use crate::http::request_body::RequestBody;
use crate::route::Route;
use crate::under_way::{Coming, UnderWay};
use crate::v2;

impl App {
    pub(crate) async fn dispatch(
        &self,
        registry: &Arc<Registry>,
        route: &Route,
        call: &Call<'_>,
        body: &mut RequestBody,
    ) -> Result<Answer, Failure> {
        let (access, caller) = (&self.access, &call.caller);
        // What is wrong with a path is told only to those who may talk to us.
        match route {
            Route::Unknown => {
                access.service(caller)?;
                return Err(Failure::not_found(
                    ErrorCode::Unsupported,
                    "there is nothing at this path",
                ));
            }
            Route::BadName(error) => {
                access.service(caller)?;
                return Err(Failure::bad_request(ErrorCode::NameInvalid, error.to_string()));
            }
            _ => {}
        }
        let is_read_only = self.settings.read_only || self.frozen.load(Ordering::Acquire);
        let methods = route.methods(is_read_only);
        if call.method == Method::OPTIONS {
            access.service(caller)?;
            return Ok(Answer::ok().text(header::ALLOW, methods.join(", ")));
        }
        if !methods.contains(&call.method.as_str()) {
            access.service(caller)?;
            let read_only = is_read_only && route.methods(false).contains(&call.method.as_str());
            return Err(Failure::method(&methods, read_only));
        }
        let under_way = UnderWay::new(self, call);
        self.before_change(route, call).await?;
        let caller = &self.of_today(route, call).await?;
        match (route, call.method.as_str()) {
            (Route::BaseWithoutSlash, _) => Ok(v2::base::redirect(call)),
            (Route::Base, _) => {
                access.service(caller)?;
                Ok(v2::base::get())
            }
            (Route::Extensions, _) => {
                access.service(caller)?;
                Ok(v2::base::extensions())
            }
            (Route::Catalog, _) => v2::catalog::get(registry, &access.catalog(caller)?, call).await,
            (Route::Tags(name), _) => {
                v2::tags::get(registry, access.pull(caller, name.clone())?, call).await
            }
            (Route::Referrers(name, digest), _) => {
                v2::referrers::get(registry, &access.pull(caller, name.clone())?, call, digest)
                    .await
            }
            (Route::Manifest(name, reference), "PUT") => {
                v2::manifests::put(
                    registry,
                    &access.push(caller, name.clone())?,
                    call,
                    reference,
                    Coming { body, under_way: &under_way },
                )
                .await
            }
            (Route::Manifest(name, reference), "DELETE") => {
                v2::manifests::delete(registry, &access.delete(caller, name.clone())?, reference)
                    .await
            }
            (Route::Manifest(name, reference), _) => {
                let granted = access.pull(caller, name.clone())?;
                let allowance = self.guard.pull(caller, || call.client(), call.is_head())?;
                let answer = v2::manifests::get(registry, &granted, call, reference).await?;
                Ok(match allowance {
                    Some(allowance) => allowance.on(answer),
                    None => answer,
                })
            }
            (Route::Blob(name, digest), "DELETE") => {
                v2::blobs::delete(registry, &access.delete(caller, name.clone())?, digest).await
            }
            (Route::Blob(name, digest), _) => {
                v2::blobs::get(registry, &access.pull(caller, name.clone())?, call, digest).await
            }
            (Route::Uploads(name), _) => {
                let granted = access.push(caller, name.clone())?;
                let coming = Coming { body, under_way: &under_way };
                v2::uploads::post(registry, access, &granted, call, coming).await
            }
            (Route::Upload(name, id), "PATCH") => {
                v2::uploads::patch(registry, &access.push(caller, name.clone())?, call, id, body)
                    .await
            }
            (Route::Upload(name, id), "PUT") => {
                let granted = access.push(caller, name.clone())?;
                let coming = Coming { body, under_way: &under_way };
                v2::uploads::put(registry, &granted, call, id, coming).await
            }
            (Route::Upload(name, id), "DELETE") => {
                v2::uploads::delete(registry, &access.push(caller, name.clone())?, id).await
            }
            (Route::Upload(name, id), _) => {
                v2::uploads::get(registry, &access.push(caller, name.clone())?, call, id).await
            }
            (
                Route::Root
                | Route::Probe(_)
                | Route::Unknown
                | Route::BadName(_)
                | Route::Token
                | Route::Exchange
                | Route::Keys
                | Route::Browser(..)
                | Route::Api(_),
                _,
            ) => Err(Failure::method(&methods, false)),
        }
    }
}
