//! Directories: what is refused without asking, and logins at a real server.

mod server;
mod slapd;

use super::*;
use std::time::Duration;

/// Settings for a directory that nobody listens at.
fn nowhere() -> LdapSettings {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    LdapSettings {
        urls: vec![format!("ldap://127.0.0.1:{port}")],
        user_base: "dc=example,dc=org".into(),
        timeout: Duration::from_secs(5),
        ..LdapSettings::default()
    }
}

#[tokio::test]
async fn an_empty_password_is_wrong_before_anybody_is_asked() {
    let ldap = Ldap::new(nowhere()).unwrap();
    for (user, password) in [
        ("ann", ""),
        ("", "secret"),
        ("ann", "\0"),
        ("ann", "a\0b"),
        ("a\0nn", "secret"),
        ("a\nn", "secret"),
    ] {
        assert_eq!(ldap.verify(user, password).await.unwrap(), None, "{user:?} {password:?}");
    }
    let long = "x".repeat(2_000);
    assert_eq!(ldap.verify("ann", &long).await.unwrap(), None);
    assert_eq!(ldap.verify(&long, "secret").await.unwrap(), None);
}

#[tokio::test]
async fn a_directory_that_is_away_is_not_a_wrong_password() {
    let ldap = Ldap::new(nowhere()).unwrap();
    let error = ldap.verify("ann", "canary").await.unwrap_err().to_string();
    assert!(error.starts_with("directory ldap: ldap://127.0.0.1:"), "{error}");
    assert!(!error.contains("canary"));
}

#[tokio::test]
async fn an_answer_that_is_no_ldap_is_an_error() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\x30\x00", b"\x30\x03\x02\x01\x01"] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ldap://{}", listener.local_addr().unwrap());
        let ldap = Ldap::new(LdapSettings { urls: vec![url], ..nowhere() }).unwrap();
        let serve = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(answer).await;
        });
        let result = ldap.verify("ann", "secret").await;
        assert!(matches!(result, Err(SourceError::Unavailable(_))), "{result:?}");
        serve.await.unwrap();
    }
}

fn refused(change: impl FnOnce(&mut LdapSettings)) -> LdapError {
    let mut settings = nowhere();
    change(&mut settings);
    Ldap::new(settings).err().unwrap()
}

#[test]
fn passwords_do_not_cross_a_network_in_clear_unasked() {
    for url in ["ldap://ldap.example", "ldap://10.0.0.1:389", "ldap://localhost.example"] {
        let error = refused(|settings| settings.urls = vec![url.into()]);
        assert!(error.field == "urls" && error.why.contains("in clear"), "{error}");
    }
    for change in [
        (|settings| settings.urls = vec!["ldaps://ldap.example".into()]) as fn(&mut LdapSettings),
        |settings| (settings.urls, settings.starttls) = (vec!["ldap://ldap.example".into()], true),
        |settings| (settings.urls, settings.plain) = (vec!["ldap://ldap.example".into()], true),
    ] {
        let mut settings = nowhere();
        change(&mut settings);
        assert!(Ldap::new(settings).is_ok());
    }
}

#[test]
fn a_mistake_in_the_configuration_names_its_field() {
    let bind = |dn: &str, password| {
        let dn = dn.to_owned();
        move |settings: &mut LdapSettings| settings.bind = Some(BindAs { dn, password })
    };
    assert_eq!(refused(|settings| settings.urls.clear()).field, "urls");
    for url in ["ldap://", "http://h", "ldapi:///x", "ldaps://u:p@h", "h", "ldap:h"] {
        assert_eq!(refused(|settings| settings.urls = vec![url.into()]).field, "urls", "{url}");
    }
    assert_eq!(refused(|settings| settings.user_base.clear()).field, "user_base");
    assert_eq!(refused(|settings| settings.user_filter = "(uid=x)".into()).field, "user_filter");
    assert_eq!(refused(|settings| settings.group_filter = "(cn=x)".into()).field, "group_filter");
    assert_eq!(refused(|settings| settings.name_attribute.clear()).field, "name_attribute");
    let file = |path: &str| PasswordFrom::File(path.into());
    assert_eq!(refused(bind("cn=x", file("/nowhere/password"))).field, "bind");
    assert_eq!(refused(bind("cn=x", PasswordFrom::Text(Secret::default()))).field, "bind");
    assert_eq!(refused(bind("", PasswordFrom::Text(Secret::new("x")))).field, "bind");
    let error = refused(|settings| settings.authorities = Some("/nowhere/ca.pem".into()));
    assert!(error.to_string().starts_with("authorities: /nowhere/ca.pem: "), "{error}");
}

#[test]
fn c23_settings_do_not_print_their_password() {
    let mut settings = nowhere();
    let password = PasswordFrom::Text(Secret::new("canary"));
    settings.bind = Some(BindAs { dn: "cn=x".into(), password });
    assert!(!format!("{settings:?}").contains("canary"));
}
