use std::collections::HashSet;

use ldap3::Mod;

use super::server::Slapd;
use super::*;

const ANN: &str = "uid=ann,ou=people,dc=example,dc=org";

#[tokio::test]
#[ignore = "needs slapd"]
async fn the_right_password_tells_who_it_is() {
    let slapd = Slapd::start().await;
    let ann = slapd.ldap().verify("ann", "ann-secret").await.unwrap().unwrap();
    assert_eq!((ann.name.as_str(), ann.subject.as_str()), ("ann", ANN));
    assert_eq!(ann.email.as_deref(), Some("ann@example.org"));
    assert_eq!(ann.groups, ["admins", "devs"]);
    let bob = slapd.ldap().verify("bob", "bob-secret").await.unwrap().unwrap();
    assert_eq!((bob.email, bob.groups), (None, vec!["devs".to_owned()]));
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn everything_else_signs_nobody_in() {
    let slapd = Slapd::start().await;
    let ldap = slapd.ldap();
    for (user, password) in [
        ("ann", "wrong"),
        ("ann", "bob-secret"),
        ("ann", ""),
        ("nobody", "ann-secret"),
        ("nobody", ""),
        ("", ""),
        ("*", "ann-secret"),
        ("a*", "ann-secret"),
        ("*)(uid=*", "ann-secret"),
        ("ann)(uid=ann", "ann-secret"),
        ("ann)(|(uid=*", "ann-secret"),
        ("nobody)(|(uid=ann)", "ann-secret"),
        ("ann\\", "ann-secret"),
        ("\\61nn", "ann-secret"),
        (ANN, "ann-secret"),
        ("{user}", "ann-secret"),
        ("cn=root,dc=example,dc=org", "root-secret"),
    ] {
        assert_eq!(ldap.verify(user, password).await.unwrap(), None, "{user} {password}");
    }
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn a_name_has_one_spelling_whatever_was_typed() {
    let slapd = Slapd::start().await;
    for typed in ["ANN", "Ann", "ann "] {
        let found = slapd.ldap().verify(typed, "ann-secret").await.unwrap();
        assert_eq!(found.map(|identity| identity.name).as_deref(), Some("ann"), "{typed:?}");
    }
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn what_the_directory_folds_into_a_name_signs_nobody_in() {
    let slapd = Slapd::start().await;
    let by_mail = slapd.ldap_with(|settings| {
        settings.user_filter = "(|(uid={user})(mail={user}))".into();
    });
    for (typed, is_right) in [
        ("ann@example.org", true),
        ("ANN@Example.org", true),
        ("ann", true),
        ("\u{ff41}nn", false),
        ("a\u{ad}nn", false),
        ("a\u{200b}nn", false),
        ("\u{ff41}nn@example.org", false),
    ] {
        // The directory itself takes most of them for ann.
        let found = by_mail.verify(typed, "ann-secret").await.unwrap();
        assert_eq!(found.is_some(), is_right, "{typed:?}");
    }
    assert!(by_mail.look_up("\u{ff41}nn").await.unwrap().is_some(), "it is folded there");
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn a_removed_group_is_gone_at_the_next_login() {
    let slapd = Slapd::start().await;
    let ldap = slapd.ldap();
    let groups = async || ldap.verify("bob", "bob-secret").await.unwrap().unwrap().groups;
    assert_eq!(groups().await, ["devs"]);
    let bob = "uid=bob,ou=people,dc=example,dc=org";
    let change = Mod::Delete("member", HashSet::from([bob]));
    slapd.modify("cn=devs,ou=groups,dc=example,dc=org", change).await;
    assert!(groups().await.is_empty());
    let change = Mod::Add("member", HashSet::from([bob]));
    slapd.modify("cn=admins,ou=groups,dc=example,dc=org", change).await;
    assert_eq!(groups().await, ["admins"]);
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn a_changed_password_counts_at_once() {
    let slapd = Slapd::start().await;
    let ldap = slapd.ldap();
    assert!(ldap.verify("ann", "ann-secret").await.unwrap().is_some());
    slapd.modify(ANN, Mod::Replace("userPassword", HashSet::from(["other"]))).await;
    assert_eq!(ldap.verify("ann", "ann-secret").await.unwrap(), None);
    assert!(ldap.verify("ann", "other").await.unwrap().is_some());
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn two_entries_for_one_name_sign_nobody_in() {
    let slapd = Slapd::start().await;
    let ldap = slapd.ldap_with(|settings| settings.user_filter = "(employeeType={user})".into());
    for password in ["ann-secret", "bob-secret"] {
        assert_eq!(ldap.verify("staff", password).await.unwrap(), None);
    }
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn without_a_searching_account_the_directory_is_searched_by_nobody() {
    let slapd = Slapd::start().await;
    let ldap = slapd.ldap_with(|settings| settings.bind = None);
    let ann = ldap.verify("ann", "ann-secret").await.unwrap().unwrap();
    assert_eq!(ann.groups, ["admins", "devs"]);
    assert_eq!(ldap.verify("ann", "wrong").await.unwrap(), None);
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn connections_are_encrypted_for_the_trusted_authority_alone() {
    let slapd = Slapd::start().await;
    let (url, authority) = slapd.encrypted();
    let by_ldaps = slapd.ldap_with(|settings| {
        settings.urls = vec![url.clone()];
        settings.authorities = Some(authority.clone());
    });
    assert!(by_ldaps.verify("ann", "ann-secret").await.unwrap().is_some());
    let by_starttls = slapd.ldap_with(|settings| {
        settings.starttls = true;
        settings.authorities = Some(authority);
    });
    assert!(by_starttls.verify("ann", "ann-secret").await.unwrap().is_some());
    let untrusted = slapd.ldap_with(|settings| settings.urls = vec![url]);
    assert!(matches!(
        untrusted.verify("ann", "ann-secret").await,
        Err(SourceError::Unavailable(_))
    ));
    let unencrypted = slapd.ldap_with(|settings| settings.starttls = true);
    assert!(unencrypted.verify("ann", "ann-secret").await.is_err(), "no silent fallback");
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn the_next_server_answers_when_the_first_is_away() {
    let slapd = Slapd::start().await;
    let ldap = slapd.ldap_with(|settings| settings.urls.insert(0, nowhere().urls.remove(0)));
    assert!(ldap.verify("ann", "ann-secret").await.unwrap().is_some());
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn a_wrong_configuration_is_told_and_is_not_a_wrong_password() {
    let slapd = Slapd::start().await;
    let told = async |change: fn(&mut LdapSettings)| {
        let told = slapd.ldap_with(change).verify("ann", "ann-secret").await;
        told.unwrap_err().to_string()
    };
    let wrong_account = |settings: &mut LdapSettings| {
        settings.bind.as_mut().unwrap().password = PasswordFrom::Text(Secret::new("canary"));
    };
    let text = told(wrong_account).await;
    assert!(text.contains("signing in to search") && !text.contains("canary"), "{text}");
    let text = told(|settings| settings.user_base = "ou=nowhere,dc=example,dc=org".into()).await;
    assert!(text.contains("ou=nowhere"), "{text}");
    let text = told(|settings| settings.name_attribute = "sAMAccountName".into()).await;
    assert!(text.contains("sAMAccountName"), "{text}");
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn the_password_of_the_searching_account_can_be_changed_in_its_file() {
    let slapd = Slapd::start().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("password");
    std::fs::write(&path, "root-secret\n").unwrap();
    let ldap = slapd.ldap_with(|settings| {
        settings.bind.as_mut().unwrap().password = PasswordFrom::File(path.clone());
    });
    assert!(ldap.verify("ann", "ann-secret").await.unwrap().is_some());
    std::fs::write(&path, "wrong").unwrap();
    assert!(ldap.verify("ann", "ann-secret").await.is_err());
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn many_logins_at_once_share_few_connections() {
    let slapd = Slapd::start().await;
    let ldap = Arc::new(slapd.ldap());
    let logins = (0..40).map(|n| {
        let ldap = ldap.clone();
        let password = if n % 2 == 0 { "ann-secret" } else { "wrong" };
        tokio::spawn(async move { (n, ldap.verify("ann", password).await.unwrap().is_some()) })
    });
    for login in logins.collect::<Vec<_>>() {
        let (n, signed_in) = login.await.unwrap();
        assert_eq!(signed_in, n % 2 == 0);
    }
    assert_eq!(ldap.connections.available_permits(), MAX_CONNECTIONS);
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn a_user_is_looked_up_without_a_password() {
    let slapd = Slapd::start().await;
    let ldap = slapd.ldap();
    let found = async |user| ldap.look_up(user).await.unwrap();
    let ann = found("ann").await.unwrap();
    let signed_in = ldap.verify("ann", "ann-secret").await.unwrap().unwrap();
    assert_eq!((ann.identity, ann.tells_groups), (signed_in, true));
    for user in ["nobody", "", "*", "a*", "ann)(uid=ann", "a\0nn", ANN] {
        assert_eq!(found(user).await, None, "{user:?}");
    }
    for filter in ["(mail={user})", "(&(mail={user})(objectClass=inetOrgPerson))"] {
        let by_mail = slapd.ldap_with(|settings| settings.user_filter = filter.into());
        assert_eq!(by_mail.verify("ann", "ann-secret").await.unwrap(), None);
        let signed_in = by_mail.verify("ann@example.org", "ann-secret").await.unwrap().unwrap();
        let known = by_mail.look_up(&signed_in.name).await.unwrap();
        assert_eq!(known.map(|known| known.identity), Some(signed_in), "{filter}");
    }
    let no_person = "(&(mail={user})(objectClass=device))";
    let no_person = slapd.ldap_with(|settings| settings.user_filter = no_person.into());
    assert_eq!(no_person.look_up("ann").await.unwrap(), None, "the rest of the filter counts");
    let by_nobody = slapd.ldap_with(|settings| settings.bind = None);
    let ann = by_nobody.look_up("ann").await.unwrap().unwrap();
    assert_eq!((ann.identity.groups.len(), ann.tells_groups), (0, false));
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn logins_and_look_ups_do_not_wait_for_each_other() {
    let slapd = Slapd::start().await;
    let ldap = slapd.ldap_with(|settings| settings.timeout = Duration::from_secs(1));
    let all = u32::try_from(MAX_CONNECTIONS).unwrap();
    let logins = ldap.connections.clone().acquire_many_owned(all).await.unwrap();
    assert!(ldap.look_up("ann").await.unwrap().is_some());
    drop(logins);
    let all = u32::try_from(MAX_LOOK_UPS).unwrap();
    let look_ups = ldap.look_ups.clone().acquire_many_owned(all).await.unwrap();
    assert!(ldap.verify("ann", "ann-secret").await.unwrap().is_some());
    let late = ldap.look_up("ann").await;
    assert!(matches!(late, Err(SourceError::Busy)), "{late:?}");
    drop(look_ups);
}
