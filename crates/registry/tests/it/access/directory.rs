//! Users of a real directory, after their sign-in there.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use identity::Secret;
use identity::directory::{BindAs, Ldap, LdapSettings, PasswordFrom};
use registry::access::{Action, AuthenticationError};
use tempfile::TempDir;
use testkit::FakeClock;

use super::house::{House, PASSWORD, Plan};

const ANN: &str = "uid=ann,ou=people,dc=example,dc=org";
const DEVS: &str = "cn=devs,ou=groups,dc=example,dc=org";
const ROOT: (&str, &str) = ("cn=root,dc=example,dc=org", "root-secret");
const SCOPE: &str = "repository:team/app:pull,push";

const GONE: &str = "changetype: delete\n";

/// Adds Ann to a group, or deletes her from it.
fn member(verb: &str) -> String {
    format!("changetype: modify\n{verb}: member\nmember: {ANN}\n")
}

/// A directory server that can be stopped and started.
struct Slapd {
    process: Child,
    directory: TempDir,
    port: u16,
}

impl Slapd {
    async fn start() -> Self {
        let directory = testkit::directory();
        let path = directory.path();
        std::fs::create_dir(path.join("data")).unwrap();
        std::fs::write(path.join("slapd.conf"), configuration(path)).unwrap();
        std::fs::write(path.join("start.ldif"), ldif()).unwrap();
        let mut add = Command::new("/usr/sbin/slapadd");
        add.arg("-f").arg(path.join("slapd.conf")).arg("-l").arg(path.join("start.ldif"));
        let added = add.output().unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = serve(path, port);
        let slapd = Self { process, directory, port };
        slapd.answers().await;
        slapd
    }

    async fn answers(&self) {
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("slapd does not answer");
    }

    fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    async fn start_again(&mut self) {
        self.process = serve(self.directory.path(), self.port);
        self.answers().await;
    }

    fn settings(&self) -> LdapSettings {
        let password = PasswordFrom::Text(Secret::new(ROOT.1));
        LdapSettings {
            name: "staff".into(),
            urls: vec![format!("ldap://127.0.0.1:{}", self.port)],
            bind: Some(BindAs { dn: ROOT.0.into(), password }),
            user_base: "ou=people,dc=example,dc=org".into(),
            user_filter: "(&(uid={user})(employeeType=staff))".into(),
            group_base: Some("ou=groups,dc=example,dc=org".into()),
            ..LdapSettings::default()
        }
    }

