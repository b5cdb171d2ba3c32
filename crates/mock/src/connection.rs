//! One client's connection: bytes in, bytes out, and never a wait for either.

use crate::exchange::Exchange;
use crate::http::Dechunker;
use mio::net::TcpStream;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;

/// While a request is in service, no more than this is read ahead.
const READ_AHEAD: usize = 256 * 1024;
/// White space is sent in blocks of this size.
const BLOCK: usize = 64 * 1024;
static SPACES: [u8; BLOCK] = [b' '; BLOCK];

/// White space that is still to be sent, and what comes after it.
#[derive(Debug)]
pub(crate) struct Filler {
    pub left: u64,
    pub chunked: bool,
    pub tail: Vec<u8>,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// Bytes received and not yet used.
    pub input: Vec<u8>,
    /// No request can be complete below so many bytes of input.
    pub need: usize,
    pub dechunker: Option<Dechunker>,
    pub continued: bool,
    output: Vec<u8>,
    output_at: usize,
    pub filler: Option<Filler>,
    /// The socket may have more to read.
    pub readable: bool,
    /// The client has said that it will send no more; the end is read after the last bytes.
    pub half_closed: bool,
    pub eof: bool,
    pub dead: bool,
    /// Close once everything is sent.
    pub closing: bool,
    /// Say nothing any more; wait for the client to leave.
    pub silent: bool,
    pub exchange: Option<Box<Exchange>>,
    /// The mark of the one timer or ticket that is valid.
    pub tag: u64,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            input: Vec::new(),
            need: 0,
            dechunker: None,
            continued: false,
            output: Vec::new(),
            output_at: 0,
            filler: None,
            readable: true,
            half_closed: false,
            eof: false,
            dead: false,
            closing: false,
            silent: false,
            exchange: None,
            tag: 0,
        }
    }

    /// Whether everything handed over has left.
    pub(crate) fn is_flushed(&self) -> bool {
        self.output_at >= self.output.len() && self.filler.is_none()
    }

    /// Sends bytes, or keeps what the socket does not take. True if all of it left at once.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        if self.dead {
            return true;
        }
        let mut sent = 0;
        if self.output_at >= self.output.len() {
            while sent < bytes.len() {
                match self.stream.write(&bytes[sent..]) {
                    Ok(count) => sent += count,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(_) => {
                        self.dead = true;
                        return true;
                    }
                }
            }
        }
        self.output.extend_from_slice(&bytes[sent..]);
        sent == bytes.len()
    }

    /// Sends what was kept, and white space where there is some to send.
    pub(crate) fn flush(&mut self) {
        loop {
            while self.output_at < self.output.len() && !self.dead {
                match self.stream.write(&self.output[self.output_at..]) {
                    Ok(count) => self.output_at += count,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                    Err(_) => self.dead = true,
                }
            }
            self.output.clear();
            self.output_at = 0;
            if self.output.capacity() > 1 << 20 {
                self.output = Vec::new();
            }
            let Some(filler) = &mut self.filler else { return };
            if self.dead {
                return;
            }
            if filler.left == 0 {
                self.output = std::mem::take(&mut filler.tail);
                self.filler = None;
                continue;
            }
            let count = filler.left.min(BLOCK as u64) as usize;
            filler.left -= count as u64;
            if filler.chunked {
                crate::exchange::push_chunk(&mut self.output, &SPACES[..count]);
            } else {
                self.output.extend_from_slice(&SPACES[..count]);
            }
        }
    }

    /// Reads what has come, by way of `scratch`.
    pub(crate) fn fill(&mut self, scratch: &mut [u8]) {
        while self.readable && !self.eof && !self.dead {
            if self.exchange.is_some() && self.input.len() >= READ_AHEAD {
                return;
            }
            match self.stream.read(scratch) {
                Ok(0) => {
                    self.eof = true;
                    self.readable = false;
                }
                Ok(count) => {
                    if !self.silent {
                        self.input.extend_from_slice(&scratch[..count]);
                    }
                    // Less than asked for is all there was; later bytes are a new edge. An end announced with them is not.
                    if count < scratch.len() && !self.half_closed {
                        self.readable = false;
                    }
                    if self.input.len() >= self.need.max(1) {
                        // Enough for a look; the rest is fetched when that look was in vain.
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(_) => self.dead = true,
            }
        }
    }

    /// Makes closing a reset, as a crashed server's would be.
    pub(crate) fn reset(&mut self) {
        // If the system refuses, the client sees an orderly end without an answer: lost all the same.
        #[cfg(unix)]
        let _ = rustix::net::sockopt::set_socket_linger(&self.stream, Some(std::time::Duration::ZERO));
        self.dead = true;
    }

    /// Ends our side but keeps reading: closing with unread bytes would reset the connection and with it the answer.
    pub(crate) fn end_politely(&mut self) {
        if self.stream.shutdown(Shutdown::Write).is_err() {
            self.dead = true;
        }
        self.silent = true;
        self.input = Vec::new();
    }
}
