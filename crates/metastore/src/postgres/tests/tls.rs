//! TLS modes and passwords against a real server.

use std::path::PathBuf;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use store::{SettingsStore, StoreError};

use super::*;

/// A server with a certificate for `localhost` that wants a password.
struct Guarded {
    server: PostgresServer,
    authority: PathBuf,
}

impl Guarded {
    fn start() -> Self {
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
        std::fs::write(
            data.join("pg_hba.conf"),
            "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n",
        )
        .unwrap();
        let key = data.join("server.key");
        let owner = Command::new("chown").arg("--reference").arg(&data).arg(&key).status();
        assert!(owner.unwrap().success());
        let mode = Command::new("chmod").arg("600").arg(&key).status();
        assert!(mode.unwrap().success());
        server.sql("postgres", "ALTER ROLE berth PASSWORD 's3cr3t'");
        server.sql("postgres", "ALTER SYSTEM SET ssl = on");
        server.restart();
        Self { server, authority: path }
    }

    async fn open(&self, host: &str, password: &str, query: &str) -> Result<(), StoreError> {
        let port = self.server.port();
        let url = format!("postgres://berth:{password}@{host}:{port}/postgres?{query}");
        let store = Postgres::open(PostgresOptions::from_url(&url).unwrap()).await?;
        store.ping().await
    }
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
