//! Free ports on loopback. A port stays taken until [`Port::release`], just before the process that gets it starts.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{Ipv4Addr, TcpListener};

use super::error::RealError;

/// Below the range from which systems take the source ports of outgoing connections: a server that is stopped and
/// started again on its port must not find a client's connection there.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;
const ATTEMPTS: u64 = 200;

/// A port that is held for a process still to start.
#[derive(Debug)]
pub(super) struct Port {
    number: u16,
    held: Option<TcpListener>,
}

impl Port {
    /// Takes a free port.
    pub(super) fn take() -> Result<Self, RealError> {
        let random = RandomState::new();
        let mut failure = std::io::Error::from(std::io::ErrorKind::AddrInUse);
        for attempt in 0..ATTEMPTS {
            let offset = u16::try_from(random.hash_one(attempt) % u64::from(COUNT)).unwrap_or_default();
            match TcpListener::bind((Ipv4Addr::LOCALHOST, FIRST + offset)) {
                Ok(listener) => {
                    return Ok(Self {
                        number: FIRST + offset,
                        held: Some(listener),
                    });
                }
                Err(error) => failure = error,
            }
        }
        Err(RealError::io("find a free port on 127.0.0.1")(failure))
    }

    pub(super) fn number(&self) -> u16 {
        self.number
    }

    /// Lets go of the port, for the process that is about to listen on it.
    pub(super) fn release(&mut self) {
        self.held = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_exclusive_until_it_is_released() {
        let mut port = Port::take().unwrap();
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, port.number())).is_err());
        port.release();
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, port.number())).is_ok());
    }
}
