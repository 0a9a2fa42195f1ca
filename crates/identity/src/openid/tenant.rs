//! Issuers that sign for everybody who has an account there, and which of their
//! claims say whose a job is.
//!
//! Not here: Bitbucket, CircleCI, Azure DevOps and the clouds' Kubernetes have an
//! issuer for each customer, so that the issuer says it. Neither is what names
//! somebody else than the owner: at GitHub `actor` (may be made to start a job of
//! a stranger) and `job_workflow_ref` (strangers may call a public workflow), at
//! GitLab the claims about the user.

use std::collections::BTreeMap;

use super::{Pattern, RuleError};

/// Most bytes of a rule's claims that an error repeats.
const MAX_SHOWN: usize = 200;

/// How a claim says whose a job is.
#[derive(Debug, Clone, Copy)]
enum Owner {
    /// With all of its text: a number, a name. A star in it fits strangers, too.
    Whole,
    /// With what stands between one of these beginnings and the character
    /// behind it: `repo:` `acme` `/`.
    After(&'static [(&'static str, char)]),
}

/// `acme/web`
const PATH: Owner = Owner::After(&[("", '/')]);

/// An issuer that all customers of a service share.
struct Shared {
    issuer: &'static str,
    owners: &'static [(&'static str, Owner)],
    /// Such a claim, for those who have none.
    example: &'static str,
}

const GITHUB_SUBJECTS: Owner = Owner::After(&[
    ("repo:", '/'),
    ("repository:", '/'),
    ("repository_id:", ':'),
    ("repository_owner:", ':'),
    ("repository_owner_id:", ':'),
]);

const SHARED: &[Shared] = &[
    Shared {
        issuer: "https://token.actions.githubusercontent.com",
        owners: &[
            ("repository", PATH),
            ("repository_owner", Owner::Whole),
            ("repository_id", Owner::Whole),
            ("repository_owner_id", Owner::Whole),
            ("enterprise_id", Owner::Whole),
            ("workflow_ref", PATH),
            ("sub", GITHUB_SUBJECTS),
        ],
        example: "repository: acme/*",
    },
    Shared {
        issuer: "https://gitlab.com",
        owners: &[
            ("project_path", PATH),
            ("namespace_path", PATH),
            ("project_id", Owner::Whole),
            ("namespace_id", Owner::Whole),
            ("ci_config_ref_uri", Owner::After(&[("gitlab.com/", '/')])),
            ("sub", Owner::After(&[("project_path:", '/')])),
        ],
        example: "project_path: acme/*",
    },
    Shared {
        issuer: "https://agent.buildkite.com",
        owners: &[
            ("organization_slug", Owner::Whole),
            ("organization_id", Owner::Whole),
            ("pipeline_id", Owner::Whole),
            ("sub", Owner::After(&[("organization:", ':')])),
        ],
        example: "organization_slug: acme",
    },
    Shared {
        issuer: "https://app.terraform.io",
        owners: &[
            ("terraform_organization_id", Owner::Whole),
            ("terraform_organization_name", Owner::Whole),
            ("terraform_project_id", Owner::Whole),
            ("terraform_workspace_id", Owner::Whole),
            ("sub", Owner::After(&[("organization:", ':')])),
        ],
        example: "terraform_organization_name: acme",
    },
    Shared {
        issuer: "https://oidc.vercel.com",
        owners: &[
            ("owner", Owner::Whole),
            ("owner_id", Owner::Whole),
            ("project_id", Owner::Whole),
            ("sub", Owner::After(&[("owner:", ':')])),
        ],
        example: "owner: acme",
    },
    Shared {
        issuer: "https://accounts.google.com",
        owners: &[
            ("email", Owner::Whole),
            ("sub", Owner::Whole),
            ("hd", Owner::Whole),
            ("google.compute_engine.project_id", Owner::Whole),
            ("google.compute_engine.project_number", Owner::Whole),
        ],
        example: "email: ci@acme.iam.gserviceaccount.com",
    },
    Shared {
        // The one tenant of all personal accounts.
        issuer: "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
        owners: &[("sub", Owner::Whole), ("oid", Owner::Whole)],
        example: "sub: with the subject of the one account",
    },
];

/// Where Azure says what the issuers of all tenants look like; none of them is
/// called so.
const OF_ALL_TENANTS: [&str; 3] = [
    "https://login.microsoftonline.com/common/v2.0",
    "https://login.microsoftonline.com/consumers/v2.0",
    "https://login.microsoftonline.com/organizations/v2.0",
];

