//! What commands are called in the audit log.

use crate::accounts::command::Command;

/// Longest target, in bytes: nobody writes as much as they like into the log
/// with commands that are refused.
const MAX_TARGET: usize = 255;

/// The action and the target of a command, as `noun.verb` and as a subject,
/// pattern or number, cut after 255 bytes.
pub(super) fn of(command: &Command) -> (&'static str, String) {
    let (action, mut target) = whole(command);
    target.truncate(target.floor_char_boundary(MAX_TARGET));
    (action, target)
}

fn whole(command: &Command) -> (&'static str, String) {
    let user = |name: &String| format!("user:{name}");
    let team = |name: &String| format!("team:{name}");
    let robot = |name: &String| format!("robot:{name}");
    let own_or = |name: &Option<String>| name.as_ref().map(user).unwrap_or_default();
    match command {
        Command::UserAdd { name, .. } => ("user.add", user(name)),
        Command::UserList { .. } => ("user.list", String::new()),
        Command::UserShow { name } => ("user.show", user(name)),
        Command::UserPasswd { name, .. } => ("user.passwd", own_or(name)),
        Command::UserDisable { name } => ("user.disable", user(name)),
        Command::UserEnable { name } => ("user.enable", user(name)),
        Command::UserAdmin { name, .. } => ("user.admin", user(name)),
        Command::UserRemove { name } => ("user.remove", user(name)),
        Command::TeamAdd { name } => ("team.add", team(name)),
        Command::TeamMemberAdd { team: name, .. } => ("team.member-add", team(name)),
        Command::TeamMemberRemove { team: name, .. } => ("team.member-remove", team(name)),
        Command::TeamList { .. } => ("team.list", String::new()),
        Command::TeamRemove { name } => ("team.remove", team(name)),
        Command::RobotAdd { name, .. } => ("robot.add", robot(name)),
        Command::RobotRotate { name, .. } => ("robot.rotate", robot(name)),
        Command::RobotDisable { name } => ("robot.disable", robot(name)),
        Command::RobotEnable { name } => ("robot.enable", robot(name)),
        Command::RobotList { .. } => ("robot.list", String::new()),
        Command::RobotRemove { name } => ("robot.remove", robot(name)),
        Command::TokenCreate { user, .. } => ("token.create", own_or(user)),
        Command::TokenList { user } => ("token.list", own_or(user)),
        Command::TokenRevoke { id } => ("token.revoke", format!("token:{id}")),
        Command::RolePut { name, .. } => ("role.put", format!("role:{name}")),
        Command::RoleList => ("role.list", String::new()),
        Command::RoleRemove { name } => ("role.remove", format!("role:{name}")),
        Command::Grant { pattern, .. } => ("grant.add", pattern.as_str().to_owned()),
        Command::Revoke { pattern, .. } => ("grant.remove", pattern.as_str().to_owned()),
        Command::Grants { .. } => ("grant.list", String::new()),
        Command::Visibility { pattern, .. } => ("visibility.set", pattern.as_str().to_owned()),
        Command::Visibilities { .. } => ("visibility.list", String::new()),
        Command::CanI { repository, .. } => ("access.explain", repository.clone()),
        Command::Apply { .. } => ("access.apply", String::new()),
        Command::Export => ("access.export", String::new()),
        Command::Audit { .. } => ("audit.read", String::new()),
        Command::AuditVerify { .. } => ("audit.verify", String::new()),
        Command::Whoami => ("access.whoami", String::new()),
    }
}
