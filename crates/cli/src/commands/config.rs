//! `berth config check | show | default`.

mod stores;

use crate::args::ConfigCommand;
use crate::config::{default_yaml, show};
use crate::process::audit_places;

use super::{configuration, say};

/// Looks at the configuration.
pub(super) fn run(command: &ConfigCommand) -> Result<(), String> {
    match command {
        ConfigCommand::Check(options) => {
            let loaded = configuration(&options.at, true).map_err(|error| error.to_string())?;
            say(loaded.report().trim_end());
            say(&format!("auth: {}", loaded.config.auth.in_words()));
            if !options.offline {
                stores::try_out(&loaded.config)?;
                audit_places::file(&loaded.config)?;
                audit_places::syslog(&loaded.config)?;
            }
        }
        ConfigCommand::Show(at) => {
            let loaded = configuration(at, false).map_err(|error| error.to_string())?;
            say(show(&loaded.config).trim_end());
        }
        ConfigCommand::Default => say(default_yaml().trim_end()),
    }
    Ok(())
}
