//! Settings of different sections that do not go together.

use std::time::Duration;

use super::auth::{Auth, BerthAuth};
use super::berth::Role;
use super::berth::metadata::MetadataAt;
use super::berth::redirect::RedirectWhen;
use super::duration;
use super::problem::Problems;
use super::section::Section;
use super::storage::Driver;
use super::{Config, tls};

/// An address that was handed out works so long after a right was taken away.
const SHORT: Duration = Duration::from_secs(60);

/// Holds the sections against each other.
pub(super) fn check(root: &Section<'_>, config: &Config, problems: &mut Problems<'_>) {
    bucket_has_a_database(root, config, problems);
    role_has_a_database(root, config, problems);
    part_fits_in_memory(root, config, problems);
    warn_if_open(root, config, problems);
    warn_of_realm(root, config, problems);
    if let Auth::Berth(auth) = &config.auth {
        let berth = root.section("auth").section("berth");
        certificates_are_verified(&berth, auth, config, problems);
        providers_send_browsers_back(&berth, config, problems);
    }
    redirects_have_an_effect(root, config, problems);
}

/// `registry:2` on S3 runs without a volume and often with several replicas, so a database that is made
/// beside it in silence would lose the registry with the container.
fn bucket_has_a_database(root: &Section<'_>, config: &Config, problems: &mut Problems<'_>) {
    let bucket = config.storage.root_directory().is_none();
    let url = root.section("berth").section("metadata").holds("url");
    if bucket && !url && config.berth.metadata.at == MetadataAt::Beside {
        let text = "needs berth.metadata.url: what the registry knows of its content cannot lie in the \
             bucket, and a database in the container would be lost with it";
        let way_out = "write postgres://user@host/database for any number of replicas, or \
                       sqlite:/DIRECTORY on a volume for one";
        root.section("storage").error(problems, config.storage.driver.name(), text, way_out);
    }
}

fn role_has_a_database(root: &Section<'_>, config: &Config, problems: &mut Problems<'_>) {
    let metadata = &config.berth.metadata;
    if config.berth.role != Role::All && metadata.at.is_embedded() {
        let text = "divides the work among processes, and SQLite is for one";
        let way_out = "set berth.metadata.url: postgres://…, or take the role out";
        root.section("berth").error(problems, "role", text, way_out);
    }
}

fn part_fits_in_memory(root: &Section<'_>, config: &Config, problems: &mut Problems<'_>) {
    let (name, part) = match &config.storage.driver {
        Driver::S3(s3) => ("s3", s3.chunk_size),
        Driver::Gcs(gcs) => ("gcs", gcs.chunk_size),
        Driver::Azure(_) | Driver::Filesystem(_) => return,
    };
    let memory = config.berth.upload.memory;
    if part > memory / 2 {
        let text = format!("{part} is more than half of berth.upload.memory, {memory}");
        let way_out = "make parts smaller or the memory larger";
        root.section("storage").section(name).error(problems, "chunksize", text, way_out);
    }
}

fn warn_if_open(root: &Section<'_>, config: &Config, problems: &mut Problems<'_>) {
    let by_certificate = config.http.tls.as_ref().is_some_and(|tls| {
        !tls.client_cas.is_empty() && tls.client_auth == tls::ClientAuth::RequireAndVerifyClientCert
    });
    if config.auth == Auth::None && config.http.listen.is_open() && !by_certificate {
        let text = format!(
            "{} is open to other machines and everyone may push and pull",
            config.http.listen
        );
        let way_out = "set auth.htpasswd, or close it with http.addr: localhost:5000";
        root.section("http").warning(problems, "addr", text, way_out);
    }
}

/// Clients elsewhere are told where to get tokens; a name that a stranger claims in a request is no
/// place to send passwords to. With TLS the names of the certificate count.
fn warn_of_realm(root: &Section<'_>, config: &Config, problems: &mut Problems<'_>) {
    let is_nameless = config.http.host.is_none() && config.http.tls.is_none();
    if matches!(config.auth, Auth::Berth(_)) && is_nameless && config.http.listen.is_open() {
        let text = "is not set, so clients on other machines are told no address for tokens and sign \
                    in with their password at each request";
        let way_out = "set it to the address that they use, such as https://registry.example.org";
        root.section("http").warning(problems, "host", text, way_out);
    }
}

/// A certificate that nobody has verified proves nothing, so it signs nobody in.
fn certificates_are_verified(
    berth: &Section<'_>,
    auth: &BerthAuth,
    config: &Config,
    problems: &mut Problems<'_>,
) {
    let is_named = berth.section("certificates").holds("user");
    if berth.has("certificates") && !is_named {
        let way_out = "write cn, email, uri or dns, or take auth.berth.certificates out";
        berth.section("certificates").error(problems, "user", "is missing", way_out);
    }
    if auth.certificates.is_none() {
        return;
    }
    let (text, way_out) = match &config.http.tls {
        Some(tls) if !tls.client_cas.is_empty() => match tls.client_auth {
            tls::ClientAuth::VerifyClientCertIfGiven
            | tls::ClientAuth::RequireAndVerifyClientCert => return,
            tls::ClientAuth::RequestClientCert | tls::ClientAuth::RequireAnyClientCert => (
                "signs nobody in: http.tls.clientauth verifies no certificate",
                "set http.tls.clientauth: verify-client-cert-if-given",
            ),
        },
        _ => (
            "signs nobody in: no client is asked for a certificate",
            "name their authorities in http.tls.clientcas",
        ),
    };
    berth.loud_warning(problems, "certificates", text, way_out);
}

/// A browser that went to a provider comes back to an address that is known beforehand.
fn providers_send_browsers_back(berth: &Section<'_>, config: &Config, problems: &mut Problems<'_>) {
    // With a certificate of ours the name that it holds is known.
    if config.http.host.is_some() || config.http.tls.is_some() {
        return;
    }
    for source in berth.sections("sources") {
        if source.choice("type").as_deref() == Some("oidc") {
            let text = "oidc: signs nobody in without http.host, the address that browsers come \
                        back to";
            let way_out = "set http.host to the address that they use, such as \
                           https://registry.example.org";
            source.loud_warning(problems, "type", text, way_out);
        }
    }
}

fn redirects_have_an_effect(root: &Section<'_>, config: &Config, problems: &mut Problems<'_>) {
    let redirect = &config.berth.redirect;
    let section = root.section("berth").section("redirect");
    if matches!(config.storage.driver, Driver::Filesystem(_)) {
        if !redirect.networks.is_empty() {
            let text = "sends nobody anywhere: clients cannot fetch files from storage.filesystem";
            section.loud_warning(problems, "networks", text, "take it out");
        }
        return;
    }
    let is_long = redirect.expires > SHORT && redirect.enabled != RedirectWhen::Never;
    if is_long && matches!(config.auth, Auth::Berth(_)) {
        let time = duration::format(redirect.expires);
        let text = format!(
            "{time}: whoever has such an address fetches the blob for so long after their right to \
             it was taken away"
        );
        section.warning(problems, "expires", text, "use 60s or less beside auth: berth");
    }
}
