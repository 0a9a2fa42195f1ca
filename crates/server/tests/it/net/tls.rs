//! Encrypted connections: certificates change, clients show theirs.

use std::sync::Arc;

use server::{ClientAuth, TlsSource};
use testkit::{Answer, Request, TestRegistry, Wire};

use super::certificates::{Authority, Identity, connect, settings, write};

async fn serving(tls: &Arc<TlsSource>) -> TestRegistry {
    let tls = tls.clone();
    TestRegistry::builder().set(move |options| options.tls = Some(tls)).start().await
}

async fn ask(
    registry: &TestRegistry,
    authority: &Authority,
    identity: Option<&Identity>,
) -> std::io::Result<Answer> {
    let stream = connect(registry.address(), authority, identity, "http/1.1").await?;
    let mut wire = Wire::over(stream);
    wire.send(Request::new("GET", "/v2/").bytes()).await?;
    let mut head = wire.head().await.ok_or_else(|| std::io::Error::other("refused"))?;
    head.complete = true;
    Ok(head)
}

#[tokio::test]
async fn a_new_certificate_is_used_without_a_restart() {
    let directory = testkit::directory();
    let (old, new) = (Authority::new(), Authority::new());
    let settings = settings(directory.path(), &old.sign("localhost"));
    let tls = Arc::new(TlsSource::load(settings).unwrap());
    let registry = serving(&tls).await;
    assert_eq!(ask(&registry, &old, None).await.unwrap().status, 200);
    ask(&registry, &new, None).await.unwrap_err();
    let mut renewed = new.sign("localhost");
    // The stamp of a file is its time and length; a new length is seen at once.
    renewed.certificate.push('\n');
    write(directory.path(), &renewed);
    assert_eq!(tls.reload_if_changed(), Ok(true));
    assert_eq!(tls.reload_if_changed(), Ok(false));
    assert_eq!(ask(&registry, &new, None).await.unwrap().status, 200);
    ask(&registry, &old, None).await.unwrap_err();
}

#[tokio::test]
async fn a_broken_new_certificate_leaves_the_old_one() {
    let directory = testkit::directory();
    let authority = Authority::new();
    let settings = settings(directory.path(), &authority.sign("localhost"));
    let tls = Arc::new(TlsSource::load(settings).unwrap());
    let registry = serving(&tls).await;
    std::fs::write(directory.path().join("tls.crt"), "nonsense").unwrap();
    let problem = tls.reload_if_changed().unwrap_err();
    assert!(problem.contains("http.tls.certificate"), "{problem}");
    // It is tried again at each look, also when only a permission was corrected.
    assert_eq!(tls.reload_if_changed(), Err(problem));
    assert_eq!(ask(&registry, &authority, None).await.unwrap().status, 200);
    write(directory.path(), &authority.sign("localhost"));
    assert_eq!(tls.reload(), Ok(()));
    assert_eq!(tls.reload_if_changed(), Ok(false));
    assert_eq!(ask(&registry, &authority, None).await.unwrap().status, 200);
}

#[tokio::test]
async fn client_certificates_are_asked_for_as_configured() {
    let directory = testkit::directory();
    let (authority, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let (known, unknown) = (clients.sign("ann"), strangers.sign("eve"));
    let ca = directory.path().join("ca.crt");
    std::fs::write(&ca, clients.pem()).unwrap();
    let base = settings(directory.path(), &authority.sign("localhost"));
    let table = [
        // With none, with a known one, with an unknown one.
        (ClientAuth::Request, [true, true, true]),
        (ClientAuth::RequireAny, [false, true, true]),
        (ClientAuth::VerifyIfGiven, [true, true, false]),
        (ClientAuth::RequireAndVerify, [false, true, false]),
    ];
    for (client_auth, expected) in table {
        let mut settings = base.clone();
        settings.client_authorities = vec![ca.clone()];
        settings.client_auth = client_auth;
        let registry = serving(&Arc::new(TlsSource::load(settings).unwrap())).await;
        for (identity, expected) in [None, Some(&known), Some(&unknown)].into_iter().zip(expected) {
            let answer = ask(&registry, &authority, identity).await;
            assert_eq!(answer.is_ok(), expected, "{client_auth:?} {:?}", answer.err());
        }
    }
}

#[tokio::test]
async fn clear_text_to_an_encrypted_port_harms_nobody() {
    let directory = testkit::directory();
    let authority = Authority::new();
    let settings = settings(directory.path(), &authority.sign("localhost"));
    let registry = serving(&Arc::new(TlsSource::load(settings).unwrap())).await;
    let mut wire = registry.client().wire().await;
    wire.send(Request::new("GET", "/v2/").bytes()).await.unwrap();
    wire.closed().await;
    assert_eq!(ask(&registry, &authority, None).await.unwrap().status, 200);
}

#[test]
fn files_that_do_not_belong_together_are_refused_by_name() {
    let directory = testkit::directory();
    let authority = Authority::new();
    let mut mixed = authority.sign("localhost");
    mixed.key = authority.sign("localhost").key;
    let problem = TlsSource::load(settings(directory.path(), &mixed)).unwrap_err();
    assert!(problem.contains("tls.crt") && problem.contains("tls.key"), "{problem}");
    std::fs::remove_file(directory.path().join("tls.key")).unwrap();
    let own = settings(directory.path(), &authority.sign("localhost"));
    std::fs::remove_file(&own.key).unwrap();
    let problem = TlsSource::load(own).unwrap_err();
    assert!(problem.starts_with("http.tls.key: "), "{problem}");
}
