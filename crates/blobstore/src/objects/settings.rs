//! What is needed to reach a bucket: the settings of the original registry's
//! drivers as plain types. Which dialect said what is the configuration's
//! business; what a setting means is decided here.

use super::Secret;

/// Which bucket, and how to reach it.
#[derive(Clone)]
pub enum BucketSettings {
    /// Amazon S3 and everything that speaks its protocol.
    S3(S3Settings),
    /// Google Cloud Storage.
    Gcs(GcsSettings),
    /// Azure Blob Storage.
    Azure(AzureSettings),
}

/// The `s3` driver. Field for field its parameters.
#[derive(Clone)]
pub struct S3Settings {
    /// `bucket`.
    pub bucket: String,
    /// `region`; needed unless `region_endpoint` is given.
    pub region: Option<String>,
    /// `regionendpoint`: host or URL of a server that speaks S3.
    pub region_endpoint: Option<String>,
    /// `redirectendpoint`: host or URL that clients reach the same server by.
    pub redirect_endpoint: Option<String>,
    /// `forcepathstyle`, as the dialect meant it: `http://host/bucket/key`
    /// instead of `http://bucket.host/key`.
    pub path_style: bool,
    /// Where the keys to sign with come from.
    pub credentials: S3Credentials,
    /// `encrypt`: ask for encryption at rest with the store's own keys.
    pub encrypt: bool,
    /// `keyid`: the KMS key to encrypt with; only together with `encrypt`.
    pub key_id: Option<String>,
    /// `secure`: HTTPS where an endpoint does not name a scheme.
    pub secure: bool,
    /// `skipverify`: take any certificate.
    pub skip_verify: bool,
    /// `v4auth`; the older signature is not spoken.
    pub v4_auth: bool,
    /// `chunksize`: bytes of a part of an upload, at least 5 MiB.
    pub chunk_size: u64,
    /// `multipartcopychunksize`: bytes of a part of a copy.
    pub copy_chunk_size: u64,
    /// `multipartcopymaxconcurrency`: parts of one copy at a time.
    pub copy_concurrency: usize,
    /// `multipartcopythresholdsize`: larger objects are copied in parts.
    pub copy_threshold: u64,
    /// `rootdirectory`: the folder in the bucket below which everything lies.
    pub root: String,
    /// `storageclass`; `None` is not sent, as `NONE` and `STANDARD`.
    pub storage_class: Option<String>,
    /// `useragent`.
    pub user_agent: Option<String>,
    /// `objectacl`.
    pub object_acl: Option<String>,
    /// `accelerate`: Amazon's transfer acceleration.
    pub accelerate: bool,
    /// `usedualstack`: Amazon's names that have IPv6 addresses.
    pub dual_stack: bool,
    /// `usefipsendpoint`: Amazon's names with FIPS cryptography.
    pub fips: bool,
}

impl S3Settings {
    /// A bucket with the original's defaults.
    pub fn new(bucket: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            region: None,
            region_endpoint: None,
            redirect_endpoint: None,
            path_style: false,
            credentials: S3Credentials::Chain,
            encrypt: false,
            key_id: None,
            secure: true,
            skip_verify: false,
            v4_auth: true,
            chunk_size: 10 << 20,
            copy_chunk_size: 32 << 20,
            copy_concurrency: 100,
            copy_threshold: 32 << 20,
            root: String::new(),
            storage_class: None,
            user_agent: None,
            object_acl: None,
            accelerate: false,
            dual_stack: false,
            fips: false,
        }
    }
}

/// Where the keys for S3 come from.
#[derive(Clone)]
pub enum S3Credentials {
    /// `accesskey` and `secretkey`.
    Keys {
        /// `accesskey`.
        access_key: String,
        /// `secretkey`.
        secret_key: Secret,
        /// `sessiontoken`.
        session_token: Option<Secret>,
    },
    /// The first that is there: the environment (`AWS_ACCESS_KEY_ID` …), a web
    /// identity (`AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN`), the shared
    /// credentials file with `AWS_PROFILE`, the container's task or pod role,
    /// the role of the machine.
    Chain,
}

/// The `gcs` driver.
#[derive(Clone)]
pub struct GcsSettings {
    /// `bucket`.
    pub bucket: String,
    /// Where the credentials come from.
    pub credentials: GcsCredentials,
    /// `rootdirectory`.
    pub root: String,
    /// `chunksize`: bytes of a part, a multiple of 256 KiB and at least 5 MiB.
    pub chunk_size: u64,
    /// `useragent`.
    pub user_agent: Option<String>,
    /// Another server that speaks the protocol, as `STORAGE_EMULATOR_HOST`
    /// names it for the original.
    pub endpoint: Option<String>,
}

impl GcsSettings {
    /// A bucket with the original's defaults.
    pub fn new(bucket: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            credentials: GcsCredentials::Default,
            root: String::new(),
            chunk_size: 16 << 20,
            user_agent: None,
            endpoint: None,
        }
    }
}

/// Where the credentials for Google Cloud Storage come from.
#[derive(Clone)]
pub enum GcsCredentials {
    /// `keyfile`: path of a service account's JSON file.
    KeyFile(String),
    /// `credentials`: the content of such a file.
    Key(Secret),
    /// `GOOGLE_APPLICATION_CREDENTIALS`, the file that `gcloud` writes, or the
    /// account of the machine or the workload.
    Default,
    /// None at all: for an emulator.
    Anonymous,
}

/// The `azure` driver.
#[derive(Clone)]
pub struct AzureSettings {
    /// `accountname`.
    pub account: String,
    /// `container`.
    pub container: String,
    /// Where the credentials come from.
    pub credentials: AzureCredentials,
    /// `realm`: the domain of the service.
    pub realm: String,
    /// `serviceurl`: the whole address of the account, instead of `realm`.
    pub service_url: Option<String>,
    /// `rootdirectory`.
    pub root: String,
    /// Bytes of a block.
    pub chunk_size: u64,
    /// `max_retries`.
    pub max_retries: usize,
    /// `retry_delay`: before the first retry.
    pub retry_delay: std::time::Duration,
    /// `skipverify`.
    pub skip_verify: bool,
}

impl AzureSettings {
    /// A container with the original's defaults.
    pub fn new(account: impl Into<String>, container: impl Into<String>) -> Self {
        Self {
            account: account.into(),
            container: container.into(),
            credentials: AzureCredentials::Default,
            realm: "core.windows.net".into(),
            service_url: None,
            root: String::new(),
            chunk_size: 10 << 20,
            max_retries: 5,
            retry_delay: std::time::Duration::from_millis(100),
            skip_verify: false,
        }
    }
}

/// Where the credentials for Azure come from.
#[derive(Clone)]
pub enum AzureCredentials {
    /// `accountkey`, type `shared_key`.
    SharedKey(Secret),
    /// `connectionstring`.
    ConnectionString(Secret),
    /// Type `client_secret`.
    ClientSecret {
        /// `clientid`.
        client_id: String,
        /// `tenantid`.
        tenant_id: String,
        /// `secret`.
        secret: Secret,
    },
    /// Type `default_credentials`: the environment (`AZURE_CLIENT_ID`,
    /// `AZURE_TENANT_ID`, `AZURE_CLIENT_SECRET` or
    /// `AZURE_FEDERATED_TOKEN_FILE`), else the identity of the machine.
    Default,
}
