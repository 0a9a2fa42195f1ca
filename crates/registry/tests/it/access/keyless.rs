//! CI jobs that sign in with the token of the system that runs them.

use std::sync::Arc;
use std::time::Duration;

use identity::openid::{Issuer, IssuerKeys, IssuerSettings, Rule};
use identity::token::{Claims, KeyRing};
use registry::access::Action;
use registry::accounts::{Command, Keyless};
use store::Clock as _;
use testkit::{FakeClock, SeededRandom};

use super::house::{House, Plan, asking};

const ISSUER: &str = "https://ci.example";

struct Ci {
    keys: KeyRing,
    clock: Arc<FakeClock>,
}

impl Ci {
    fn token(&self, subject: &str, audience: &str) -> String {
        let life = Duration::from_secs(300);
        let random = SeededRandom::new(5);
        let mut claims = Claims::new(ISSUER, audience, "ci", self.clock.now(), life, &random);
        claims.subject = subject.to_owned();
        self.keys.sign(&claims).unwrap()
    }
}

async fn house() -> (House, Ci) {
    let clock = Arc::new(FakeClock::new());
    let keys = KeyRing::generate(clock.now(), &SeededRandom::new(3)).unwrap();
    let directory = testkit::directory();
    let path = directory.path().join("keys.json");
    std::fs::write(&path, keys.jwks().to_string()).unwrap();
    let settings = IssuerSettings {
        issuer: ISSUER.into(),
        keys: IssuerKeys::File(path),
        ..IssuerSettings::default()
    };
    let issuer = Arc::new(Issuer::new(settings, clock.clone()).unwrap());
    let rule = Rule::new(ISSUER, "reg.example", [("sub", "repo:acme/app:*")], "ci").unwrap();
    let keyless = Keyless { issuers: vec![issuer], rules: vec![rule] };
    let house = House::of(Plan { keyless, ..Plan::default() }, clock.clone()).await;
    house.robot("ci").await;
    house.robot("other").await;
    house.grant("robot:ci", "push", "acme/**").await;
    (house, Ci { keys, clock })
}

#[tokio::test]
async fn a_job_that_a_rule_fits_acts_as_the_robot_until_its_token_ends() {
    let (house, ci) = house().await;
    let token = ci.token("repo:acme/app:main", "reg.example");
    let robot = house.accounts.exchange(&token, None).await.unwrap();
    assert_eq!(robot.name(), Some("robot$ci"));
    let scope = "repository:acme/app:pull,push";
    let issued = house.accounts.issue(&robot, asking(scope)).await.unwrap();
    assert_eq!((issued.scope.as_str(), issued.expires_in_seconds), (scope, 300));
    let bearer = house.accounts.bearer(&issued.token).await.unwrap();
    assert!(house.may(&bearer, Action::Push, "acme/app"));
    house.operator(Command::RobotDisable { name: "ci".into() }).await;
    assert!(house.accounts.bearer(&issued.token).await.is_err());
    assert!(house.accounts.exchange(&token, None).await.is_err());
}

#[tokio::test]
async fn the_token_of_a_job_is_a_password_for_its_aliases() {
    let (house, ci) = house().await;
    let token = ci.token("repo:acme/app:main", "reg.example");
    for user in ["oidc", "$oidc", "robot$ci", "gitlab-ci-token"] {
        let robot = house.sign_in(user, &token).await.unwrap();
        assert_eq!(robot.name(), Some("robot$ci"), "{user}");
    }
    for user in ["robot$other", "ci", "nobody"] {
        assert!(house.sign_in(user, &token).await.is_err(), "{user}");
    }
}

#[tokio::test]
async fn a_job_of_somebody_else_does_not_get_in() {
    let (house, ci) = house().await;
    let strange = Ci {
        keys: KeyRing::generate(ci.clock.now(), &SeededRandom::new(4)).unwrap(),
        clock: ci.clock.clone(),
    };
    for (what, token) in [
        ("another repository", ci.token("repo:evil/app:main", "reg.example")),
        ("another audience", ci.token("repo:acme/app:main", "other.example")),
        ("another key", strange.token("repo:acme/app:main", "reg.example")),
        ("nonsense", "eyJ.eyJ.eyJ".to_owned()),
    ] {
        assert!(house.accounts.exchange(&token, None).await.is_err(), "{what}");
    }
    let token = ci.token("repo:acme/app:main", "reg.example");
    house.clock.advance(Duration::from_secs(400));
    assert!(house.accounts.exchange(&token, None).await.is_err(), "ended");
}
