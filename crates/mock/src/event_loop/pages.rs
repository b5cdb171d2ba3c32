//! The pages of the server itself.

use super::EventLoop;
use crate::connection::Connection;
use crate::exchange::{Framing, push_head};
use crate::http::Head;
use crate::metrics;
use crate::openai::models;
use crate::routes::Own;

impl EventLoop {
    /// One of the server's own pages.
    pub(super) fn own_page(&mut self, connection: &mut Connection, head: &Head<'_>, page: Own) {
        let config = &self.shared.config;
        let json = |value: serde_json::Value| ("application/json", value.to_string());
        let (status, (content_type, body)) = match page {
            Own::Models => (200, json(models(&config.model))),
            Own::Health => (200, ("text/plain", String::new())),
            Own::Info => {
                let version = env!("CARGO_PKG_VERSION");
                (
                    200,
                    json(serde_json::json!({"model_id": config.model, "version": version, "server": "plimsoll-mock"})),
                )
            }
            Own::Metrics => {
                let text = metrics::page(&self.shared.total(), self.shared.moment(), &config.model);
                (200, ("text/plain; version=0.0.4; charset=utf-8", text))
            }
            Own::Stats => (200, ("application/json", serde_json::to_string(&self.shared.report()).unwrap_or_default())),
            Own::Reset => {
                self.shared.reset();
                (200, json(serde_json::json!({"reset": true})))
            }
            Own::NotFound => (404, json(serde_json::json!({"error": "Not Found"}))),
            Own::WrongMethod => (405, json(serde_json::json!({"error": "Method Not Allowed"}))),
        };
        self.out.clear();
        push_head(&mut self.out, status, content_type, Framing::Length(body.len() as u64));
        if !head.keep_alive {
            self.out.extend_from_slice(b"connection: close\r\n");
            connection.closing = true;
        } else if !head.modern {
            self.out.extend_from_slice(b"connection: keep-alive\r\n");
        }
        self.out.extend_from_slice(b"\r\n");
        if head.method != "HEAD" {
            self.out.extend_from_slice(body.as_bytes());
        }
        connection.send(&self.out);
    }
}
