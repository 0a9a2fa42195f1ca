//! `/v2/_catalog`.

use http::header::LINK;
use oci::RepositoryName;
use registry::Registry;
use registry::access::GrantedCatalog;
use serde::Serialize;

use crate::answer::Answer;
use crate::call::Call;
use crate::failure::Failure;

/// Repositories per page when the client does not say, as in the original.
const DEFAULT: usize = 100;

#[derive(Serialize)]
struct CatalogPage<'a> {
    repositories: &'a [RepositoryName],
}

/// A page of repositories that have a manifest.
pub(crate) async fn get(
    registry: &Registry,
    granted: &GrantedCatalog,
    call: &Call<'_>,
) -> Result<Answer, Failure> {
    let n = call.page_size()?.unwrap_or(DEFAULT).min(call.settings.catalog_max);
    let catalog = registry.catalog(granted, call.after(), n).await?;
    let answer = Answer::ok().json(&CatalogPage { repositories: &catalog.repositories });
    Ok(match catalog.repositories.last().filter(|_| catalog.more) {
        Some(last) => answer.text(LINK, call.next_link("/v2/_catalog", last.as_str(), Some(n))),
        None => answer,
    })
}
