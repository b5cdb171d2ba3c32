//! One virtual user's HTTP client: keep-alive connections, cookies, and a stamp on everything that arrives.

use crate::http1::{Connection, ExchangeError, Framing, Head};
use crate::{Connector, CookieJar, WireError};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Idle connections of one user.
type Idle = Rc<RefCell<Vec<Connection>>>;

/// A request: the path is below the origin's base path.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Path and query, starting with a slash.
    pub path: String,
    /// Body and its content type.
    pub body: Option<(Bytes, HeaderValue)>,
    /// Headers of this request alone.
    pub headers: HeaderMap,
}

impl Request {
    /// A GET.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None, headers: HeaderMap::new() }
    }

    /// A POST with a body of this type.
    pub fn post(path: impl Into<String>, content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        Self {
            method: Method::POST,
            path: path.into(),
            body: Some((body.into(), content_type)),
            headers: HeaderMap::new(),
        }
    }

    /// A POST with a JSON body.
    pub fn post_json(path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::post(path, HeaderValue::from_static("application/json"), body)
    }
}

/// A virtual user's client. Cookies and idle connections are its own.
pub struct Client {
    connector: Rc<Connector>,
    headers: HeaderMap,
    /// The user's cookies.
    pub cookies: CookieJar,
    idle: Idle,
}

impl Client {
    /// A client that sends these headers with every request.
    pub fn new(connector: Rc<Connector>, headers: HeaderMap, cookies: CookieJar) -> Self {
        Self { connector, headers, cookies, idle: Rc::default() }
    }

    /// The connector it uses.
    pub fn connector(&self) -> &Rc<Connector> {
        &self.connector
    }

    /// Makes sure that a connection is open, so that the next request does not wait for one; tells how long that took.
    pub async fn open(&self) -> Result<Duration, WireError> {
        let mut took = Duration::ZERO;
        let connection = match self.take_idle().await.0 {
            Some(connection) => connection,
            None => {
                let start = self.connector.clock().now();
                let connection = self.connector.connect().await?;
                took = self.connector.clock().now() - start;
                connection
            }
        };
        self.idle.borrow_mut().push(connection);
        Ok(took)
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// A GET goes out once more, on a new connection, when the server closed the idle one in the same moment; a
    /// POST that may have been received is never repeated.
    pub async fn send(&mut self, request: Request) -> Result<Response, WireError> {
        let clock = self.connector.clock();
        let mut connect = Duration::ZERO;
        let head = self.encode(&request)?;
        let body: &[u8] = request.body.as_ref().map_or(&[], |(body, _)| body);
        let sent_at = clock.now();
        let (mut idle, mut reconnected) = self.take_idle().await;
        loop {
            let reused = idle.is_some();
            let mut connection = match idle.take() {
                Some(connection) => connection,
                None => {
                    let start = clock.now();
                    let connection = self.connector.connect().await?;
                    connect += clock.now() - start;
                    connection
                }
            };
            match connection.exchange(&request.method, &head, body).await {
                Ok(Head { status, headers, at, framing }) => {
                    self.cookies.absorb(&headers, self.connector.origin().is_https());
                    let body = Body { connection: Some(connection), framing, idle: self.idle.clone() };
                    return Ok(Response { status, headers, sent_at, head_at: at, connect, reconnected, body });
                }
                Err(ExchangeError::ClosedBeforeAnswer(_)) if reused && request.method == Method::GET => {
                    reconnected = true;
                }
                Err(ExchangeError::ClosedBeforeAnswer(error) | ExchangeError::Failed(error)) => return Err(error),
            }
        }
    }

    /// Sends a request and reads the whole answer, up to `limit` bytes.
    pub async fn fetch(&mut self, request: Request, limit: usize) -> Result<(Response, Bytes), WireError> {
        let mut response = self.send(request).await?;
        let bytes = response.body.collect(limit).await?;
        Ok((response, bytes))
    }

    /// An idle connection that is still open, and whether others turned out to be closed.
    async fn take_idle(&self) -> (Option<Connection>, bool) {
        let mut some_closed = false;
        loop {
            let Some(mut connection) = self.idle.borrow_mut().pop() else { return (None, some_closed) };
            if connection.is_open().await {
                return (Some(connection), some_closed);
            }
            some_closed = true;
        }
    }

    /// The request's head but for the empty line that ends it.
    fn encode(&self, request: &Request) -> Result<Vec<u8>, WireError> {
        let path = self.connector.origin().path(&request.path);
        if path.bytes().any(|byte| byte <= b' ' || byte == 0x7F) {
            return Err(WireError::protocol(format!("`{path}` holds characters that a path cannot hold")));
        }
        let mut head = Vec::with_capacity(512);
        for part in [request.method.as_str(), " ", &path, " HTTP/1.1\r\n"] {
            head.extend_from_slice(part.as_bytes());
        }
        let mut field = |name: &str, value: &[u8]| {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                head.extend_from_slice(part);
            }
        };
        if !self.headers.contains_key(header::HOST) {
            field("host", self.connector.origin().authority().as_bytes());
        }
        for (name, value) in self.headers.iter().chain(&request.headers) {
            field(name.as_str(), value.as_bytes());
        }
        if let Some(cookies) = self.cookies.header() {
            field("cookie", cookies.as_bytes());
        }
        if let Some((body, content_type)) = &request.body {
            field("content-type", content_type.as_bytes());
            field("content-length", body.len().to_string().as_bytes());
        }
        Ok(head)
    }
}

/// The head of an answer, its stamps, and the body still to be read.
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// When the request was handed to the connection (before a connection had to be opened).
    pub sent_at: Duration,
    /// When the head had arrived.
    pub head_at: Duration,
    /// Time spent opening a connection.
    pub connect: Duration,
    /// Whether the idle connection turned out to be closed.
    pub reconnected: bool,
    /// The body.
    pub body: Body,
}

/// Bytes and when they came.
#[derive(Debug)]
pub struct Chunk {
    /// When the bytes were there, before anybody looked into them.
    pub at: Duration,
    /// The bytes.
    pub data: Bytes,
}

/// A body being read. Read to its end, it gives its connection back; dropped before, it closes it.
pub struct Body {
    connection: Option<Connection>,
    framing: Framing,
    idle: Idle,
}

impl Body {
    /// The next bytes; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Chunk, WireError>> {
        let connection = self.connection.as_mut()?;
        match connection.read_body(&mut self.framing).await {
            Ok(Some((at, data))) => Some(Ok(Chunk { at, data })),
            Ok(None) => {
                self.idle.borrow_mut().extend(self.connection.take().filter(Connection::is_reusable));
                None
            }
            Err(error) => {
                self.connection = None;
                Some(Err(error))
            }
        }
    }

    /// Reads the rest, up to `limit` bytes.
    pub async fn collect(&mut self, limit: usize) -> Result<Bytes, WireError> {
        let mut first: Option<Bytes> = None;
        let mut more: Vec<u8> = Vec::new();
        while let Some(chunk) = self.next().await {
            let data = chunk?.data;
            match first.take() {
                None if more.is_empty() => first = Some(data),
                held => {
                    more.extend_from_slice(&held.unwrap_or_default());
                    more.extend_from_slice(&data);
                }
            }
            if more.len() > limit || first.as_ref().is_some_and(|first| first.len() > limit) {
                return Err(WireError::protocol(format!("the answer is larger than {limit} bytes")));
            }
        }
        Ok(first.unwrap_or_else(|| more.into()))
    }
}
