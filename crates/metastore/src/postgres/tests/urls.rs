//! URLs: what they say, and that nothing says the password.

use std::path::PathBuf;

use super::super::options::{ClientCertificate, Host, RootCertificates, TlsMode};
use super::*;

fn parse(url: &str) -> PostgresOptions {
    PostgresOptions::from_url(url).unwrap()
}

fn tcp(name: &str, port: u16) -> Host {
    Host::Tcp(name.into(), port)
}

#[test]
fn a_url_names_user_password_host_port_and_database() {
    let options = parse("postgres://ann:p%40ss%2Fw%25@db.example:6432/registry");
    assert_eq!((options.user.as_str(), options.database.as_str()), ("ann", "registry"));
    assert_eq!(options.password.as_deref(), Some("p@ss/w%"));
    assert_eq!(options.hosts, [tcp("db.example", 6432)]);
    assert_eq!((options.tls, options.root_certificates), (TlsMode::Prefer, None));
    assert_eq!((options.max_connections, options.prepared), (16, true));
}

#[test]
fn what_a_url_leaves_out_has_a_default() {
    let options = parse("postgresql://ann@db");
    assert_eq!((options.hosts, options.database.as_str()), (vec![tcp("db", 5432)], "ann"));
    assert_eq!(options.password, None);
    assert_eq!(parse("postgres://ann:@db/x").password, None);
}

#[test]
fn a_url_may_name_several_hosts_addresses_and_sockets() {
    let options = parse("postgres://ann@one,two:1,[::1]:2,[fe80::1]/x");
    let hosts = [tcp("one", 5432), tcp("two", 1), tcp("::1", 2), tcp("fe80::1", 5432)];
    assert_eq!(options.hosts, hosts);
    let socket = [Host::Socket(PathBuf::from("/run/postgresql"), 5433)];
    assert_eq!(parse("postgres://ann@%2Frun%2Fpostgresql:5433/x").hosts, socket);
    let by_parameter = "postgres:///x?user=ann&host=/run/postgresql&port=5433";
    assert_eq!(parse(by_parameter).hosts, socket);
}

#[test]
fn parameters_are_read() {
    let options = parse(
        "postgres://db/?user=ann&password=p%26&dbname=x&sslmode=verify-full\
         &sslrootcert=/etc/ca.pem&sslcert=/etc/us.crt&sslkey=/etc/us.key&application_name=one&options=-c%20search_path%3Db",
    );
    assert_eq!((options.user.as_str(), options.database.as_str()), ("ann", "x"));
    assert_eq!((options.password.as_deref(), options.tls), (Some("p&"), TlsMode::VerifyFull));
    let file = RootCertificates::File(PathBuf::from("/etc/ca.pem"));
    assert_eq!(options.root_certificates, Some(file));
    let (certificate, key) = (PathBuf::from("/etc/us.crt"), PathBuf::from("/etc/us.key"));
    assert_eq!(options.client_certificate, Some(ClientCertificate { certificate, key }));
    assert_eq!(options.application_name, "one");
    assert_eq!(options.server_options.as_deref(), Some("-c search_path=b"));
    let system = parse("postgres://ann@db/x?sslmode=verify-ca&sslrootcert=system");
    assert_eq!(system.root_certificates, Some(RootCertificates::System));
}

#[test]
fn a_url_that_cannot_be_read_names_the_part_and_not_the_password() {
    let secret = "s3cr3t";
    let cases = [
        ("mysql://ann:s3cr3t@db/x", "begin with postgres://"),
        ("postgres://:s3cr3t@db/x", "names no user"),
        ("postgres://ann:s3cr3t@/x", "names no host"),
        ("postgres://ann:s3cr3t@db:port/x", "port"),
        ("postgres://ann:s3cr3t@db:0/x", "port"),
        ("postgres://ann:s3cr3t%zz@db/x", "password with a broken % sequence"),
        ("postgres://ann:s3cr3t@db/x%00", "database with a broken % sequence"),
        ("postgres://ann:a/s3cr3t@db/x", "%2F"),
        ("postgres://ann:5/s3cr3t@db", "names no user"),
        ("postgres://ann:s3cr3t?x@db/x", "%3F"),
        ("postgres://ann:1?s3cr3t=x@db/x", "%3F"),
        ("postgres://ann:s3cr3t@db/x?sslcert=/x", "sslcert and sslkey"),
        ("postgres://ann:s3cr3t@db/x?sslkey=/x", "sslcert and sslkey"),
        ("postgres://ann@db/x?s3cr3t=1", "a parameter that is not known"),
        ("postgres://ann@db/x?password=1&s3cr3t", "has a parameter without ="),
        ("postgres://ann@db/x?sslmode=s3cr3t", "sslmode"),
        ("postgres://ann:s3cr3t@[::1/x", "closing ]"),
    ];
    for (url, part) in cases {
        match PostgresOptions::from_url(url) {
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains(part) && !text.contains(secret), "{url}: {text}");
                assert!(!format!("{error:?}").contains(secret), "{error:?}");
            }
            Ok(options) => panic!("{url} was read as {options:?}"),
        }
    }
}

#[test]
fn options_never_show_their_password() {
    let options = parse("postgres://ann:s3cr3t@db,[::1]:2/x?sslmode=require");
    for text in [format!("{options:?}"), format!("{options:#?}"), options.to_string()] {
        assert!(!text.contains("s3cr3t"), "{text}");
    }
    assert_eq!(options.to_string(), "postgres://ann@db:5432,[::1]:2/x?sslmode=require");
}
