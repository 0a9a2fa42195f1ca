//! A directory server of one test: slapd on free ports in a directory of its own.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ldap3::{LdapConnAsync, Mod};

use super::*;

const LDIF: &str = "\
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: uid=ann,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: ann
cn: Ann
sn: Example
mail: ann@example.org
employeeType: staff
userPassword: ann-secret

dn: uid=bob,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: bob
cn: Bob
sn: Example
employeeType: staff
userPassword: bob-secret

dn: cn=devs,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: devs
member: uid=ann,ou=people,dc=example,dc=org
member: uid=bob,ou=people,dc=example,dc=org

dn: cn=admins,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: admins
member: uid=ann,ou=people,dc=example,dc=org
";

/// The account that may do everything.
const ROOT: (&str, &str) = ("cn=root,dc=example,dc=org", "root-secret");

/// A running server; ends with the test.
pub(super) struct Slapd {
    process: Child,
    dir: tempfile::TempDir,
    plain: String,
    tls: String,
}

impl Slapd {
    pub(super) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        certificate(dir.path());
        let config = dir.path().join("slapd.conf");
        std::fs::write(&config, configuration(dir.path())).unwrap();
        std::fs::create_dir(dir.path().join("data")).unwrap();
        std::fs::write(dir.path().join("start.ldif"), LDIF).unwrap();
        let mut add = Command::new("/usr/sbin/slapadd");
        add.arg("-f").arg(&config).arg("-l").arg(dir.path().join("start.ldif"));
        let added = add.output().unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let (plain, tls) = (free_port(), free_port());
        let listen = format!("ldap://127.0.0.1:{plain}/ ldaps://127.0.0.1:{tls}/");
        let mut serve = Command::new("/usr/sbin/slapd");
        serve.args(["-d", "0", "-h", &listen, "-f"]).arg(&config);
        let process = serve.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (plain, tls) =
            (format!("ldap://127.0.0.1:{plain}"), format!("ldaps://127.0.0.1:{tls}"));
        let slapd = Self { process, dir, plain, tls };
        slapd.wait().await;
        slapd
    }

    async fn wait(&self) {
        let address = self.plain.strip_prefix("ldap://").unwrap();
        for _ in 0..500 {
            if TcpStream::connect(address).is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("slapd does not answer at {address}");
    }

    pub(super) fn settings(&self) -> LdapSettings {
        LdapSettings {
            urls: vec![self.plain.clone()],
            bind: Some(BindAs {
                dn: ROOT.0.into(),
                password: PasswordFrom::Text(Secret::new(ROOT.1)),
            }),
            user_base: "ou=people,dc=example,dc=org".into(),
            group_base: Some("ou=groups,dc=example,dc=org".into()),
            timeout: Duration::from_secs(10),
            ..LdapSettings::default()
        }
    }

    pub(super) fn ldap(&self) -> Ldap {
        self.ldap_with(|_| ())
    }

    pub(super) fn ldap_with(&self, change: impl FnOnce(&mut LdapSettings)) -> Ldap {
        let mut settings = self.settings();
        change(&mut settings);
        Ldap::new(settings).unwrap()
    }

    /// `ldaps://`, and the file with its authority.
    pub(super) fn encrypted(&self) -> (String, std::path::PathBuf) {
        (self.tls.clone(), self.dir.path().join("ca.pem"))
    }

    pub(super) async fn modify(&self, dn: &str, change: Mod<&str>) {
        let (connection, mut ldap) = LdapConnAsync::new(&self.plain).await.unwrap();
        ldap3::drive!(connection);
        ldap.simple_bind(ROOT.0, ROOT.1).await.unwrap().success().unwrap();
        ldap.modify(dn, vec![change]).await.unwrap().success().unwrap();
        ldap.unbind().await.unwrap();
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// As lenient as servers get: it takes an empty password for an anonymous bind.
fn configuration(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "include /etc/ldap/schema/core.schema\n\
         include /etc/ldap/schema/cosine.schema\n\
         include /etc/ldap/schema/inetorgperson.schema\n\
         allow bind_anon_cred bind_anon_dn\n\
         pidfile {dir}/slapd.pid\n\
         modulepath /usr/lib/ldap\n\
         moduleload back_mdb\n\
         TLSCertificateFile {dir}/cert.pem\n\
         TLSCertificateKeyFile {dir}/key.pem\n\
         database mdb\n\
         suffix dc=example,dc=org\n\
         rootdn {}\n\
         rootpw {}\n\
         directory {dir}/data\n",
        ROOT.0, ROOT.1
    )
}

fn certificate(dir: &Path) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(dir.join("ca.pem"), ca.self_signed(&ca_key).unwrap().pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &Issuer::from_params(&ca, &ca_key)).unwrap();
    std::fs::write(dir.join("cert.pem"), certificate.pem()).unwrap();
    std::fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
}
