//! What can be asked.

use super::connections::Shared;
use super::guard::Refusal;
use super::{LONGEST_NOTE, stream};
use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::channel::Channel;
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::timeout;

pub(super) type Body = Either<Full<Bytes>, Channel<Bytes, Infallible>>;

/// Bytes of a request's body.
const LONGEST_BODY: usize = 4096;
/// How long they may take to come.
const BODY: Duration = Duration::from_secs(10);

/// Also of pages that say no.
const SECURITY: [(HeaderName, &str); 6] = [
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Leaves the token out of the address bar. A link's redirect would lose the cookie; a page of ours does not.
const WELCOME: &str =
    "<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=\"0;url=./\"><title>Plimsoll</title>";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    text: String,
}

pub(super) async fn answer(shared: &Rc<Shared>, request: Request<Incoming>) -> Response<Body> {
    let mut response = route(shared, request).await.unwrap_or_else(|(status, why)| {
        let mut response = text(why);
        *response.status_mut() = status;
        response
    });
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, shared.policy.clone());
    response
}

async fn route(shared: &Rc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
    let guard = &shared.guard;
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    guard.origin(&head.headers, path == "/")?;
    match (&head.method, path) {
        (&Method::GET, "/") => {
            guard.may_read(&head.headers, head.uri.query())?;
            if guard.exposed && guard.in_query(head.uri.query()) {
                return Ok(welcome(shared));
            }
            Ok(with_type("text/html; charset=utf-8", Either::Left(shared.page.clone().into())))
        }
        (&Method::GET, "/api/data") => {
            guard.may_read(&head.headers, None)?;
            shared.looked.store(true, Ordering::Relaxed);
            let (_, whole) = shared.board.borrow_mut().whole();
            Ok(with_type("application/json", Either::Left(whole.into())))
        }
        (&Method::GET, "/api/events") => {
            guard.may_read(&head.headers, None)?;
            shared.looked.store(true, Ordering::Relaxed);
            let full = (StatusCode::SERVICE_UNAVAILABLE, "too many pages are open\n");
            let mut response = with_type("text/event-stream", stream::open(shared).ok_or(full)?);
            // Proxies that would collect the stream first.
            response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
            Ok(response)
        }
        (&Method::POST, "/api/stop") => {
            guard.may_act(&head.headers)?;
            shared.actions.stop();
            Ok(done())
        }
        (&Method::POST, "/api/annotate") => {
            guard.may_act(&head.headers)?;
            let note = note(body).await?;
            if shared.board.borrow().is_over() || !shared.actions.annotate(&note) {
                return Err((StatusCode::CONFLICT, "the run is over\n"));
            }
            Ok(done())
        }
        (_, "/" | "/api/data" | "/api/events" | "/api/stop" | "/api/annotate") => {
            Err((StatusCode::METHOD_NOT_ALLOWED, "not with this method\n"))
        }
        _ => Err((StatusCode::NOT_FOUND, "there is nothing here\n")),
    }
}

async fn note(body: Incoming) -> Result<String, Refusal> {
    let too_long = (StatusCode::PAYLOAD_TOO_LARGE, "a note has at most 500 characters\n");
    let bytes = match timeout(BODY, Limited::new(body, LONGEST_BODY).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return Err(too_long),
        Err(_) => return Err((StatusCode::REQUEST_TIMEOUT, "the note did not come\n")),
    };
    let note: Note = serde_json::from_slice(&bytes)
        .map_err(|_| (StatusCode::BAD_REQUEST, "a note is written as {\"text\": \"...\"}\n"))?;
    let words = note.text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.chars().count() {
        0 => Err((StatusCode::BAD_REQUEST, "the note is empty\n")),
        length if length > LONGEST_NOTE => Err(too_long),
        _ => Ok(line),
    }
}

fn welcome(shared: &Shared) -> Response<Body> {
    let guard = &shared.guard;
    let cookie = format!("{}={}; HttpOnly; SameSite=Strict; Path=/", guard.cookie, guard.token);
    let mut response =
        with_type("text/html; charset=utf-8", Either::Left(Bytes::from_static(WELCOME.as_bytes()).into()));
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

fn text(text: &'static str) -> Response<Body> {
    with_type("text/plain; charset=utf-8", Either::Left(Bytes::from_static(text.as_bytes()).into()))
}

fn done() -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn with_type(kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