    /// Changes an entry; the lines are those of an LDIF after `dn:`.
    fn change(&self, dn: &str, lines: &str) {
        let mut modify = Command::new("ldapmodify");
        modify.args(["-x", "-H", &format!("ldap://127.0.0.1:{}", self.port)]);
        modify.args(["-D", ROOT.0, "-w", ROOT.1]);
        modify.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut modify = modify.spawn().unwrap();
        let text = format!("dn: {dn}\n{lines}\n");
        modify.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let done = modify.wait_with_output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn serve(path: &Path, port: u16) -> Child {
    let mut serve = Command::new("/usr/sbin/slapd");
    serve.args(["-d", "0", "-h", &format!("ldap://127.0.0.1:{port}/"), "-f"]);
    serve.arg(path.join("slapd.conf")).stdout(Stdio::null()).stderr(Stdio::null());
    serve.spawn().unwrap()
}

fn configuration(path: &Path) -> String {
    let path = path.display();
    let (root, password) = ROOT;
    format!(
        "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
         include /etc/ldap/schema/inetorgperson.schema\npidfile {path}/slapd.pid\n\
         modulepath /usr/lib/ldap\nmoduleload back_mdb\ndatabase mdb\n\
         suffix dc=example,dc=org\nrootdn {root}\nrootpw {password}\ndirectory {path}/data\n"
    )
}

fn ldif() -> String {
    let mut ldif = "dn: dc=example,dc=org\nobjectClass: dcObject\nobjectClass: organization\n\
                    dc: example\no: Example\n\n"
        .to_owned();
    for unit in ["people", "groups"] {
        ldif += &format!(
            "dn: ou={unit},dc=example,dc=org\nobjectClass: organizationalUnit\nou: {unit}\n\n"
        );
    }
    for user in ["ann", "bob"] {
        ldif += &format!(
            "dn: uid={user},ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: {user}\n\
             cn: {user}\nsn: {user}\nemployeeType: staff\nuserPassword: {PASSWORD}\n\n"
        );
    }
    ldif + &format!(
        "dn: {DEVS}\nobjectClass: groupOfNames\ncn: devs\nmember: {ANN}\n\
         member: uid=bob,ou=people,dc=example,dc=org\n"
    )
}

/// A house where the developers of the directory may push to `team/app`.
async fn house(slapd: &Slapd) -> House {
    house_with(slapd.settings()).await
}

async fn house_with(settings: LdapSettings) -> House {
    let ldap = Arc::new(Ldap::new(settings).unwrap());
    let plan = Plan { others: vec![ldap], ..Plan::default() };
    let house = House::of(plan, Arc::new(FakeClock::new())).await;
    house.grant("group:staff/devs", "push", "team/**").await;
    house
}

/// All that somebody may hold.
struct Held {
    user: &'static str,
    token: String,
    personal: String,
    with_personal: String,
}

impl Held {
    async fn by(house: &House, user: &'static str) -> Self {
        let token = house.issue(&house.signed_in(user).await, SCOPE).await;
        let (personal, _) = house.token(user, &[]).await;
        let proven = house.sign_in(user, &personal).await.unwrap();
        let with_personal = house.issue(&proven, SCOPE).await;
        Self { user, token, personal, with_personal }
    }

    /// Whether it lets its holder push; the same for all of it.
    async fn pushes(&self, house: &House) -> Result<bool, AuthenticationError> {
        let callers = [
            house.accounts.bearer(&self.token).await,
            house.accounts.bearer(&self.with_personal).await,
            house.sign_in(self.user, &self.personal).await.map(Into::into),
        ];
        let mut may = Vec::new();
        for caller in callers {
            may.push(match caller {
                Ok(caller) => house.may(&caller, Action::Push, "team/app"),
                Err(AuthenticationError::Invalid | AuthenticationError::InvalidToken) => false,
                Err(other) => return Err(other),
            });
        }
        assert!(may.iter().all(|it| *it == may[0]), "{may:?}");
        Ok(may[0])
    }
}

fn passes(house: &House, seconds: u64) {
    house.clock.advance(Duration::from_secs(seconds));
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn who_is_removed_there_is_refused_within_a_minute() {
    let slapd = Slapd::start().await;
    let house = house(&slapd).await;
    let (ann, bob) = (Held::by(&house, "ann").await, Held::by(&house, "bob").await);
    slapd.change(ANN, GONE);
    assert!(ann.pushes(&house).await.unwrap(), "it was asked a moment ago");
    passes(&house, 60);
    assert!(!ann.pushes(&house).await.unwrap());
    assert!(bob.pushes(&house).await.unwrap());
    assert!(house.sign_in("ann", PASSWORD).await.is_err());
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn who_no_longer_fits_the_filter_is_refused_until_they_do_again() {
    let slapd = Slapd::start().await;
    let house = house(&slapd).await;
    let ann = Held::by(&house, "ann").await;
    let works_as =
        |what| format!("changetype: modify\nreplace: employeeType\nemployeeType: {what}\n");
    slapd.change(ANN, &works_as("guest"));
    passes(&house, 60);
    assert!(!ann.pushes(&house).await.unwrap());
    slapd.change(ANN, &works_as("staff"));
    passes(&house, 60);
    assert!(ann.pushes(&house).await.unwrap());
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn who_is_taken_out_of_a_group_there_loses_what_it_may() {
    let slapd = Slapd::start().await;
    let house = house(&slapd).await;
    let ann = Held::by(&house, "ann").await;
    slapd.change(DEVS, &member("delete"));
    passes(&house, 60);
    assert!(!ann.pushes(&house).await.unwrap());
    assert!(house.accounts.bearer(&ann.token).await.is_ok(), "she is still somebody");
    slapd.change(DEVS, &member("add"));
    passes(&house, 60);
    assert!(ann.pushes(&house).await.unwrap());
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn while_it_is_away_its_last_answer_counts_for_five_minutes() {
    let mut slapd = Slapd::start().await;
    let house = house(&slapd).await;
    let (ann, bob) = (Held::by(&house, "ann").await, Held::by(&house, "bob").await);
    slapd.change(ANN, GONE);
    passes(&house, 60);
    assert!(!ann.pushes(&house).await.unwrap());
    assert!(bob.pushes(&house).await.unwrap());
    slapd.stop();
    for _ in 0..4 {
        passes(&house, 70);
        assert!(bob.pushes(&house).await.unwrap());
        assert!(!ann.pushes(&house).await.unwrap(), "no is an answer as well");
    }
    passes(&house, 20);
    for held in [&ann, &bob] {
        let away = held.pushes(&house).await.unwrap_err();
        assert!(matches!(away, AuthenticationError::Unavailable(_)), "{away:?}");
    }
    slapd.start_again().await;
    passes(&house, 5);
    assert!(bob.pushes(&house).await.unwrap());
    assert!(!ann.pushes(&house).await.unwrap());
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn without_a_searching_account_groups_are_those_of_the_sign_in() {
    let slapd = Slapd::start().await;
    let house = house_with(LdapSettings { bind: None, ..slapd.settings() }).await;
    let ann = Held::by(&house, "ann").await;
    slapd.change(DEVS, &member("delete"));
    passes(&house, 60);
    assert!(ann.pushes(&house).await.unwrap());
    slapd.change(ANN, GONE);
    passes(&house, 60);
    assert!(!ann.pushes(&house).await.unwrap());
}
