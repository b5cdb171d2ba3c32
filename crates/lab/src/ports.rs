//! Free ports on this machine.

use crate::LabError;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// The first port from `start` on at which nothing listens on 127.0.0.1 and which can be bound there.
///
/// Somebody else may take it before it is used; whoever binds it then must say so.
pub fn free_port(start: u16) -> Result<u16, LabError> {
    free_ports(start, 1)
}

/// The first of `count` free ports in a row, from `start` on. Gradio's worker processes use the ports after the app's.
pub fn free_ports(start: u16, count: u16) -> Result<u16, LabError> {
    let count = count.max(1);
    let mut in_a_row = 0;
    for port in start.max(1)..=u16::MAX {
        in_a_row = if is_free(port) { in_a_row + 1 } else { 0 };
        if in_a_row == count {
            return Ok(port - (count - 1));
        }
    }
    Err(LabError::NoFreePort { start })
}

fn is_free(port: u16) -> bool {
    // Binding alone is not enough everywhere: some systems let us bind beside a listener on 0.0.0.0.
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && !is_listening(port)
}

/// Whether something accepts connections on this port.
pub(crate) fn is_listening(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_a_taken_port() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(free_port(port).unwrap() > port);
    }

    #[test]
    fn skips_a_port_taken_on_all_addresses() {
        let taken = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(free_port(port).unwrap() > port);
    }

    #[test]
    fn a_row_does_not_contain_a_taken_port() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let first = free_ports(port - 1, 3).unwrap();
        assert!(first > port);
    }

    #[test]
    fn ends_at_the_last_port() {
        assert!(free_ports(65535, 2).is_err());
    }
}
