//! TLS modes, passwords and certificates against a real server.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use store::{SettingsStore, StoreError};

use super::*;

/// A server with a certificate for `localhost`.
struct Guarded {
    server: PostgresServer,
    authority: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Guarded {
    /// One that wants a password.
    fn start() -> Self {
        Self::with("host all all 127.0.0.1/32 scram-sha-256")
    }

    /// One that lets in whom this line of `pg_hba.conf` lets in.
    fn with(line: &str) -> Self {
        let server = PostgresServer::durable();
        let data = server.directory().join("data");
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = authority.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["localhost".into()]).unwrap();
        let own = own.signed_by(&key, &issuer).unwrap();
        let path = server.directory().join("authority.pem");
        std::fs::write(&path, certificate.pem()).unwrap();
        std::fs::write(data.join("server.crt"), own.pem()).unwrap();
        std::fs::write(data.join("server.key"), key.serialize_pem()).unwrap();
        std::fs::write(data.join("pg_hba.conf"), format!("local all all trust\n{line}\n")).unwrap();
        let key = data.join("server.key");
        let owner = Command::new("chown").arg("--reference").arg(&data).arg(&key).status();
        assert!(owner.unwrap().success());
        let mode = Command::new("chmod").arg("600").arg(&key).status();
        assert!(mode.unwrap().success());
        server.sql("postgres", "ALTER ROLE berth PASSWORD 's3cr3t'");
        server.sql("postgres", "ALTER SYSTEM SET ssl = on");
        let authorities = format!("ALTER SYSTEM SET ssl_ca_file = '{}'", path.display());
        server.sql("postgres", &authorities);
        server.restart();
        Self { server, authority: path, issuer }
    }

    /// Writes a certificate for a client of this name, and its key, to `us.crt`
    /// and `us.key`.
    fn certify(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let mut own = CertificateParams::new(Vec::new()).unwrap();
        own.distinguished_name.push(DnType::CommonName, name);
        let own = own.signed_by(&key, &self.issuer).unwrap();
        let path = |name| self.server.directory().join(name);
        std::fs::write(path("us.crt"), own.pem()).unwrap();
        std::fs::write(path("us.key"), key.serialize_pem()).unwrap();
        chmod(&path("us.key"), 0o600);
        (path("us.crt"), path("us.key"))
    }

    async fn open(&self, host: &str, password: &str, query: &str) -> Result<(), StoreError> {
        let port = self.server.port();
        let url = format!("postgres://berth:{password}@{host}:{port}/postgres?{query}");
        let store = Postgres::open(PostgresOptions::from_url(&url).unwrap()).await?;
        store.ping().await
    }
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn tls_modes_check_as_much_as_they_say() {
    let guarded = Guarded::start();
    let roots = format!("sslrootcert={}", guarded.authority.display());
    let fits = [
        ("127.0.0.1", "sslmode=disable".to_owned()),
        ("127.0.0.1", "sslmode=prefer".to_owned()),
        ("127.0.0.1", "sslmode=require".to_owned()),
        ("127.0.0.1", format!("sslmode=require&{roots}")),
        ("127.0.0.1", format!("sslmode=verify-ca&{roots}")),
        ("localhost", format!("sslmode=verify-full&{roots}")),
    ];
    for (host, query) in fits {
        guarded
            .open(host, "s3cr3t", &query)
            .await
            .unwrap_or_else(|error| panic!("{query}: {error}"));
    }
    let fits_not = [
        ("127.0.0.1", format!("sslmode=verify-full&{roots}"), "PostgreSQL does not let us in"),
        ("localhost", "sslmode=verify-full&sslrootcert=system".into(), "UnknownIssuer"),
        ("localhost", "sslmode=verify-ca&sslrootcert=system".into(), "UnknownIssuer"),
        ("localhost", "sslmode=verify-full".into(), "sslrootcert"),
        ("localhost", "sslmode=verify-full&sslrootcert=/none.pem".into(), "/none.pem"),
    ];
    for (host, query, part) in fits_not {
        let text = guarded.open(host, "s3cr3t", &query).await.unwrap_err().to_string();
        assert!(text.contains(part), "{query}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_wrong_password_is_told_without_it() {
    let guarded = Guarded::start();
    let error = guarded.open("127.0.0.1", "wr0ng", "sslmode=require").await.unwrap_err();
    assert!(matches!(error, StoreError::Failed(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("password authentication failed") && !text.contains("wr0ng"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let server = PostgresServer::start();
    let url = server.url().replace("sslmode=disable", "sslmode=require");
    let error = Postgres::open(PostgresOptions::from_url(&url).unwrap()).await.map(|_| ());
    let Err(StoreError::Failed(text)) = error else { panic!("{error:?}") };
    assert!(text.contains("TLS"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_client_proves_itself_with_a_certificate_that_may_be_renewed() {
    let guarded = Guarded::with("hostssl all all 127.0.0.1/32 trust clientcert=verify-full");
    let (certificate, key) = guarded.certify("berth");
    let trusting = format!("sslmode=verify-full&sslrootcert={}", guarded.authority.display());
    let files = |certificate: &Path, key: &Path| {
        format!("{trusting}&sslcert={}&sslkey={}", certificate.display(), key.display())
    };
    let ours = files(&certificate, &key);
    let port = guarded.server.port();
    let url = format!("postgres://berth@localhost:{port}/postgres?{ours}");
    let store = open(&url).await;
    store.ping().await.unwrap();

    let refused =
        async |query: &str| guarded.open("localhost", "", query).await.unwrap_err().to_string();
    let text = refused(&trusting).await;
    assert!(text.contains("PostgreSQL does not let us in"), "{text}");
    for mode in [0o644, 0o604, 0o660] {
        chmod(&key, mode);
        let text = refused(&ours).await;
        assert!(text.contains("us.key: others may read it; chmod 0600"), "{mode:o}: {text}");
    }
    let text = refused(&files(&key, &key)).await;
    assert!(text.contains("sslcert") && text.contains("us.key"), "{text}");
    let text = refused(&files(&certificate, Path::new("/none.key"))).await;
    assert!(text.contains("sslkey /none.key"), "{text}");

    // Somebody else's, in the place of the old one: the next connection has it.
    guarded.certify("mallory");
    let text = refused(&ours).await;
    assert!(text.contains("PostgreSQL does not let us in"), "{text}");
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE application_name = 'berth'";
    guarded.server.sql("postgres", end);
    let error = store.ping().await.unwrap_err();
    assert!(error.to_string().contains("PostgreSQL does not let us in"), "{error}");
    guarded.certify("berth");
    store.ping().await.unwrap();
    // Half of a renewal: what was good is used on.
    std::fs::remove_file(&certificate).unwrap();
    guarded.server.sql("postgres", end);
    store.ping().await.unwrap();
}
