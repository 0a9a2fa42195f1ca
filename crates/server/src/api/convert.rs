//! A request of the REST API to a command and back.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use registry::accounts::Command;
use serde_json::{Map, Value};

use super::table::{Body, Kind, Parameter, ROWS, Row, parts};

/// What stands for itself in a segment of a path or a value of a query.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'$').remove(b'@');
/// Where it is below `http.prefix`.
pub(crate) const BASE: &str = "/api/v1";

/// A request of the REST API in the making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRequest {
    /// The verb.
    pub method: &'static str,
    /// Path and query below `http.prefix`: `/api/v1/users?limit=10`.
    pub path: String,
    /// JSON. May hold a password.
    pub body: Option<Vec<u8>>,
}

/// Why a request is no command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unfit {
    /// Which parameter or field, if it is one.
    pub field: Option<String>,
    /// What is wrong. May repeat what was sent, a secret too: not for logs.
    pub problem: String,
}

impl Unfit {
    fn of(field: &str, problem: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), problem: problem.into() }
    }

    fn whole(problem: impl Into<String>) -> Self {
        Self { field: None, problem: problem.into() }
    }
}

/// The request that makes a server do `command`.
///
/// # Errors
/// That the command cannot be sent, which is a mistake of this program.
pub fn api_request(command: &Command) -> Result<ApiRequest, String> {
    let value = serde_json::to_value(command).map_err(|error| error.to_string())?;
    let Value::Object(mut fields) = value else { return Err("a command is an object".into()) };
    // Absent and null mean the same; only one of them can stand in a query.
    fields.retain(|_, value| !value.is_null());
    let name = fields.remove("command").and_then(|it| it.as_str().map(str::to_owned));
    let name = name.ok_or("a command has a name")?;
    let fits = |row: &&Row| row.command == name && row.carries(&fields);
    let row = ROWS.iter().find(fits).ok_or_else(|| format!("{name} cannot be sent"))?;
    let path = row.path(&mut fields);
    let query = row.query(&mut fields);
    let body = match row.body {
        Body::None => None,
        Body::Fields => Some(Value::Object(fields)),
        Body::Field(field) => fields.remove(field),
    };
    Ok(ApiRequest {
        method: row.method,
        path: format!("{BASE}{path}{query}"),
        body: body.map(|body| body.to_string().into_bytes()),
    })
}

/// The command of a request to `path` below [`BASE`]. There must be a row for it.
pub(crate) fn command(
    method: &str,
    path: &str,
    query: &str,
    body: &[u8],
) -> Result<Command, Unfit> {
    let mut rows = ROWS.iter().filter(|row| row.method == method);
    let found = rows.find_map(|row| Some((row, row.take(path)?)));
    let (row, in_path) = found.ok_or_else(|| Unfit::whole("there is nothing at this path"))?;
    let mut fields = row.read_body(body)?;
    if fields.contains_key("command") {
        return Err(Unfit::of("command", "the path says which command it is"));
    }
    for (name, text) in in_path {
        let decoded = percent_decode_str(text).decode_utf8();
        let decoded = decoded.map_err(|_| Unfit::of(name, "is not UTF-8"))?;
        let value = match name {
            "id" => number(name, &decoded)?,
            _ => Value::from(decoded.as_ref()),
        };
        if fields.insert(name.to_owned(), value).is_some() {
            return Err(Unfit::of(name, "stands in the path and must not stand in the body"));
        }
    }
    row.read_query(query, &mut fields)?;
    fields.insert("command".to_owned(), Value::from(row.command));
    serde_json::from_value(Value::Object(fields)).map_err(|error| Unfit::whole(error.to_string()))
}

impl Row {
    /// Whether this row has a place for all of the fields.
    fn carries(&self, fields: &Map<String, Value>) -> bool {
        let in_path = |name: &str| parts(self.path).any(|it| it.field.is_some() && it.text == name);
        let in_query = |name: &str| {
            self.query.iter().any(|parameter| parameter.inside.unwrap_or(parameter.name) == name)
        };
        let in_body = |name: &str| match self.body {
            Body::None => false,
            Body::Fields => true,
            Body::Field(field) => field == name,
        };
        let mut needed = parts(self.path).filter(|part| part.field.is_some());
        needed.all(|part| fields.contains_key(part.text))
            && fields.iter().all(|(name, value)| {
                let means_nothing = value.as_object().is_some_and(Map::is_empty);
                in_path(name) || in_query(name) || in_body(name) || means_nothing
            })
    }

    fn path(&self, fields: &mut Map<String, Value>) -> String {
        let mut path = String::new();
        for part in parts(self.path) {
            path.push('/');
            match part.field {
                None => path.push_str(part.text),
                Some(_) => {
                    let value = fields.remove(part.text).unwrap_or_default();
                    path.extend(utf8_percent_encode(&plain(&value), PLAIN));
                }
            }
        }
        path
    }

