//! `config show`: complete, readable back, and silent about secrets.

use super::super::{default_yaml, show};
use super::{SMALLEST, load};

const RICH: &str = "version: 0.1
storage: {filesystem: {rootdirectory: /r}, delete: {enabled: true}}
auth: {htpasswd: {path: /auth}}
http:
  addr: '[::1]:5000'
  host: https://a.example
  secret: hunter2
  headers: {X-A: ['yes', '1: 2']}
  debug: {addr: ':5001', prometheus: {enabled: true}}
  tls: {certificate: /c, key: /k, clientcas: [/a]}
health:
  file: [{file: /f}]
  http: [{uri: http://u, headers: {A: [b]}}]
  tcp: [{addr: 'h:1'}]
validation:
  manifests:
    urls: {allow: ['^https://'], deny: ['x: #']}
    indexes: {platforms: list, platformlist: [{architecture: arm64, os: linux}]}
berth:
  repositories: [{match: 'team/**', sparse: true}]
  http: {trusted_proxies: [10.0.0.0/8]}
  run_as: {uid: 5}
";

const AUTH: &str = "version: 0.1
storage: {filesystem: {rootdirectory: /r}}
http: {host: 'https://r.example'}
auth:
  berth:
    service: r
    token: {refresh_lifetime: 36h}
    certificates: {user: cn}
    admin: {name: ann, password: hunter2}
    sources:
    - {name: files, type: htpasswd, path: /p}
    - {name: staff, type: ldap, urls: ['ldaps://l'], user_base: 'ou=p', bind_dn: 'cn=b', bind_password: hunter2}
    - {name: login, type: oidc, issuer: 'https://l', client_id: b, client_secret: hunter2, scopes: [openid]}
    ci:
    - {issuer: 'https://ci', audience: r, claims: {repository: 'acme/*', ref: '**x'}, robot: ci}
    limits: {pulls: {anonymous: 100/6h}}
    audit: {syslog: /dev/log, pulls: 5%, retention: 0s}
";

const BUCKETS: [&str; 6] = [
    "version: 0.1
storage: {s3aws: {bucket: b, accesskey: A, secretkey: hunter2, regionendpoint: 'minio:9000', secure: false, encrypt: true, keyid: k}}
middleware: {storage: [{name: redirect, options: {baseurl: 'http://a'}}]}
berth: {metadata: {url: 'postgres://u:hunter2@h/d?sslmode=require'}, role: http, redirect: {networks: ['::/0']}}
",
    "version: 0.1
storage: {s3: {bucket: b, region: r, storageclass: none, redirectendpoint: 'https://c'}, redirect: {disable: true}}
berth: {metadata: {url: 'sqlite:/m'}, upload: {memory: 1GiB}, storage: {cache: {directory: /c, size: 1GiB}}}
",
    "version: 0.1
storage: {s3: {bucket: b, region: r}}
middleware: {storage: [{name: cloudfront, options: {baseurl: cdn, privatekey: /k, keypairid: K, ipfilteredby: awsregion, awsregion: 'a, b'}}]}
berth: {metadata: {url: 'sqlite:/m'}}
",
    "version: 0.1
storage: {gcs: {bucket: b, chunksize: 256KiB, credentials: {client_email: a, private_key: hunter2}}}
berth: {metadata: {url: 'postgres://u@h/d', password: hunter2}}
",
    "version: 0.1
storage: {azure: {container: c, connectionstring: 'AccountName=a;AccountKey=hunter2'}}
berth: {metadata: {url: 'postgres://u@h/d', password_file: /p}}
",
    "version: 0.1
storage: {azure: {container: c, accountname: a, credentials: {type: client_secret, clientid: c, tenantid: t, secret: hunter2}}}
berth: {metadata: {url: 'sqlite:/m'}}
",
];

#[test]
fn what_is_shown_of_a_bucket_or_of_accounts_reads_back_and_shows_no_secret() {
    for text in BUCKETS.into_iter().chain([AUTH]) {
        let config = load(text, &[]);
        let shown = show(&config);
        assert_eq!(show(&load(&shown, &[])), shown);
        assert!(
            !shown.contains("hunter2") && !format!("{config:?}").contains("hunter2"),
            "{shown}"
        );
    }
}

#[test]
fn what_is_shown_reads_back_as_the_same_settings() {
    for text in [SMALLEST, default_yaml(), RICH] {
        let mut config = load(text, &[]);
        let mut again = load(&show(&config), &[]);
        config.http.secret = None;
        again.http.secret = None;
        assert_eq!(config, again, "{}", show(&config));
    }
}

#[test]
fn a_secret_is_shown_as_stars() {
    let config = load(RICH, &[]);
    let shown = show(&config);
    assert!(shown.contains("  secret: \"***\"\n"), "{shown}");
    assert!(!shown.contains("hunter2") && !format!("{config:?}").contains("hunter2"));
}

#[test]
fn the_default_settings_read_as_documented() {
    let shown = show(&load(SMALLEST, &[]));
    let expected = include_str!("default_settings.yml");
    assert_eq!(shown, expected);
}
