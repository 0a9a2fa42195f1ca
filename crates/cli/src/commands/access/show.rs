//! Answers for people: tidy tables, one line for what was done.

use registry::access::{Action, Subject};
use registry::accounts::command::{
    AccountView, AuditLine, ConsideredView, GrantView, RoleView, TeamView, TokenView,
    VisibilityView,
};
use registry::accounts::{Answer, Moment};
use serde_json::Value;

use super::{note, print};

/// Prints an answer.
pub(super) fn answer(answer: &Answer, json: bool) {
    if json {
        match serde_json::to_string_pretty(answer) {
            Ok(text) => print(&text),
            Err(error) => note(&error.to_string()),
        }
        return;
    }
    match answer {
        Answer::Done => note("done"),
        Answer::Made { what, user, secret, expires, .. } => {
            note(&format!("made {what}, which signs in as {user}{}", until(*expires)));
            if let Some(secret) = secret {
                note("this is shown once:");
                print(secret.reveal());
            }
        }
        Answer::Accounts { accounts, .. } => self::accounts(accounts),
        Answer::Account { account, grants } => {
            self::account(account);
            if !grants.is_empty() {
                self::grants(grants);
            }
        }
        Answer::Teams { teams, .. } => self::teams(teams),
        Answer::Tokens { tokens } => self::tokens(tokens),
        Answer::Roles { roles } => self::roles(roles),
        Answer::Grants { grants, .. } => self::grants(grants),
        Answer::Visibilities { visibilities, .. } => self::visibilities(visibilities),
        Answer::Decision { .. } => decision(answer, false),
        Answer::Applied { changes, applied } => self::changes(changes, *applied),
        Answer::Exported { .. } | Answer::Checked { .. } => {}
        Answer::Audit { lines } => lines.iter().for_each(|line| print(&audit_line(line))),
        Answer::Whoami { subject, via, admin, member_of, limited } => {
            let admin = if *admin { ", an administrator" } else { "" };
            let limited = if *limited { ", as far as this credential goes" } else { "" };
            print(&format!("{subject}, by {via}{admin}{limited}"));
            if !member_of.is_empty() {
                print(&format!("member of {}", listed(member_of)));
            }
        }
    }
}

/// `yes` or `no` and why.
pub(super) fn decision(answer: &Answer, explain: bool) {
    let Answer::Decision { allowed, because, considered } = answer else { return };
    let word = if *allowed { "yes" } else { "no" };
    print(&format!("{word}: {because}"));
    if !explain {
        return;
    }
    if considered.is_empty() {
        print("considered nothing: no grant and no visibility is about this");
        return;
    }
    let rows = considered.iter().map(|ConsideredView { what, allows, gives }| {
        let mark = if *gives { "gives it" } else { "" };
        vec![what.clone(), actions(allows), mark.to_owned()]
    });
    table(&["CONSIDERED", "ALLOWS", ""], rows.collect());
}

/// One line of the record.
pub(super) fn audit_line(line: &AuditLine) -> String {
    let mut text = format!("{}  {:<7}  {}", line.at, line.outcome, line.action);
    if !line.target.is_empty() {
        text.push_str(&format!("  {}", line.target));
    }
    text.push_str(&format!("  {} by {}", line.actor, line.via));
    if let Some(address) = &line.address {
        text.push_str(&format!(" from {address}"));
    }
    if line.count > 1 {
        text.push_str(&format!(" ×{}", line.count));
    }
    match &line.detail {
        Some(Value::Object(fields)) => {
            let told = fields.iter().filter(|(_, value)| !value.is_null());
            told.for_each(|(name, value)| text.push_str(&format!("  {name}={value}")));
        }
        Some(other) => text.push_str(&format!("  {other}")),
        None => {}
    }
    plain(&text)
}

fn changes(changes: &[String], applied: bool) {
    changes.iter().for_each(|change| print(&plain(change)));
    note(&match (changes.len(), applied) {
        (0, _) => "nothing to change".to_owned(),
        (count, true) => format!("{count} changes made"),
        (count, false) => format!("{count} changes would be made"),
    });
}

