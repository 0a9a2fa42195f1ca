//! A registry with accounts of its own, and the operator's commands beside it.

use std::io::Write;
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::registry::{Registry, Settings, berth};

/// The password of every user that [`Accounts`] makes.
pub const PASSWORD: &str = "a long way home";

/// A running registry that keeps its own accounts.
#[derive(Debug)]
pub struct Accounts {
    /// The registry.
    pub registry: Registry,
}

impl Accounts {
    /// Without any account.
    pub fn start() -> Self {
        Self::with("auth:\n  berth: {}\n")
    }

    /// With this as its section `auth`.
    pub fn with(section: &str) -> Self {
        Self { registry: Settings::default().with_section(section).start() }
    }

    /// The same on this port, for whoever must know it before the start.
    pub fn at_port(port: u16, section: &str) -> Self {
        Self { registry: Settings::default().on_port(port).with_section(section).start() }
    }

    /// Of this registry, which keeps accounts.
    pub fn of(registry: Registry) -> Self {
        Self { registry }
    }

    /// Runs an operator's command beside the server, which must succeed; answers what it printed.
    pub fn operator(&self, arguments: &[&str]) -> String {
        self.told(arguments, "").unwrap_or_else(|said| panic!("{arguments:?}: {said}"))
    }

    /// Runs an operator's command with this on its standard input: what it printed, or what it said
    /// when it failed.
    ///
    /// # Errors
    /// Everything it said.
    pub fn told(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut command = berth();
        command.args(arguments).env("REGISTRY_CONFIGURATION_PATH", self.registry.config());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that reads nothing may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stdout) + &text(&output.stderr))
        }
    }

    /// Makes a user with [`PASSWORD`].
    pub fn user(&self, name: &str) {
        self.told(&["user", "add", name, "--password-stdin"], PASSWORD).unwrap();
    }

    /// Grants a role.
    pub fn grant(&self, subject: &str, role: &str, pattern: &str) {
        self.operator(&["grant", subject, role, pattern]);
    }

    /// Makes a robot; its secret.
    pub fn robot(&self, name: &str) -> String {
        self.secret(&["robot", "add", name])
    }

    /// Makes a personal token of a user, limited to one scope; the token.
    pub fn token(&self, user: &str, scope: &str) -> String {
        self.secret(&["token", "create", "--user", user, "--scope", scope])
    }

    fn secret(&self, arguments: &[&str]) -> String {
        let said = self.operator(&[arguments, &["--json"]].concat());
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        said["secret"].as_str().unwrap().to_owned()
    }
}

/// The value of an `Authorization` header.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
