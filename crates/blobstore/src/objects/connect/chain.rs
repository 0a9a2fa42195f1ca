//! Credentials for S3 that the settings do not name: where Amazon's own
//! programs look for them, and in the same order.

use std::path::PathBuf;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};
use store::StoreError;

use super::refused;

/// Variables that name a web identity, a task or a pod. The library knows what
/// to do with them; only these are read, so that no variable can lead the bytes
/// elsewhere.
const IDENTITY: [(&str, Key); 6] = [
    ("AWS_WEB_IDENTITY_TOKEN_FILE", Key::WebIdentityTokenFile),
    ("AWS_ROLE_ARN", Key::RoleArn),
    ("AWS_ROLE_SESSION_NAME", Key::RoleSessionName),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", Key::ContainerCredentialsRelativeUri),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", Key::ContainerCredentialsFullUri),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Key::ContainerAuthorizationTokenFile),
];

/// Adds the first credentials that there are; without any the library asks the
/// machine's metadata service.
pub(super) fn add(builder: AmazonS3Builder) -> Result<AmazonS3Builder, StoreError> {
    if let (Some(id), Some(secret)) = (var("AWS_ACCESS_KEY_ID"), var("AWS_SECRET_ACCESS_KEY")) {
        return Ok(with_keys(builder, &id, &secret, var("AWS_SESSION_TOKEN").as_deref()));
    }
    let has_identity = IDENTITY.iter().any(|(name, _)| var(name).is_some());
    if !has_identity && let Some(profile) = profile()? {
        return Ok(profile.apply(builder));
    }
    let known = IDENTITY.iter().filter_map(|(name, key)| Some((*key, var(name)?)));
    Ok(known.fold(builder, |builder, (key, value)| builder.with_config(key, value)))
}

fn with_keys(
    builder: AmazonS3Builder,
    id: &str,
    secret: &str,
    token: Option<&str>,
) -> AmazonS3Builder {
    let builder = builder.with_access_key_id(id).with_secret_access_key(secret);
    token.into_iter().fold(builder, |builder, token| builder.with_token(token))
}

fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// One section of the shared credentials file.
#[derive(Default)]
struct Profile {
    id: Option<String>,
    secret: Option<String>,
    token: Option<String>,
}

impl Profile {
    fn apply(&self, builder: AmazonS3Builder) -> AmazonS3Builder {
        let (Some(id), Some(secret)) = (&self.id, &self.secret) else { return builder };
        with_keys(builder, id, secret, self.token.as_deref())
    }

    fn of(text: &str, name: &str) -> Option<Self> {
        let (mut found, mut inside) = (None, false);
        for line in text.lines().map(str::trim) {
            if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                inside = section.trim() == name;
                if inside {
                    found.get_or_insert_with(Self::default);
                }
                continue;
            }
            let (Some(profile), true, Some((key, value))) =
                (found.as_mut(), inside, line.split_once('='))
            else {
                continue;
            };
            let value = Some(value.trim().to_owned());
            match key.trim() {
                "aws_access_key_id" => profile.id = value,
                "aws_secret_access_key" => profile.secret = value,
                "aws_session_token" => profile.token = value,
                _ => {}
            }
        }
        found.filter(|profile| profile.id.is_some() && profile.secret.is_some())
    }
}

fn profile() -> Result<Option<Profile>, StoreError> {
    let named = var("AWS_PROFILE");
    let path = var("AWS_SHARED_CREDENTIALS_FILE")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(var("HOME")?).join(".aws/credentials")));
    let name = named.as_deref().unwrap_or("default");
    let text = path.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
    let found = text.and_then(|text| Profile::of(&text, name));
    match (&found, named) {
        (None, Some(name)) => Err(refused(
            "s3",
            "accesskey",
            format!(
                "not set, and AWS_PROFILE names {}, which the shared credentials file does not \
                 have with a key id and a secret",
                oci::quoted(&name)
            ),
        )),
        _ => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_from_its_section_alone() {
        let text = "[other]\naws_access_key_id = no\n[ default ]\naws_access_key_id=id\n\
                    aws_secret_access_key = s=1\n# note\n[last]\naws_session_token=no\n";
        let profile = Profile::of(text, "default").unwrap();
        assert_eq!(profile.id.as_deref(), Some("id"));
        assert_eq!(profile.secret.as_deref(), Some("s=1"));
        assert_eq!(profile.token, None);
        assert!(Profile::of(text, "other").is_none());
        assert!(Profile::of(text, "none").is_none());
    }
}
