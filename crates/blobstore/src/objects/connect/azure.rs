//! Azure Blob Storage.

use std::sync::Arc;

use object_store::Attributes;
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder, split_sas};
use store::StoreError;

use super::endpoint::{is_plain, with_scheme};
use super::{MIB, chunk_size, client_options, refused, retry, root, unusable};
use crate::objects::bucket::Clients;
use crate::objects::settings::{AzureCredentials, AzureSettings};

const DRIVER: &str = "azure";

/// What a connection string or the other settings say of an account.
#[derive(Default)]
struct Account {
    name: String,
    key: Option<String>,
    sas: Option<String>,
    url: Option<String>,
}

pub(super) fn clients(settings: &AzureSettings) -> Result<Clients, StoreError> {
    if settings.container.is_empty() {
        return Err(refused(DRIVER, "container", "is empty"));
    }
    let account = account(settings)?;
    if account.name.is_empty() {
        return Err(refused(DRIVER, "accountname", "is empty"));
    }
    let url = match (&settings.service_url, &account.url) {
        (Some(url), _) | (None, Some(url)) => with_scheme(url, true),
        (None, None) => format!("https://{}.blob.{}", account.name, settings.realm),
    };
    let plain = is_plain(&url);
    let builder = MicrosoftAzureBuilder::new()
        .with_account(&account.name)
        .with_container_name(&settings.container)
        .with_endpoint(url.clone())
        .with_allow_http(plain)
        .with_retry(retry(settings.max_retries, settings.retry_delay))
        .with_client_options(client_options(DRIVER, None, settings.skip_verify, plain)?);
    let builder = with_credentials(builder, settings, &account)?;
    let store = Arc::new(builder.build().map_err(|error| unusable(DRIVER, &error))?);
    Ok(Clients {
        objects: store.clone(),
        multipart: store.clone(),
        pages: Some(store.clone()),
        // A shared access signature cannot sign another one.
        signer: account.sas.is_none().then_some(store as _),
        public: super::is_public(&url),
        root: root(DRIVER, &settings.root)?,
        part: chunk_size(DRIVER, settings.chunk_size)?,
        smallest_part: MIB,
        attributes: Attributes::new(),
        part_copy: None,
        name: format!("Azure container {} of {}", settings.container, account.name),
    })
}

fn account(settings: &AzureSettings) -> Result<Account, StoreError> {
    let mut account = Account { name: settings.account.clone(), ..Account::default() };
    match &settings.credentials {
        AzureCredentials::SharedKey(key) => account.key = Some(key.reveal().to_owned()),
        AzureCredentials::ConnectionString(text) => {
            account = connection(text.reveal(), account)?;
        }
        AzureCredentials::ClientSecret { .. } | AzureCredentials::Default => {}
    }
    Ok(account)
}

fn connection(text: &str, mut account: Account) -> Result<Account, StoreError> {
    let (mut scheme, mut suffix) = ("https", None);
    for pair in text.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(refused(DRIVER, "connectionstring", "a piece between semicolons has no ="));
        };
        match key.to_ascii_lowercase().as_str() {
            "accountname" => value.clone_into(&mut account.name),
            "accountkey" => account.key = Some(value.to_owned()),
            "sharedaccesssignature" => account.sas = Some(value.to_owned()),
            "blobendpoint" => account.url = Some(value.to_owned()),
            "endpointsuffix" => suffix = Some(value),
            "defaultendpointsprotocol" => scheme = value,
            "queueendpoint" | "tableendpoint" | "fileendpoint" => {}
            _ => {
                let why = format!("does not know {}", oci::quoted(key));
                return Err(refused(DRIVER, "connectionstring", why));
            }
        }
    }
    if account.key.is_none() && account.sas.is_none() {
        let why = "has neither AccountKey nor SharedAccessSignature";
        return Err(refused(DRIVER, "connectionstring", why));
    }
    if account.url.is_none()
        && let Some(suffix) = suffix
    {
        account.url = Some(format!("{scheme}://{}.blob.{suffix}", account.name));
    }
    Ok(account)
}

fn with_credentials(
    builder: MicrosoftAzureBuilder,
    settings: &AzureSettings,
    account: &Account,
) -> Result<MicrosoftAzureBuilder, StoreError> {
    if let Some(key) = &account.key {
        return Ok(builder.with_access_key(key));
    }
    if let Some(sas) = &account.sas {
        let pairs = split_sas(sas).map_err(|error| unusable(DRIVER, &error))?;
        return Ok(builder.with_sas_authorization(pairs));
    }
    if let AzureCredentials::ClientSecret { client_id, tenant_id, secret } = &settings.credentials {
        return Ok(builder.with_client_secret_authorization(client_id, secret.reveal(), tenant_id));
    }
    Ok(VARIABLES
        .iter()
        .filter_map(|(name, key)| Some((*key, std::env::var(name).ok()?)))
        .filter(|(_, value)| !value.is_empty())
        .fold(builder, |builder, (key, value)| builder.with_config(key, value)))
}

/// Variables of the default credentials, and no other: none may lead the bytes
/// elsewhere.
const VARIABLES: [(&str, AzureConfigKey); 7] = [
    ("AZURE_CLIENT_ID", AzureConfigKey::ClientId),
    ("AZURE_CLIENT_SECRET", AzureConfigKey::ClientSecret),
    ("AZURE_TENANT_ID", AzureConfigKey::AuthorityId),
    ("AZURE_AUTHORITY_HOST", AzureConfigKey::AuthorityHost),
    ("AZURE_FEDERATED_TOKEN_FILE", AzureConfigKey::FederatedTokenFile),
    ("IDENTITY_ENDPOINT", AzureConfigKey::MsiEndpoint),
    ("MSI_ENDPOINT", AzureConfigKey::MsiEndpoint),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_names_account_key_and_address() {
        let text = "DefaultEndpointsProtocol=http;AccountName=dev;AccountKey=a2V5==;\
                    BlobEndpoint=http://127.0.0.1:10000/dev;";
        let account = connection(text, Account::default()).unwrap();
        assert_eq!(account.name, "dev");
        assert_eq!(account.key.as_deref(), Some("a2V5=="));
        assert_eq!(account.url.as_deref(), Some("http://127.0.0.1:10000/dev"));

        let suffixed = "AccountName=dev;AccountKey=k;EndpointSuffix=core.example";
        let account = connection(suffixed, Account::default()).unwrap();
        assert_eq!(account.url.as_deref(), Some("https://dev.blob.core.example"));
    }

    #[test]
    fn a_connection_string_that_cannot_be_honoured_is_refused() {
        for text in ["AccountName=dev", "AccountName", "AccountKey=k;Colour=red"] {
            assert!(connection(text, Account::default()).is_err(), "{text}");
        }
    }
}
