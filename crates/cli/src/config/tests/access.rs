//! `auth`: which way in, and each refusal by its text.

use serde_json::json;

use super::{SMALLEST, at, error, first_line, load, warnings};

fn with(auth: &str) -> String {
    format!("{SMALLEST}auth: {auth}\n")
}

#[test]
fn accounts_are_chosen_by_a_word_in_the_environment_alone() {
    let config = load(SMALLEST, &[("REGISTRY_AUTH", "berth")]);
    assert_eq!(config.auth.name(), "berth");
    assert_eq!(at(&config, "auth.berth.token.pull_lifetime"), json!("15m"));
    assert_eq!(at(&config, "auth.berth.token.push_lifetime"), json!("30m"));
    assert_eq!(at(&config, "auth.berth.token.refresh_lifetime"), json!("30d"));
    assert_eq!(at(&config, "auth.berth.audit.retention"), json!("365d"));
    assert_eq!(at(&config, "auth.berth.limits.pulls.anonymous"), json!("off"));
}

#[test]
fn a_variable_changes_one_item_of_a_list() {
    let env = [
        ("REGISTRY_AUTH", "berth"),
        ("REGISTRY_AUTH_BERTH_SOURCES_0_NAME", "staff"),
        ("REGISTRY_AUTH_BERTH_SOURCES_0_TYPE", "ldap"),
        ("REGISTRY_AUTH_BERTH_SOURCES_0_URLS", "ldaps://l.example"),
        ("REGISTRY_AUTH_BERTH_SOURCES_0_USER_BASE", "ou=people,dc=example"),
        ("REGISTRY_AUTH_BERTH_SOURCES_0_BIND_DN", "cn=berth,dc=example"),
        ("REGISTRY_AUTH_BERTH_SOURCES_0_BIND_PASSWORD", "hunter2"),
        ("REGISTRY_AUTH_BERTH_ADMIN", "{name: ann, password_file: /run/p}"),
        (
            "REGISTRY_AUTH_BERTH_CI",
            "[{issuer: 'https://ci', audience: a, robot: ci, claims: {repository: 'acme/*'}}]",
        ),
    ];
    let config = load(SMALLEST, &env);
    assert_eq!(at(&config, "auth.berth.sources.0.urls"), json!(["ldaps://l.example"]));
    assert_eq!(at(&config, "auth.berth.sources.0.user_filter"), json!("(uid={user})"));
    assert_eq!(at(&config, "auth.berth.ci.0.claims.repository"), json!("acme/*"));
    assert_eq!(at(&config, "auth.berth.admin.password_file"), json!("/run/p"));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn the_variables_of_commands_are_no_settings() {
    let env = [("BERTH_TOKEN", "bpat_x"), ("BERTH_SERVER", "https://r.example")];
    assert_eq!(warnings(SMALLEST, &env), Vec::<String>::new());
}

#[test]
fn what_cannot_let_anybody_in_is_refused_with_the_way_out() {
    let token = "realm: 'https://a', service: s, issuer: i";
    let ldap = "name: l, type: ldap, user_base: b";
    for (auth, said) in [
        ("silly", "auth.silly.realm: is missing; name the address for tokens"),
        ("{silly: {realm: r}}", "auth.silly.service: is missing; name this registry"),
        ("{token: {service: s, issuer: i, jwks: k}}", "auth.token.realm: is missing"),
        (
            "{token: {realm: auth, service: s, issuer: i, jwks: k}}",
            "auth.token.realm: \"auth\" is no address",
        ),
        ("{token: {realm: 'https://a', issuer: i, jwks: k}}", "auth.token.service: is missing"),
        ("{token: {realm: 'https://a', service: s, jwks: k}}", "auth.token.issuer: is missing"),
        (&format!("{{token: {{{token}}}}}"), "auth.token: names no key"),
        (&format!("{{token: {{{token}, jwks: 'http://a/keys'}}}}"), "over https only"),
        (
            &format!("{{token: {{{token}, jwks: k, signingalgorithms: [none]}}}}"),
            "\"none\" is unknown; known are ES256",
        ),
        (
            &format!("{{token: {{{token}, jwks: k, signingalgorithms: [HS256]}}}}"),
            "names no algorithm",
        ),
        (&format!("{{token: {{{token}, jwks: k, autoredirectpath: t}}}}"), "begin it with a slash"),
        ("{berth: {tokens: {}}}", "auth.berth.tokens: unknown key; did you mean \"token\"?"),
        (
            "{berth: {token: {pull_lifetime: 1h}}}",
            "auth.berth.token.pull_lifetime: 1h is out of range; use 1m to 15m",
        ),
        ("{berth: {token: {push_lifetime: 31m}}}", "use 1m to 30m"),
        ("{berth: {token: {refresh_lifetime: 2y}}}", "wants a duration such as 30d"),
        ("{berth: {service: 'a\"b'}}", "cannot stand in a challenge header"),
        ("{berth: {admin: {name: ann}}}", "auth.berth.admin.password_file: is missing"),
        ("{berth: {admin: {password: x}}}", "auth.berth.admin.name: is missing"),
        ("{berth: {admin: {name: 'a:b', password: x}}}", "auth.berth.admin.name: "),
        ("{berth: {admin: {name: a, password: x, password_file: y}}}", "keep one of the two"),
        (
            "{berth: {sources: [{type: htpasswd, path: p}]}}",
            "auth.berth.sources[0].name: is missing",
        ),
        ("{berth: {sources: [{name: a/b, type: htpasswd, path: p}]}}", "is no name of a source"),
        ("{berth: {sources: [{name: local, type: htpasswd, path: p}]}}", "means Berth itself"),
        ("{berth: {sources: [{name: a, type: kerberos}]}}", "wants one of htpasswd, ldap, oidc"),
        ("{berth: {sources: [{name: a, type: htpasswd}]}}", "sources[0].path: is missing"),
        (
            "{berth: {sources: [{name: a, type: htpasswd, path: p, urls: [x]}]}}",
            "has no meaning for a source of type htpasswd",
        ),
        (
            "{berth: {sources: [{name: a, type: htpasswd, path: p}, {name: a, type: htpasswd, path: q}]}}",
            "is the name of an earlier source",
        ),
        (&format!("{{berth: {{sources: [{{{ldap}}}]}}}}"), "sources[0].urls: is missing"),
        (
            &format!("{{berth: {{sources: [{{{ldap}, urls: ['ldap://l']}}]}}}}"),
            "sends passwords in the clear; write ldaps://",
        ),
        (
            &format!("{{berth: {{sources: [{{{ldap}, urls: ['http://l']}}]}}}}"),
            "is no address of a directory",
        ),
        (
            &format!("{{berth: {{sources: [{{{ldap}, urls: ['ldaps://l'], bind_dn: b}}]}}}}"),
            "bind_password_file: is missing beside bind_dn",
        ),
        (
            &format!(
                "{{berth: {{sources: [{{{ldap}, urls: ['ldaps://l'], user_filter: '(uid=*)'}}]}}}}"
            ),
            "does not say whom it is about",
        ),
        (
            "{berth: {sources: [{name: o, type: oidc, client_id: c, issuer: 'http://login.example'}]}}",
            "impersonated by anybody",
        ),
        (
            "{berth: {sources: [{name: o, type: oidc, client_id: c, issuer: 'http://login.example', allow_private: true}]}}",
            "impersonated by anybody",
        ),
        (
            "{berth: {sources: [{name: o, type: oidc, client_id: c, issuer: 'https://l', scopes: [email]}]}}",
            "lacks openid",
        ),
        (
            "{berth: {sources: [{name: o, type: oidc, client_id: c, issuer: 'https://l', token_lifetime: 1h}]}}",
            "sources[0].token_lifetime: 1h is out of range; use 1d to 366d",
        ),
        (
            "{berth: {ci: [{issuer: 'https://ci', robot: ci, claims: {a: b}}]}}",
            "ci[0].audience: is missing",
        ),
        (
            "{berth: {ci: [{issuer: 'https://ci', audience: a, robot: ci}]}}",
            "everybody at the issuer",
        ),
        (
            "{berth: {ci: [{issuer: 'https://ci', audience: a, robot: ci, claims: {repository: '**'}}]}}",
            "everybody at the issuer",
        ),
        (
            "{berth: {ci: [{issuer: 'https://token.actions.githubusercontent.com', audience: a, robot: ci, claims: {ref: refs/heads/main}}]}}",
            "ci[0].claims: {ref: refs/heads/main} fits strangers as well",
        ),
        (
            "{berth: {ci: [{issuer: 'https://token.actions.githubusercontent.com', audience: a, robot: ci, claims: {repository: '*/app'}}]}}",
            "ci[0].claims.repository: \"*/app\" fits strangers as well",
        ),
        (
            "{berth: {ci: [{issuer: 'https://gitlab.com', audience: a, robot: ci, claims: {ref_protected: 'true'}}]}}",
            "such as project_path: acme/*",
        ),
        (
            "{berth: {ci: [{issuer: 'https://ci', audience: a, robot: 'c i', claims: {a: b}}]}}",
            "ci[0].robot: ",
        ),
        (
            "{berth: {ci: [{issuer: 'https://ci', audience: a, robot: x, claims: {a: b}}, {issuer: 'https://ci', audience: a, robot: y, claims: {a: c}, jwks: /k}]}}",
            "is found in another way by an earlier item",
        ),
        ("{berth: {certificates: {}}}", "auth.berth.certificates.user: is missing"),
        ("{berth: {certificates: {user: ou}}}", "wants one of cn, email, uri, dns"),
        ("{berth: {throttle: {free: 0}}}", "use 1 to 1000"),
        (
            "{berth: {limits: {pulls: {anonymous: many}}}}",
            "\"many\" is no rate; write it as 100/6h, or off",
        ),
        ("{berth: {audit: {pulls: 101%}}}", "write off, or a part such as 5%"),
        ("{berth: {audit: {syslog: logs}}}", "write /dev/log or udp://"),
    ] {
        let all = error(&with(auth), &[]);
        let about_auth = all.lines().any(|line| line.contains("auth.") && line.contains(said));
        assert!(about_auth, "{auth}\n{all}");
    }
}

#[test]
fn the_place_of_a_mistake_in_a_list_is_that_of_its_item() {
    let text = "version: 0.1\nstorage: filesystem\nauth:\n  berth:\n    sources:\n    - name: a\n      type: ldap\n      urls: [ldaps://l]\n";
    let line = first_line(text, &[]);
    assert!(
        line.starts_with("config.yml:6:7: auth.berth.sources[0].user_base: is missing"),
        "{line}"
    );
}

#[test]
fn what_works_in_the_clear_is_warned_of() {
    let text = with(
        "{berth: {sources: [{name: l, type: ldap, urls: ['ldap://l'], plain: true, user_base: b}]}}",
    );
    let said = warnings(&text, &[]);
    assert!(said.iter().any(|line| line.contains("sends passwords in the clear")), "{said:?}");
    let loopback = "{berth: {sources: [{name: o, type: oidc, client_id: c, issuer: 'http://127.0.0.1:9', allow_private: true}]}}";
    load(&with(loopback), &[]);
}

#[test]
fn what_would_do_nothing_in_silence_is_said_with_the_way_out() {
    let tls = |more: &str| {
        format!("http: {{host: 'https://r', tls: {{certificate: c, key: k{more}}}}}\n")
    };
    let by_certificate = format!("{}auth: {{berth: {{certificates: {{user: cn}}}}}}\n", SMALLEST);
    let nobody = "auth.berth.certificates: signs nobody in: no client is asked for a certificate; \
                  name their authorities in http.tls.clientcas";
    let unverified = "auth.berth.certificates: signs nobody in: http.tls.clientauth verifies no \
                      certificate; set http.tls.clientauth: verify-client-cert-if-given";
    for (http, said) in [
        (String::new(), Some(nobody)),
        (tls(""), Some(nobody)),
        (tls(", clientcas: [a], clientauth: request-client-cert"), Some(unverified)),
        (tls(", clientcas: [a], clientauth: require-any-client-cert"), Some(unverified)),
        (tls(", clientcas: [a], clientauth: verify-client-cert-if-given"), None),
        (tls(", clientcas: [a]"), None),
    ] {
        let all = warnings(&format!("{by_certificate}{http}"), &[]);
        match said {
            Some(said) => assert!(all.iter().any(|it| it.ends_with(said)), "{http}: {all:?}"),
            None => assert_eq!(all, Vec::<String>::new(), "{http}"),
        }
    }
    let provider =
        with("{berth: {sources: [{name: o, type: oidc, client_id: c, issuer: 'https://l'}]}}");
    let said = "auth.berth.sources[0].type: oidc: signs nobody in without http.host";
    assert!(warnings(&provider, &[]).iter().any(|it| it.contains(said)));
    let named = format!("{provider}http: {{host: 'https://r'}}\n");
    assert!(!warnings(&named, &[]).iter().any(|it| it.contains(said)));
}

#[test]
fn redirects_that_do_nothing_or_outlive_a_right_are_said() {
    let files = format!("{SMALLEST}berth: {{redirect: {{networks: [10.0.0.0/8]}}}}\n");
    let said = "berth.redirect.networks: sends nobody anywhere";
    assert!(warnings(&files, &[]).iter().any(|it| it.contains(said)));
    let bucket = |auth: &str, redirect: &str| {
        let text = format!(
            "version: 0.1\nstorage: {{gcs: {{bucket: b}}}}\nauth: {auth}\nhttp: {{host: 'https://r'}}\n\
             berth: {{metadata: {{url: 'postgres://u@h/d'}}, redirect: {{{redirect}}}}}\n"
        );
        let said = "berth.redirect.expires: 2m: whoever has such an address";
        warnings(&text, &[]).iter().any(|it| it.contains(said))
    };
    assert!(bucket("berth", "expires: 2m"));
    assert!(!bucket("berth", "expires: 60s"));
    assert!(!bucket("berth", "expires: 2m, enabled: never"));
    assert!(!bucket("{htpasswd: {path: p}}", "expires: 2m"));
}
