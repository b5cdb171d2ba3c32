//! Finding out what an app is: version, protocol, endpoints.

use super::config::{Component, Config, Dependency, Info, MOST_BYTES, Parameter};
use super::login::log_in;
use plimsoll_model::Login;
use plimsoll_wire::{Client, Request, WireError};
use serde_json::Value;
use thiserror::Error;

/// A running Gradio app, as far as a client must know it.
#[derive(Debug, Clone)]
pub struct App {
    /// Gradio's version.
    pub version: String,
    /// The queue protocol; always `sse_v3` here.
    pub protocol: String,
    /// Prefix of every API path: `/gradio_api`, or nothing in 4.x.
    pub api_prefix: String,
    /// `owner/name` where the app runs as a Space.
    pub space_id: Option<String>,
    /// Whether a browser holds a heartbeat stream open for this app (it has state or an unload event).
    pub connect_heartbeat: bool,
    /// Whether the server records traces.
    pub profiling: bool,
    /// The endpoint under test.
    pub endpoint: Endpoint,
    /// Something the user should know, though the run goes on.
    pub warnings: Vec<String>,
}

/// One endpoint of an app.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its name with a leading slash; `fn 3` for one without a name.
    pub name: String,
    /// Its number in requests.
    pub fn_index: u64,
    /// Whether calls go through the queue. Those that do not are one plain request.
    pub queue: bool,
    pub(super) inputs: Vec<Input>,
}

/// One input of an endpoint.
#[derive(Debug, Clone)]
pub(super) struct Input {
    /// Component type, such as `textbox`.
    pub kind: String,
    /// State and others that a client sends as null.
    pub hidden: bool,
    /// The component's value on the page.
    pub value: Option<Value>,
    /// What `/info` says of it.
    pub parameter: Parameter,
}

/// Why an app cannot be tested.
#[derive(Debug, Error)]
pub enum AppError {
    /// No answer at all.
    #[error("{0}. Is the app running, and is this its address?")]
    Wire(#[from] WireError),
    /// Login needed.
    #[error("the app asks for a login; give --auth USER:PASS (or --header / --cookie, if the site around it does)")]
    LoginRequired,
    /// Login refused.
    #[error("the app refused the login of user `{0}`: wrong user name or password")]
    WrongPassword(String),
    /// The app lives elsewhere.
    #[error("{what} redirects to {location}; give that address if it is yours")]
    Redirect {
        /// What was asked for.
        what: String,
        /// Where to.
        location: String,
    },
    /// Another status.
    #[error("{what} answered HTTP {status}; this does not look like a Gradio app. Check the address, path included")]
    Status {
        /// What was asked for.
        what: String,
        /// HTTP status.
        status: u16,
    },
    /// Not JSON, or not Gradio's.
    #[error("/config is not what a Gradio app answers ({0}). Check the address, path included")]
    NotGradio(String),
    /// Too old.
    #[error(
        "this app runs Gradio {version} with the queue protocol `{protocol}`; Plimsoll speaks `sse_v3` (Gradio 4.44, 5.x, 6.x). Upgrade the app"
    )]
    Protocol {
        /// Gradio's version.
        version: String,
        /// Its protocol.
        protocol: String,
    },
    /// No such endpoint.
    #[error("the app has no endpoint `{wanted}`; it has: {known}")]
    NoSuchEndpoint {
        /// What `--api-name` said.
        wanted: String,
        /// What there is.
        known: String,
    },
    /// Nothing to call.
    #[error("the app has no endpoint that a client can call")]
    NoEndpoint,
    /// Webcam and microphone streams.
    #[error(
        "endpoint `{0}` is a media stream (webcam or microphone), which is not supported yet; choose another with --api-name"
    )]
    MediaStream(String),
}

/// Whether a Gradio app answers at this address already: any word from `/config`, a login page included.
pub async fn probe(client: &mut Client) -> bool {
    match client.fetch(Request::get("/config"), MOST_BYTES).await {
        Ok((response, _)) => matches!(response.status, 200 | 401),
        Err(_) => false,
    }
}