fn account(account: &AccountView) {
    let fields = [
        ("subject", account.subject.to_string()),
        ("source", account.source.clone()),
        ("state", state(account)),
        ("created", account.created.to_string()),
        ("expires", moment(account.expires)),
        ("teams", account.teams.join(", ")),
        ("groups", account.groups.join(", ")),
    ];
    for (name, value) in fields {
        if !value.is_empty() {
            print(&format!("{name:<8}  {}", plain(&value)));
        }
    }
}

fn accounts(accounts: &[AccountView]) {
    let rows = accounts.iter().map(|account| {
        vec![
            account.subject.name().to_owned(),
            account.source.clone(),
            state(account),
            account.teams.join(", "),
            account.created.to_string(),
            moment(account.expires),
        ]
    });
    table(&["NAME", "SOURCE", "STATE", "TEAMS", "CREATED", "EXPIRES"], rows.collect());
}

fn state(account: &AccountView) -> String {
    let mut words = Vec::new();
    if account.disabled {
        words.push("disabled");
    }
    if account.admin {
        words.push("admin");
    }
    if !account.has_secret && account.source == "local" {
        words.push("without password");
    }
    if words.is_empty() { "enabled".to_owned() } else { words.join(", ") }
}

fn teams(teams: &[TeamView]) {
    let rows = teams
        .iter()
        .map(|team| vec![team.name.clone(), team.members.join(", "), team.created.to_string()]);
    table(&["TEAM", "MEMBERS", "CREATED"], rows.collect());
}

fn tokens(tokens: &[TokenView]) {
    let rows = tokens.iter().map(|token| {
        vec![
            token.id.to_string(),
            token.label.clone(),
            if token.personal { "personal" } else { "login" }.to_owned(),
            if token.scopes.is_empty() { "all".to_owned() } else { token.scopes.join(", ") },
            moment(token.last_used),
            moment(token.expires),
        ]
    });
    table(&["ID", "LABEL", "KIND", "SCOPES", "LAST USED", "EXPIRES"], rows.collect());
}

fn roles(roles: &[RoleView]) {
    let rows = roles.iter().map(|role| {
        let origin = if role.built_in { "built in" } else { "" };
        vec![role.name.clone(), actions(&role.actions), origin.to_owned()]
    });
    table(&["ROLE", "ALLOWS", ""], rows.collect());
}

fn grants(grants: &[GrantView]) {
    let rows = grants
        .iter()
        .map(|grant| vec![grant.subject.clone(), grant.role.clone(), grant.pattern.clone()]);
    table(&["SUBJECT", "ROLE", "PATTERN"], rows.collect());
}

fn visibilities(visibilities: &[VisibilityView]) {
    let rows = visibilities.iter().map(|it| vec![it.pattern.clone(), it.visibility.clone()]);
    table(&["PATTERN", "VISIBILITY"], rows.collect());
}

fn actions(actions: &[Action]) -> String {
    let words: Vec<_> = actions.iter().map(|action| action.as_str()).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

fn listed(subjects: &[Subject]) -> String {
    subjects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn moment(moment: Option<Moment>) -> String {
    moment.map(|moment| moment.to_string()).unwrap_or_default()
}

fn until(moment: Option<Moment>) -> String {
    moment.map(|moment| format!(" until {moment}")).unwrap_or_default()
}

/// Names that others chose must not steer the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Columns as wide as their widest value, two spaces apart.
fn table(heads: &[&str], rows: Vec<Vec<String>>) {
    if rows.is_empty() {
        note("there are none");
        return;
    }
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|row| row.iter().map(|text| plain(text)).collect()).collect();
    let width = |column: usize| {
        let of_row = |row: &Vec<String>| row.get(column).map_or(0, |text| text.chars().count());
        rows.iter().map(of_row).chain(heads.get(column).map(|head| head.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |row: &[String]| {
        let cells = row.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    print(&line(&heads.iter().map(|head| (*head).to_owned()).collect::<Vec<_>>()));
    rows.iter().for_each(|row| print(&line(row)));
}