    fn query(&self, fields: &mut Map<String, Value>) -> String {
        let mut query = String::new();
        for parameter in self.query {
            let value = match parameter.inside {
                None => fields.remove(parameter.name),
                Some(inside) => fields
                    .get_mut(inside)
                    .and_then(|it| it.get_mut(parameter.name))
                    .map(Value::take),
            };
            let Some(value) =
                value.filter(|value| !value.is_null() && *value != Value::Bool(false))
            else {
                continue;
            };
            query.push(if query.is_empty() { '?' } else { '&' });
            query.push_str(parameter.name);
            query.push('=');
            query.extend(utf8_percent_encode(&plain(&value), PLAIN));
        }
        query
    }

    fn read_body(&self, body: &[u8]) -> Result<Map<String, Value>, Unfit> {
        match self.body {
            Body::None if body.is_empty() || body == b"{}" => Ok(Map::new()),
            Body::None => Err(Unfit::whole("this request has no body")),
            Body::Fields if body.is_empty() => Ok(Map::new()),
            Body::Fields => match json(body)? {
                Value::Object(fields) => Ok(fields),
                _ => Err(Unfit::whole("the body must be a JSON object")),
            },
            Body::Field(field) => Ok(Map::from_iter([(field.to_owned(), json(body)?)])),
        }
    }

    fn read_query(&self, query: &str, fields: &mut Map<String, Value>) -> Result<(), Unfit> {
        for (name, text) in form_urlencoded::parse(query.as_bytes()) {
            let known = self.query.iter().find(|parameter| parameter.name == name);
            let parameter = known.ok_or_else(|| Unfit::of(&name, self.known_parameters()))?;
            let value = read(parameter, &text)?;
            let place = match parameter.inside {
                None => &mut *fields,
                Some(inside) => {
                    let inside = fields.entry(inside).or_insert_with(|| Value::Object(Map::new()));
                    inside.as_object_mut().ok_or_else(|| Unfit::of(&name, "has no place"))?
                }
            };
            if place.insert(name.to_string(), value).is_some() {
                return Err(Unfit::of(&name, "stands there twice"));
            }
        }
        Ok(())
    }

    fn known_parameters(&self) -> String {
        let names: Vec<_> = self.query.iter().map(|parameter| parameter.name).collect();
        match names.as_slice() {
            [] => "is no parameter; this request has none".to_owned(),
            names => format!("is no parameter; there are {}", names.join(", ")),
        }
    }
}

fn json(body: &[u8]) -> Result<Value, Unfit> {
    serde_json::from_slice(body)
        .map_err(|error| Unfit::whole(format!("the body is no JSON: {error}")))
}

fn read(parameter: &Parameter, text: &str) -> Result<Value, Unfit> {
    match (parameter.kind, text) {
        (Kind::Text, text) => Ok(Value::from(text)),
        (Kind::Number, text) => number(parameter.name, text),
        (Kind::Switch, "true") => Ok(Value::Bool(true)),
        (Kind::Switch, "false") => Ok(Value::Bool(false)),
        (Kind::Switch, _) => {
            Err(Unfit::of(parameter.name, format!("{} is not true or false", oci::quoted(text))))
        }
    }
}

