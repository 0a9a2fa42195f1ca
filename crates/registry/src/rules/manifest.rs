//! What the operator allows in manifests: `validation`, `policy` and
//! `berth.repositories` of the configuration.

use oci::{Descriptor, Manifest, RepositoryName, Role};
use regex::Regex;

use crate::RepositoryPattern;

/// The rules for manifests of one registry.
#[derive(Debug, Clone, Default)]
pub struct ManifestRules {
    /// First match wins; no match: children must exist.
    pub sparse: Vec<SparseRule>,
    /// Which children of an index have to exist.
    pub platforms: IndexPlatforms,
    /// Which URLs layers may carry; `None` allows all.
    pub urls: Option<UrlRules>,
    /// `policy.repository.classes`; empty allows all.
    pub classes: Vec<String>,
}

/// Whether manifests in some repositories may name content that is absent.
#[derive(Debug, Clone)]
pub struct SparseRule {
    /// Which repositories.
    pub repositories: RepositoryPattern,
    /// Whether content may be absent there.
    pub sparse: bool,
}

/// `validation.manifests.indexes.platforms`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum IndexPlatforms {
    /// Every child must exist.
    #[default]
    All,
    /// No child need exist.
    None,
    /// Only children of these platforms must exist.
    List(Vec<Platform>),
}

/// An operating system on an architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// `amd64`, …
    pub architecture: String,
    /// `linux`, …
    pub os: String,
}

/// `validation.manifests.urls`.
#[derive(Debug, Clone, Default)]
pub struct UrlRules {
    /// A URL must match one of these; with none, every URL does.
    pub allow: Vec<Regex>,
    /// A URL must match none of these.
    pub deny: Vec<Regex>,
}

impl UrlRules {
    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    fn permits(&self, url: &str) -> bool {
        (self.allow.is_empty() || self.allow.iter().any(|r| r.is_match(url)))
            && !self.deny.iter().any(|r| r.is_match(url))
    }
}

impl ManifestRules {
    /// Whether manifests in `repository` may name content that is absent.
    pub fn is_sparse(&self, repository: &RepositoryName) -> bool {
        let rule = self.sparse.iter().find(|rule| rule.repositories.matches(repository));
        rule.is_some_and(|rule| rule.sparse)
    }

    /// Whether `child` of an index may be absent because of its platform.
    pub fn child_may_be_absent(&self, child: &Descriptor) -> bool {
        !self.platform_required(child)
    }

    fn platform_required(&self, child: &Descriptor) -> bool {
        match &self.platforms {
            IndexPlatforms::All => true,
            IndexPlatforms::None => false,
            IndexPlatforms::List(list) => child.platform.as_ref().is_some_and(|platform| {
                list.iter().any(|p| p.architecture == platform.architecture && p.os == platform.os)
            }),
        }
    }

    /// The first layer URL that is not allowed.
    pub fn refused_url<'m>(&self, manifest: &'m Manifest) -> Option<&'m str> {
        let rules = self.urls.as_ref()?;
        let layers = manifest.references().iter().filter(|link| link.role == Role::Layer);
        layers
            .flat_map(|link| &link.descriptor.urls)
            .map(String::as_str)
            .find(|url| !rules.permits(url))
    }

    /// The class of the manifest if it is not among the allowed ones.
    pub fn refused_class(&self, manifest: &Manifest) -> Option<&'static str> {
        if self.classes.is_empty() {
            return None;
        }
        let class = match manifest.config_media_type() {
            Some(oci::MediaType::DOCKER_PLUGIN_CONFIG) => "plugin",
            Some(oci::MediaType::DOCKER_CONFIG | oci::MediaType::OCI_CONFIG) => "image",
            Some(_) => "unknown",
            None => return None,
        };
        (!self.classes.iter().any(|allowed| allowed == class)).then_some(class)
    }
}