/// Logs in where needed and reads what the app is. `client` holds the session cookies afterwards.
pub async fn connect(client: &mut Client, login: Option<&Login>, api_name: Option<&str>) -> Result<App, AppError> {
    let mut warnings = Vec::new();
    let mut answer = client.fetch(Request::get("/config"), MOST_BYTES).await?;
    match (answer.0.status, login) {
        (401, None) => return Err(AppError::LoginRequired),
        (401, Some(login)) => {
            log_in(client, login).await?;
            answer = client.fetch(Request::get("/config"), MOST_BYTES).await?;
        }
        (200, Some(_)) => warnings.push("--auth was given, but the app asks for no login".to_owned()),
        _ => {}
    }
    let (response, bytes) = answer;
    check_status("/config", &response)?;
    let config: Config = serde_json::from_slice(&bytes).map_err(|error| AppError::NotGradio(error.to_string()))?;
    if config.version.is_empty() {
        return Err(AppError::NotGradio("it names no version".to_owned()));
    }
    let protocol = config.protocol.clone().unwrap_or_else(|| "ws".to_owned());
    if protocol != "sse_v3" {
        return Err(AppError::Protocol { version: config.version, protocol });
    }
    let api_prefix = config.api_prefix.clone().unwrap_or_default().trim_end_matches('/').to_owned();
    let info = read_info(client, &api_prefix).await?;
    let endpoint = choose(&config, &info, api_name)?;
    let profiling = {
        let (response, _) =
            client.fetch(Request::get(format!("{api_prefix}/profiling/traces?last_n=1")), MOST_BYTES).await?;
        response.status == 200
    };
    if release(&config.version) < (6, 11) {
        warnings.push(format!(
            "Gradio {} looks for new messages every 50 ms: latencies, gaps between outputs and the split into queue wait and run time come in steps of about 50 ms (gone in 6.11)",
            config.version
        ));
    }
    Ok(App {
        version: config.version,
        protocol,
        api_prefix,
        space_id: config.space_id,
        connect_heartbeat: config.connect_heartbeat,
        profiling,
        endpoint,
        warnings,
    })
}

