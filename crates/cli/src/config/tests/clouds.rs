//! Google Cloud Storage and Azure Blob Storage: what their sections become, and what is refused.

use serde_json::json;

use super::super::storage::Driver;
use super::super::storage::azure::AzureLogin;
use super::super::storage::gcs::ServiceAccount;
use super::buckets::with;
use super::{at, error, first_line, load, warnings};

#[test]
fn parts_of_google_are_multiples_of_its_grain_and_large_enough() {
    let chunk = |size: &str| with("gcs", &format!("bucket: b, chunksize: {size}"));
    assert_eq!(at(&load(&with("gcs", "bucket: b"), &[]), "storage.gcs.chunksize"), json!(16 << 20));
    let small = chunk("262144");
    assert_eq!(at(&load(&small, &[]), "storage.gcs.chunksize"), json!(5 << 20));
    assert_eq!(warnings(&small, &[]).len(), 1);
    let line = first_line(&chunk("5242881"), &[]);
    assert!(
        line.ends_with(
            "storage.gcs.chunksize: 5242881 is no multiple of 256KiB; write it as 16MiB"
        ),
        "{line}"
    );
    assert!(first_line(&chunk("1"), &[]).contains("use 256KiB to 5GiB"));
}

#[test]
fn an_account_of_google_is_a_file_or_its_content() {
    let text = with("gcs", "bucket: b, credentials: {client_email: a, private_key: \"-\\nk\"}");
    let Driver::Gcs(gcs) = load(&text, &[]).storage.driver else { panic!() };
    let ServiceAccount::Credentials(account) = gcs.account.unwrap() else { panic!() };
    let json: serde_json::Value = serde_json::from_str(account.json().reveal()).unwrap();
    assert_eq!(json, json!({"client_email": "a", "private_key": "-\nk"}));
    let both = "bucket: b, keyfile: /k, credentials: {client_email: a, private_key: hunter2}";
    let text = error(&with("gcs", both), &[]);
    assert!(
        text.contains(
            "storage.gcs.credentials: are a second account beside storage.gcs.keyfile; keep one"
        ),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
    let text = error(&with("gcs", "bucket: b, credentials: {client_email: a}"), &[]);
    assert!(text.contains("storage.gcs.credentials: have no private_key"), "{text}");
    let text = error(&with("gcs", "bucket: b, credentials: hunter2"), &[]);
    assert!(
        text.starts_with(
            "config.yml:3:33: storage.gcs.credentials: wants a section of keys, not a text"
        ),
        "{text}"
    );
}

#[test]
fn azure_is_named_by_account_realm_address_or_connection_string() {
    let url = |keys: &str| {
        let text = with("azure", &format!("container: c, {keys}"));
        at(&load(&text, &[]), "storage.azure.serviceurl")
    };
    assert_eq!(url("accountname: a"), json!("https://a.blob.core.windows.net"));
    assert_eq!(
        url("accountname: a, realm: core.chinacloudapi.cn"),
        json!("https://a.blob.core.chinacloudapi.cn")
    );
    assert_eq!(url("accountname: a, serviceurl: 'http://az:10000/a'"), json!("http://az:10000/a"));
    let string = "connectionstring: 'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=a2V5Cg==;EndpointSuffix=x.net'";
    assert_eq!(url(string), json!("https://a.blob.x.net"));
    let Driver::Azure(azure) =
        load(&with("azure", &format!("container: c, {string}")), &[]).storage.driver
    else {
        panic!()
    };
    let AzureLogin::SharedKey { key } = azure.login else { panic!() };
    assert_eq!((azure.account_name.as_str(), key.reveal()), ("a", "a2V5Cg=="));
    let string = "connectionstring: 'AccountName=a;BlobEndpoint=http://127.0.0.1:10000/a;'";
    assert_eq!(url(string), json!("http://127.0.0.1:10000/a"));
    for (string, expected) in [
        (
            "AccountName=a;SharedAccessSignature=hunter2",
            "has a part \"SharedAccessSignature\" that is not supported; give accountname, accountkey and serviceurl instead",
        ),
        (
            "hunter2",
            "has a part \"without a name\" that is not supported; give accountname, accountkey and serviceurl instead",
        ),
        (
            "AccountName=a;BlobEndpoint=hunter2",
            "has a BlobEndpoint that is no address; write it in serviceurl",
        ),
    ] {
        let text = error(
            &with("azure", &format!("container: c, accountname: a, connectionstring: '{string}'")),
            &[],
        );
        assert!(text.contains(&format!("storage.azure.connectionstring: {expected}")), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn azure_signs_in_one_way() {
    let login = |keys: &str| {
        let text = with("azure", &format!("container: c, accountname: a, {keys}"));
        let azure = at(&load(&text, &[]), "storage.azure");
        json!([azure["accountkey"], azure["credentials"]["type"]])
    };
    assert_eq!(login("accountkey: k"), json!(["***", null]));
    assert_eq!(login("accountkey: k, credentials: {type: shared_key}"), json!(["***", null]));
    assert_eq!(login("max_retries: 1"), json!([null, "default_credentials"]));
    let said = warnings(
        &with(
            "azure",
            "container: c, accountname: a, accountkey: k, credentials: {type: shared_key, clientid: c}",
        ),
        &[],
    );
    assert!(
        said.len() == 1
            && said[0].contains("credentials.clientid: means nothing with type: shared_key"),
        "{said:?}"
    );
    for (keys, expected) in [
        ("credentials: {clientid: c}", "credentials.type: is missing; write type: client_secret"),
        (
            "credentials: {type: shared_key}",
            "accountkey: is missing beside credentials.type: shared_key",
        ),
        (
            "accountkey: k, credentials: {type: default_credentials}",
            "accountkey: is a second way in beside credentials.type: default_credentials; keep one",
        ),
        (
            "credentials: {type: client_secret, clientid: c, tenantid: t}",
            "credentials.secret: is missing; type: client_secret needs it",
        ),
    ] {
        let line =
            first_line(&with("azure", &format!("container: c, accountname: a, {keys}")), &[]);
        assert!(line.contains(&format!("storage.azure.{expected}")), "{line}");
    }
}