/// Refuses claims that tokens of strangers fit as well, as far as the issuer is
/// known to sign for strangers.
pub(super) fn check(issuer: &str, claims: &BTreeMap<String, Pattern>) -> Result<(), RuleError> {
    let is = |known: &str| issuer.trim_end_matches('/').eq_ignore_ascii_case(known);
    if OF_ALL_TENANTS.into_iter().any(is) {
        let why = format!(
            "{issuer} is no issuer but a form of them: write \
             https://login.microsoftonline.com/TENANT/v2.0 with the id of your tenant"
        );
        return Err(RuleError { field: "issuer".to_owned(), why });
    }
    match SHARED.iter().find(|shared| is(shared.issuer)) {
        Some(shared) => shared.check(claims),
        None => Ok(()),
    }
}

impl Shared {
    fn check(&self, claims: &BTreeMap<String, Pattern>) -> Result<(), RuleError> {
        let Self { issuer, example, .. } = self;
        let mut named =
            self.owners.iter().filter_map(|(name, owner)| Some((name, owner, claims.get(*name)?)));
        if named.clone().any(|(_, owner, pattern)| owner.is_said_by(pattern)) {
            return Ok(());
        }
        Err(match named.next() {
            Some((name, owner, pattern)) => RuleError {
                field: format!("claims.{name}"),
                why: format!(
                    "{:?} fits strangers as well, since {issuer} signs for everybody who has an \
                     account there: {}, or add a claim that says whose it is, such as {example}",
                    pattern.as_str(),
                    owner.way_out(),
                ),
            },
            None => RuleError {
                field: "claims".to_owned(),
                why: format!(
                    "{} fits strangers as well, since {issuer} signs for everybody who has an \
                     account there: add a claim that says whose it is, such as {example}",
                    shown(claims),
                ),
            },
        })
    }
}

impl Owner {
    /// Whether nobody but one owner has a claim that fits.
    fn is_said_by(self, pattern: &Pattern) -> bool {
        match self {
            Self::Whole => pattern.is_exact(),
            Self::After(beginnings) => beginnings.iter().any(|(beginning, end)| {
                let text = pattern.as_str();
                let literal = text.split_once('*').map_or(text, |(literal, _)| literal);
                let rest = literal.strip_prefix(beginning);
                rest.is_some_and(|rest| match rest.split_once(*end) {
                    Some((owner, _)) => !owner.is_empty(),
                    // `acme*` is also `acme-of-strangers/app`.
                    None => pattern.is_exact() && !rest.is_empty(),
                })
            }),
        }
    }

    fn way_out(self) -> String {
        match self {
            Self::Whole => "write it without a star".to_owned(),
            Self::After(beginnings) => {
                let (beginning, end) = beginnings.first().copied().unwrap_or_default();
                format!("let it begin with a whole name, as in {beginning}acme{end}**")
            }
        }
    }
}

/// `{ref: refs/heads/main}`
fn shown(claims: &BTreeMap<String, Pattern>) -> String {
    let all: Vec<_> =
        claims.iter().map(|(name, pattern)| format!("{name}: {}", pattern.as_str())).collect();
    let mut text = all.join(", ");
    if text.len() > MAX_SHOWN {
        text.truncate(text.floor_char_boundary(MAX_SHOWN));
        text.push('…');
    }
    format!("{{{text}}}")
}

#[cfg(test)]
mod tests {
    use super::super::Rule;

    const GITHUB: &str = "https://token.actions.githubusercontent.com";
    const GITLAB: &str = "https://gitlab.com";

    fn problem(issuer: &str, claims: &[(&str, &str)]) -> Option<String> {
        let rule = Rule::new(issuer, "registry.example", claims.iter().copied(), "ci");
        rule.err().map(|error| error.to_string())
    }

