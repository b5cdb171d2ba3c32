//! One virtual user's HTTP client: keep-alive connections, cookies, and a stamp on everything that arrives.

use crate::connect::AfterStreams;
use crate::http1::{Connection, ExchangeError, Framing, Head};
use crate::{Connector, CookieJar, Prepared, Request, WireError};
use bytes::Bytes;
use http::{HeaderMap, Method};
use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Idle connections of one user.
type Idle = Rc<RefCell<Vec<Connection>>>;

/// A virtual user's client. Cookies and idle connections are its own.
pub struct Client {
    connector: Rc<Connector>,
    headers: HeaderMap,
    /// The user's cookies.
    pub cookies: CookieJar,
    idle: Idle,
    keeps: bool,
}

impl Client {
    /// A client that sends these headers with every request.
    pub fn new(connector: Rc<Connector>, headers: HeaderMap, cookies: CookieJar) -> Self {
        Self { connector, headers, cookies, idle: Rc::default(), keeps: true }
    }

    /// This client, opening a new connection for every request.
    pub fn with_new_connections(self) -> Self {
        Self { keeps: false, ..self }
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
        let prepared = Prepared::new(self.connector.origin(), &self.headers, &request)?;
        self.send_prepared(&prepared).await
    }

    /// As [`Self::send`], of a request that is ready: only cookies are added to it.
    pub async fn send_prepared(&mut self, request: &Prepared) -> Result<Response, WireError> {
        let clock = self.connector.clock();
        let mut connect = Duration::ZERO;
        let request = match self.cookies.header() {
            Some(cookies) => Cow::Owned(request.with_field("cookie", cookies.as_bytes())),
            None => Cow::Borrowed(request),
        };
        let (head, body) = request.writes();
        let method = request.method();
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
            match connection.exchange(method, head, body).await {
                Ok(Head { status, headers, at, framing }) => {
                    self.cookies.absorb(&headers, self.connector.origin().is_https());
                    let idle = self.keeps.then(|| self.idle.clone());
                    let body = Body { connection: Some(connection), framing, idle, at };
                    return Ok(Response { status, headers, sent_at, head_at: at, connect, reconnected, body });
                }
                Err(ExchangeError::ClosedBeforeAnswer(_)) if reused && *method == Method::GET => {
                    reconnected = true;
                }
                Err(ExchangeError::ClosedBeforeAnswer(error) | ExchangeError::Failed(error)) => return Err(error),
            }
        }
    }

    /// To be called when an event stream was read to its end, outside of what is measured: makes sure that the next
    /// request does not go out on a connection that the server is just closing. The connections of the first streams are
    /// watched for a moment; what the server does with them counts for the others.
    pub async fn after_stream(&self) {
        /// So long a connection is watched: a busy server may take some milliseconds from its last chunk to its FIN.
        const MOMENT: Duration = Duration::from_millis(20);
        /// So many streams are watched.
        const ENOUGH: u32 = 16;
        let known = &self.connector.after_streams;
        match known.get() {
            AfterStreams::Keeps => {}
            AfterStreams::Closes => self.idle.borrow_mut().clear(),
            AfterStreams::Watched(count) => {
                let Some(mut connection) = self.idle.borrow_mut().pop() else { return };
                if tokio::time::timeout(MOMENT, connection.closed()).await.is_ok() {
                    known.set(AfterStreams::Closes);
                    return;
                }
                self.idle.borrow_mut().push(connection);
                if known.get() != AfterStreams::Closes {
                    known.set(if count + 1 >= ENOUGH { AfterStreams::Keeps } else { AfterStreams::Watched(count + 1) });
                }
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
    /// Where the connection goes at the end; nowhere, if each request has its own.
    idle: Option<Idle>,
    at: Duration,
}

impl Body {
    /// When the last bytes came: those of the head, of the body, or the end of it.
    pub fn last_at(&self) -> Duration {
        self.at
    }

    /// Bytes still to come, if the server said how many.
    pub fn length(&self) -> Option<u64> {
        match self.framing {
            Framing::Done => Some(0),
            Framing::Length(length) => Some(length),
            Framing::Chunked(_) | Framing::UntilClose => None,
        }
    }

    /// The next bytes; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Chunk, WireError>> {
        let connection = self.connection.as_mut()?;
        match connection.read_body(&mut self.framing).await {
            Ok(Some((at, data))) => {
                self.at = at;
                Some(Ok(Chunk { at, data }))
            }
            Ok(None) => {
                self.at = connection.read_at();
                if let (Some(idle), Some(mut connection)) =
                    (&self.idle, self.connection.take().filter(Connection::is_reusable))
                {
                    connection.rest();
                    idle.borrow_mut().push(connection);
                }
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
        if self.length().is_some_and(|length| length > limit as u64) {
            self.connection = None;
            return Err(WireError::too_large(limit));
        }
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
                self.connection = None;
                return Err(WireError::too_large(limit));
            }
        }
        Ok(first.unwrap_or_else(|| more.into()))
    }
}