/// Major and minor number of a version.
fn release(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

fn check_status(what: &str, response: &plimsoll_wire::Response) -> Result<(), AppError> {
    match response.status {
        200 => Ok(()),
        401 | 403 => Err(AppError::LoginRequired),
        300..=399 => {
            let location =
                response.headers.get("location").and_then(|value| value.to_str().ok()).unwrap_or("elsewhere");
            Err(AppError::Redirect { what: what.to_owned(), location: location.to_owned() })
        }
        status => Err(AppError::Status { what: what.to_owned(), status }),
    }
}

/// `/info` fails on some apps whose functions cannot be described; they can still be called, so that is no error.
async fn read_info(client: &mut Client, api_prefix: &str) -> Result<Info, WireError> {
    let (response, bytes) = client.fetch(Request::get(format!("{api_prefix}/info")), MOST_BYTES).await?;
    Ok(if response.status == 200 { serde_json::from_slice(&bytes).unwrap_or_default() } else { Info::default() })
}

fn choose(config: &Config, info: &Info, wanted: Option<&str>) -> Result<Endpoint, AppError> {
    let callable = || config.dependencies.iter().enumerate().filter(|(_, dependency)| dependency.has_function());
    let find = |name: &str| callable().find(|(_, dependency)| dependency.name() == Some(name));
    // The order of `/info` is the order in which the app shows its endpoints.
    let found = match wanted {
        Some(wanted) => {
            let name = wanted.trim_start_matches('/');
            find(name).ok_or_else(|| AppError::NoSuchEndpoint {
                wanted: format!("/{name}"),
                known: known_names(config, info),
            })?
        }
        None => info
            .named_endpoints
            .keys()
            .find_map(|name| find(name.trim_start_matches('/')))
            .or_else(|| callable().find(|(_, dependency)| dependency.name().is_some()))
            .or_else(|| callable().next())
            .ok_or(AppError::NoEndpoint)?,
    };
    endpoint(config, info, found)
}

fn endpoint(config: &Config, info: &Info, (place, dependency): (usize, &Dependency)) -> Result<Endpoint, AppError> {
    let fn_index = dependency.id.unwrap_or(place as u64);
    let name = dependency.name().map_or_else(|| format!("fn {fn_index}"), |name| format!("/{name}"));
    if dependency.connection.as_deref() == Some("stream") {
        return Err(AppError::MediaStream(name));
    }
    let described = info.named_endpoints.get(&name).and_then(|endpoint| endpoint.get("parameters")).cloned();
    let mut parameters =
        described.and_then(|list| serde_json::from_value::<Vec<Parameter>>(list).ok()).unwrap_or_default().into_iter();
    let inputs = dependency
        .inputs
        .iter()
        .map(|id| {
            let component = config.components.iter().find(|component| component.id == *id);
            input(component, &mut parameters)
        })
        .collect();
    Ok(Endpoint { name, fn_index, queue: dependency.queue != Some(false), inputs })
}

/// `/info` lists only the inputs that a client fills in, in order.
fn input(component: Option<&Component>, parameters: &mut impl Iterator<Item = Parameter>) -> Input {
    let Some(component) = component else {
        return Input { kind: String::new(), hidden: true, value: None, parameter: Parameter::default() };
    };
    let hidden = component.skip_api || component.kind == "state";
    Input {
        kind: component.kind.clone(),
        hidden,
        value: component.props.get("value").filter(|value| !value.is_null()).cloned(),
        parameter: if hidden { Parameter::default() } else { parameters.next().unwrap_or_default() },
    }
}

fn known_names(config: &Config, info: &Info) -> String {
    let mut names: Vec<String> = info.named_endpoints.keys().cloned().collect();
    for dependency in &config.dependencies {
        if let Some(name) = dependency.name().filter(|_| dependency.has_function()) {
            let name = format!("/{name}");
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    if names.is_empty() { "none with a name".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(value: Value) -> Config {
        serde_json::from_value(value).unwrap()
    }

    fn sample() -> (Config, Info) {
        let config = config(json!({
            "version": "6.31.0", "protocol": "sse_v3", "api_prefix": "/gradio_api", "app_id": 18446744073709551615u64,
            "components": [
                {"id": 1, "type": "textbox", "props": {"value": null}},
                {"id": 2, "type": "state", "props": {}},
                {"id": 3, "type": "slider", "props": {"value": 7}, "skip_api": false}
            ],
            "dependencies": [
                {"id": 0, "api_name": "false", "inputs": [], "backend_fn": true},
                {"id": 1, "api_name": "js_only", "inputs": [], "backend_fn": false},
                {"id": 5, "api_name": "second", "inputs": [1], "queue": false},
                {"id": 9, "api_name": "first", "inputs": [1, 2, 3], "queue": true},
                {"id": 11, "api_name": "webcam", "inputs": [], "connection": "stream"}
            ]
        }));
        let info = serde_json::from_value(json!({"named_endpoints": {
            "/first": {"parameters": [{"label": "text"}, {"label": "n", "parameter_has_default": true, "parameter_default": 3}]},
            "/second": {"parameters": []}
        }}))
        .unwrap();
        (config, info)
    }

    #[test]
    fn the_first_named_endpoint_is_the_one_info_shows_first() {
        let (config, info) = sample();
        let endpoint = choose(&config, &info, None).unwrap();
        assert_eq!((endpoint.name.as_str(), endpoint.fn_index, endpoint.queue), ("/first", 9, true));
        assert_eq!(endpoint.inputs.iter().map(|input| input.hidden).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(endpoint.inputs[2].parameter.parameter_default, json!(3), "state takes no parameter");
        assert!(!choose(&config, &info, Some("second")).unwrap().queue);
    }

    #[test]
    fn a_wrong_name_lists_the_known_ones() {
        let (config, info) = sample();
        let error = choose(&config, &info, Some("/nope")).unwrap_err().to_string();
        assert_eq!(error, "the app has no endpoint `/nope`; it has: /first, /second, /webcam");
        assert!(matches!(choose(&config, &info, Some("webcam")), Err(AppError::MediaStream(_))));
    }
}