fn number(name: &str, text: &str) -> Result<Value, Unfit> {
    let wrong = || Unfit::of(name, format!("{} is no number", oci::quoted(text)));
    text.parse::<i64>().map(Value::from).map_err(|_| wrong())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each command, with all that it can hold.
    const COMMANDS: &[&str] = &[
        r#"{"command":"whoami"}"#,
        r#"{"command":"user-add","name":"ann","password":"p w","generate":false,"admin":true,"expires_in_seconds":60}"#,
        r#"{"command":"user-list","page":{"after":"a b&c","limit":10}}"#,
        r#"{"command":"user-list"}"#,
        r#"{"command":"user-show","name":"ann@example.org"}"#,
        r#"{"command":"user-passwd","name":"ann","old_password":"x","password":"y"}"#,
        r#"{"command":"user-passwd","old_password":"x","generate":true}"#,
        r#"{"command":"user-disable","name":"ann"}"#,
        r#"{"command":"user-enable","name":"ann"}"#,
        r#"{"command":"user-admin","name":"ann","admin":false}"#,
        r#"{"command":"user-remove","name":"a/../b?c#d%2f"}"#,
        r#"{"command":"team-add","name":"web"}"#,
        r#"{"command":"team-member-add","team":"web","user":"ann"}"#,
        r#"{"command":"team-member-remove","team":"web","user":"ann"}"#,
        r#"{"command":"team-list","page":{"limit":1}}"#,
        r#"{"command":"team-remove","name":"web"}"#,
        r#"{"command":"robot-add","name":"team/web+ci","expires_in_seconds":1,"grants":[{"role":"push","pattern":"team/**"}]}"#,
        r#"{"command":"robot-rotate","name":"team/web+ci","expires_in_seconds":5}"#,
        r#"{"command":"robot-disable","name":"team/web+ci"}"#,
        r#"{"command":"robot-enable","name":"ci"}"#,
        r#"{"command":"robot-list","page":{"after":"x"}}"#,
        r#"{"command":"robot-remove","name":"team/web+ci"}"#,
        r#"{"command":"token-create","user":"ann","label":"l","scopes":["pull:a/**"],"expires_in_seconds":9}"#,
        r#"{"command":"token-list","user":"ann"}"#,
        r#"{"command":"token-list"}"#,
        r#"{"command":"token-revoke","id":17}"#,
        r#"{"command":"role-put","name":"tester","actions":["pull","delete"]}"#,
        r#"{"command":"role-list"}"#,
        r#"{"command":"role-remove","name":"tester"}"#,
        r#"{"command":"grant","subject":"group:oidc/devs","role":"push","pattern":"a/**"}"#,
        r#"{"command":"revoke","subject":"signed-in","role":"push","pattern":"a/*"}"#,
        r#"{"command":"grants","subject":"user:ann","pattern":"a/**","page":{"after":"k","limit":3}}"#,
        r#"{"command":"visibility","pattern":"a/**","visibility":"public"}"#,
        r#"{"command":"visibility","pattern":"a/**"}"#,
        r#"{"command":"visibilities","page":{"limit":3}}"#,
        r#"{"command":"can-i","subject":"user:ann","action":"push","repository":"a/b"}"#,
        r#"{"command":"apply","file":{"grants":[{"subject":"anonymous","role":"pull","pattern":"a"}]},"dry_run":true,"prune":true}"#,
        r#"{"command":"apply","file":{}}"#,
        r#"{"command":"export"}"#,
        r#"{"command":"audit","filter":{"actor":"user:ann","action":"login","target":"a","outcome":"ok","since":"2026-01-01T00:00:00Z","until":"2026-01-02T00:00:00Z","above":5,"limit":10}}"#,
        r#"{"command":"audit"}"#,
        r#"{"command":"audit-verify"}"#,
        r#"{"command":"audit-verify","from":{"above":7,"seen":9,"sequence":5,"hash":"00ff"}}"#,
    ];

    #[test]
    fn every_command_arrives_as_it_was_sent() {
        for text in COMMANDS {
            let sent: Command = serde_json::from_str(text).unwrap();
            let request = api_request(&sent).unwrap();
            let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
            let body = request.body.as_deref().unwrap_or_default();
            let got = command(request.method, path.strip_prefix(BASE).unwrap(), query, body);
            let got = got.unwrap_or_else(|error| panic!("{text}: {request:?}: {error:?}"));
            assert_eq!(serde_json::to_value(&got).unwrap(), serde_json::to_value(&sent).unwrap());
        }
    }

    #[test]
    fn every_row_is_somebody_s() {
        let used: Vec<_> = COMMANDS
            .iter()
            .map(|text| {
                let request = api_request(&serde_json::from_str(text).unwrap()).unwrap();
                let path =
                    request.path.split('?').next().unwrap().strip_prefix(BASE).unwrap().to_owned();
                ROWS.iter()
                    .position(|row| row.method == request.method && row.take(&path).is_some())
                    .unwrap()
            })
            .collect();
        for (index, row) in ROWS.iter().enumerate() {
            assert!(used.contains(&index), "{row:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        for (method, path, query, body, field) in [
            ("GET", "/users", "n=5", "", Some("n")),
            ("GET", "/users", "limit=many", "", Some("limit")),
            ("GET", "/users", "limit=1&limit=2", "", Some("limit")),
            ("DELETE", "/tokens/x", "", "", Some("id")),
            ("PUT", "/users/ann/password", "", r#"{"name":"bob","password":"x"}"#, Some("name")),
            ("POST", "/users", "", r#"{"command":"user-admin","name":"x"}"#, Some("command")),
            ("POST", "/users", "", "[]", None),
            ("POST", "/users", "", "{", None),
            ("POST", "/users", "", r#"{"name":"x","superuser":true}"#, None),
            ("POST", "/users/ann/disable", "", r#"{"force":true}"#, None),
            ("PUT", "/access", "dry_run=yes", "{}", Some("dry_run")),
            ("GET", "/users/%ff", "", "", Some("name")),
        ] {
            let unfit = command(method, path, query, body.as_bytes()).unwrap_err();
            assert_eq!(unfit.field.as_deref(), field, "{method} {path}: {unfit:?}");
        }
    }
}
