//! The Helm chart: whole, consistent in itself, and its configuration is one that Berth takes.

use std::path::Path;
use std::process::Command;

use clients::command::{self, ok};
use clients::registry::{berth, repository};
use serde_json::Value;
use tempfile::TempDir;

/// Renders for a cluster of this version; helm alone would assume one that is far too old.
const KUBERNETES: [&str; 2] = ["--kube-version", "1.30"];

fn helm(home: &TempDir) -> Command {
    let mut helm = command::command("helm");
    helm.current_dir(repository().join("deploy/helm")).env("HOME", home.path());
    helm
}

/// Every object that the chart makes of these arguments.
fn rendered(home: &TempDir, arguments: &[&str]) -> Vec<Value> {
    let mut template = helm(home);
    template.args(["template", "harbour", "berth"]).args(KUBERNETES).args(arguments);
    let text = ok(&mut template);
    text.split("---\n").filter(|part| part.contains("kind:")).map(|part| json(home, part)).collect()
}

/// YAML as JSON, read by helm itself: a chart of one line prints what it understood.
fn json(home: &TempDir, yaml: &str) -> Value {
    let chart = home.path().join("reader");
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(chart.join(name), text).unwrap();
    write("Chart.yaml", "apiVersion: v2\nname: reader\nversion: 0.0.1\n");
    write("input", yaml);
    write("templates/it", "{{ .Files.Get \"input\" | fromYaml | toJson }}");
    let printed = ok(helm(home).arg("template").arg(&chart));
    let line = printed.lines().find(|line| line.starts_with('{')).unwrap();
    let value: Value = serde_json::from_str(line).unwrap();
    assert!(value.get("Error").is_none(), "{value}\n{yaml}");
    value
}

fn the<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let found = objects.iter().find(|object| object["kind"] == kind);
    found.unwrap_or_else(|| panic!("no {kind} among {objects:#?}"))
}

fn names<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().into_iter().flatten().filter_map(|item| item[key].as_str()).collect()
}

/// Every label that `selector` asks for must be among `labels`.
fn selects(selector: &Value, labels: &Value) {
    let asked = selector.as_object().unwrap();
    assert!(!asked.is_empty());
    for (name, value) in asked {
        assert_eq!(&labels[name], value, "{selector} does not select {labels}");
    }
}

fn example() -> [&'static str; 2] {
    ["--values", "berth/ci/values.yaml"]
}

#[test]
#[ignore = "needs helm: cargo xtask test"]
fn the_chart_passes_its_own_lint() {
    let home = tempfile::tempdir().unwrap();
    ok(helm(&home).args(["lint", "--strict", "berth"]).args(KUBERNETES).args(example()));
}

#[test]
#[ignore = "needs helm: cargo xtask test"]
fn a_chart_without_bucket_or_database_is_refused_with_the_way_out() {
    let home = tempfile::tempdir().unwrap();
    let refused = |more: &[&str]| {
        let mut template = helm(&home);
        command::refused(template.args(["template", "x", "berth"]).args(KUBERNETES).args(more))
    };
    let said = refused(&[]);
    assert!(said.contains("config.storage needs an object store"), "{said}");
    let said = refused(&["--set", "config.storage.s3.bucket=x"]);
    assert!(said.contains("config.berth.metadata.url needs postgres://"), "{said}");
}

#[test]
#[ignore = "needs helm: cargo xtask test"]
fn everything_that_the_charts_objects_name_is_there() {
    let home = tempfile::tempdir().unwrap();
    let objects = rendered(&home, &example());
    let deployment = the(&objects, "Deployment");
    let pod = &deployment["spec"]["template"];
    let labels = &pod["metadata"]["labels"];
    selects(&deployment["spec"]["selector"]["matchLabels"], labels);
    selects(&the(&objects, "Service")["spec"]["selector"], labels);
    selects(&the(&objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"], labels);
    let account = the(&objects, "ServiceAccount");
    assert_eq!(pod["spec"]["serviceAccountName"], account["metadata"]["name"]);

    let berth = &pod["spec"]["containers"][0];
    let ports = names(&berth["ports"], "name");
    let probes = ["startupProbe", "readinessProbe", "livenessProbe"];
    for (probe, path) in probes.into_iter().zip(["/startupz", "/readyz", "/livez"]) {
        assert_eq!(berth[probe]["httpGet"]["path"], path);
        assert!(ports.contains(&berth[probe]["httpGet"]["port"].as_str().unwrap()), "{probe}");
    }
    let service = &the(&objects, "Service")["spec"]["ports"];
    assert!(ports.contains(&service[0]["targetPort"].as_str().unwrap()));
    let volumes = names(&pod["spec"]["volumes"], "name");
    for mounted in names(&berth["volumeMounts"], "name") {
        assert!(volumes.contains(&mounted), "no volume {mounted}");
    }
    let map = the(&objects, "ConfigMap");
    assert_eq!(pod["spec"]["volumes"][0]["configMap"]["name"], map["metadata"]["name"]);
    let path = berth["args"][0].as_str().unwrap();
    assert!(names(&berth["volumeMounts"], "mountPath").contains(&path), "{path} is not mounted");
    assert!(berth["resources"]["limits"]["memory"].is_string());
    // A secret stands in a Secret, never in the pod's own text.
    for variable in berth["env"].as_array().unwrap() {
        assert!(variable["valueFrom"]["secretKeyRef"]["key"].is_string(), "{variable}");
    }
    let ingress = &the(&objects, "Ingress")["spec"]["rules"][0]["http"]["paths"][0];
    let backend = &ingress["backend"]["service"];
    assert_eq!(backend["name"], the(&objects, "Service")["metadata"]["name"]);
    assert_eq!(backend["port"]["name"], service[0]["name"]);
}

#[test]
#[ignore = "needs helm: cargo xtask test"]
fn berth_takes_the_configuration_that_the_chart_writes() {
    let home = tempfile::tempdir().unwrap();
    let objects = rendered(&home, &example());
    let config = the(&objects, "ConfigMap")["data"]["config.yml"].as_str().unwrap();
    let accounts = home.path().join("htpasswd");
    std::fs::write(&accounts, "").unwrap();
    let config = config.replace("/etc/berth/accounts/htpasswd", accounts.to_str().unwrap());
    let shown = shown(&home.path().join("config.yml"), &config);
    assert!(shown.contains("bucket: example-registry"), "{shown}");
    assert!(shown.contains("postgres://berth@postgres.example.com/berth"), "{shown}");
    // What the ingress says is told to the registry.
    assert!(shown.contains("https://registry.example.com"), "{shown}");
    assert!(shown.contains("10.42.7.0/24"), "{shown}");
}

/// What Berth understands of `config`, where every doubt is an error.
pub(crate) fn shown(file: &Path, config: &str) -> String {
    std::fs::write(file, config).unwrap();
    ok(berth().env("BERTH_STRICT", "1").args(["config", "show"]).arg(file))
}
