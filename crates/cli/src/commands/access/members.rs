//! Several users into a team, or out of it: one answer about all of them.

use registry::accounts::{Answer, Command};
use serde::Serialize;

use crate::args::access::{At, MemberVerb};

use super::door::Door;
use super::{note, print};

/// What became of everybody who was named.
#[derive(Serialize)]
struct Changed {
    /// `done`, or `partly-done` if anybody failed.
    answer: &'static str,
    team: String,
    done: Vec<String>,
    failed: Vec<Failed>,
}

#[derive(Serialize)]
struct Failed {
    user: String,
    error: String,
}

/// Changes all that can be changed; an error if anybody could not.
pub(super) async fn change(at: &At, verb: MemberVerb) -> Result<(), String> {
    let (team, users, is_in) = match verb {
        MemberVerb::Add { team, users } => (team, users, true),
        MemberVerb::Remove { team, users } => (team, users, false),
    };
    let door = Door::open(at).await?;
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for user in users {
        match door.ask(command(&team, &user, is_in)).await {
            Ok(Answer::Done) => done.push(user),
            Ok(_) => failed.push(Failed { user, error: "an answer to something else".to_owned() }),
            Err(error) => failed.push(Failed { user, error }),
        }
    }
    door.close().await;
    let answer = if failed.is_empty() { "done" } else { "partly-done" };
    show(&Changed { answer, team, done, failed }, at.json)
}

fn command(team: &str, user: &str, is_in: bool) -> Command {
    let (team, user) = (team.to_owned(), user.to_owned());
    match is_in {
        true => Command::TeamMemberAdd { team, user },
        false => Command::TeamMemberRemove { team, user },
    }
}

fn show(changed: &Changed, json: bool) -> Result<(), String> {
    if json {
        print(&serde_json::to_string_pretty(changed).map_err(|error| error.to_string())?);
    } else if changed.failed.is_empty() {
        note("done");
    } else {
        changed.done.iter().for_each(|user| note(&format!("{user}: done")));
    }
    if changed.failed.is_empty() {
        return Ok(());
    }
    let each = changed.failed.iter().map(|it| format!("{}: {}", it.user, it.error));
    Err(each.collect::<Vec<_>>().join("\n"))
}