    #[test]
    fn a_rule_that_fits_every_customer_of_a_public_issuer_is_refused() {
        for (issuer, claims) in [
            (GITHUB, &[("ref", "refs/heads/main")][..]),
            (GITHUB, &[("environment", "production")]),
            (GITHUB, &[("ref", "refs/heads/main"), ("environment", "production")]),
            (GITHUB, &[("repository", "*/app")]),
            (GITHUB, &[("repository", "**/app")]),
            (GITHUB, &[("repository", "acme**")]),
            (GITHUB, &[("repository", "acme*/app")]),
            (GITHUB, &[("repository", "/app*")]),
            (GITHUB, &[("repository_owner", "acme*")]),
            (GITHUB, &[("repository_id", "12*")]),
            (GITHUB, &[("Repository", "acme/app")]),
            (GITHUB, &[("actor", "ann")]),
            (GITHUB, &[("job_workflow_ref", "acme/app/.github/workflows/a.yml@refs/heads/main")]),
            (GITHUB, &[("sub", "repo:*/app:ref:refs/heads/main")]),
            (GITHUB, &[("sub", "repo:acme**")]),
            (GITHUB, &[("sub", "repo:**")]),
            // The form of a subject is up to the owner of the repository.
            (GITHUB, &[("sub", "environment:production")]),
            (GITHUB, &[("sub", "repository_owner:acme*")]),
            ("https://token.actions.githubusercontent.com/", &[("ref", "refs/heads/main")]),
            ("https://Token.Actions.GitHubUserContent.com", &[("ref", "refs/heads/main")]),
            (GITLAB, &[("ref_protected", "true")]),
            (GITLAB, &[("project_path", "*/web")]),
            (GITLAB, &[("namespace_path", "ac*")]),
            (GITLAB, &[("project_id", "4*")]),
            (GITLAB, &[("user_login", "ann")]),
            (GITLAB, &[("sub", "project_path:*/web:ref_type:branch:ref:main")]),
            (GITLAB, &[("ci_config_ref_uri", "gitlab.com/*/web//.gitlab-ci.yml@refs/heads/main")]),
            (GITLAB, &[("ci_config_ref_uri", "gitlab.com/**")]),
            ("https://agent.buildkite.com", &[("pipeline_slug", "deploy")]),
            ("https://agent.buildkite.com", &[("sub", "organization:*:pipeline:deploy:**")]),
            ("https://app.terraform.io", &[("terraform_workspace_name", "prod")]),
            ("https://oidc.vercel.com", &[("environment", "production")]),
            ("https://accounts.google.com", &[("email_verified", "true")]),
            ("https://accounts.google.com", &[("email", "ci@*")]),
            ("https://login.microsoftonline.com/common/v2.0", &[("tid", "acme")]),
        ] {
            assert!(problem(issuer, claims).is_some(), "{issuer} {claims:?}");
        }
    }

    #[test]
    fn a_rule_that_says_whose_the_job_is_is_fine_at_a_public_issuer() {
        for (issuer, claims) in [
            (GITHUB, &[("repository", "acme/web"), ("ref", "refs/heads/main")][..]),
            (GITHUB, &[("repository", "acme/*")]),
            (GITHUB, &[("repository", "*/web"), ("repository_owner", "acme")]),
            (GITHUB, &[("repository_owner_id", "4711")]),
            (GITHUB, &[("workflow_ref", "acme/web/.github/workflows/**")]),
            (GITHUB, &[("sub", "repo:acme/web:**")]),
            (GITHUB, &[("sub", "repo:acme/*:ref:refs/heads/main")]),
            (GITHUB, &[("sub", "repository_owner:acme:**")]),
            (GITHUB, &[("sub", "repository_owner:acme")]),
            (GITLAB, &[("project_path", "acme/web"), ("ref_protected", "true")]),
            (GITLAB, &[("namespace_path", "acme/**")]),
            (GITLAB, &[("namespace_path", "acme")]),
            (GITLAB, &[("sub", "project_path:acme/*:ref_type:branch:ref:main")]),
            (GITLAB, &[("ci_config_ref_uri", "gitlab.com/acme/web//.gitlab-ci.yml@**")]),
            ("https://agent.buildkite.com", &[("sub", "organization:acme:pipeline:deploy:**")]),
            ("https://app.terraform.io", &[("terraform_organization_name", "acme")]),
            ("https://oidc.vercel.com", &[("owner_id", "team_1"), ("environment", "production")]),
            ("https://accounts.google.com", &[("email", "ci@acme.iam.gserviceaccount.com")]),
            ("https://accounts.google.com", &[("google.compute_engine.project_id", "acme")]),
            // Whoever runs an issuer knows who has an account there.
            ("https://gitlab.acme.example", &[("ref_protected", "true")]),
        ] {
            assert_eq!(problem(issuer, claims), None, "{issuer} {claims:?}");
        }
    }

    #[test]
    fn the_error_names_the_claim_its_value_and_the_way_out() {
        let text = problem(GITHUB, &[("ref", "refs/heads/main")]).unwrap();
        for part in ["claims: {ref: refs/heads/main} fits", GITHUB, "such as repository: acme/*"] {
            assert!(text.contains(part), "{text}");
        }
        let text = problem(GITHUB, &[("sub", "repo:*/app:*")]).unwrap();
        for part in ["claims.sub: \"repo:*/app:*\" fits", "as in repo:acme/**"] {
            assert!(text.contains(part), "{text}");
        }
        let text = problem(GITLAB, &[("project_id", "4*")]).unwrap();
        assert!(text.contains("claims.project_id: \"4*\"") && text.contains("without a star"));
        let long = "x".repeat(500);
        let text = problem(GITHUB, &[("ref", &long)]).unwrap();
        assert!(text.contains('…') && text.len() < 500, "{text}");
    }
}
