//! Numbers to hand out: those that are taken, and which is next. It knows nothing of Services.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::KUBERNETES_ADDRESS;

const FIRST_ADDRESS: u32 = KUBERNETES_ADDRESS.to_bits();
const LAST_ADDRESS: u32 = Ipv4Addr::new(10, 0, 255, 254).to_bits();
const FIRST_DYNAMIC_ADDRESS: u32 = Ipv4Addr::new(10, 0, 1, 1).to_bits();
const FIRST_PORT: u32 = 30000;
const LAST_PORT: u32 = 32767;
const FIRST_DYNAMIC_PORT: u32 = 30086;

/// Numbers to hand out.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    first: u32,
    last: u32,
    dynamic: u32,
    latest: u32,
    pub(super) taken: BTreeSet<u32>,
}

impl Pool {
    /// The cluster IPs: 10.0.0.0/16 without its first and last address.
    pub(super) const fn addresses() -> Self {
        Self::new(FIRST_ADDRESS, LAST_ADDRESS, FIRST_DYNAMIC_ADDRESS)
    }

    /// The node ports.
    pub(super) const fn ports() -> Self {
        Self::new(FIRST_PORT, LAST_PORT, FIRST_DYNAMIC_PORT)
    }

    const fn new(first: u32, last: u32, dynamic: u32) -> Self {
        Self {
            first,
            last,
            dynamic,
            latest: dynamic - 1,
            taken: BTreeSet::new(),
        }
    }

    /// Whether a number is one of those to hand out.
    pub(super) fn has(&self, number: u32) -> bool {
        (self.first..=self.last).contains(&number)
    }

    /// Whether a number is taken.
    pub(super) fn is_taken(&self, number: u32) -> bool {
        self.taken.contains(&number)
    }

    /// The next free number: after the latest, else anywhere in the dynamic range, else below.
    pub(super) fn next(&self, also_taken: &[u32]) -> Option<u32> {
        let after = self.latest.saturating_add(1)..=self.last;
        let order = after.chain(self.dynamic..=self.last).chain(self.first..self.dynamic);
        let mut free = order.filter(|number| !self.taken.contains(number) && !also_taken.contains(number));
        free.next()
    }

    /// Frees and takes.
    pub(super) fn apply(&mut self, taken: Vec<u32>, freed: &[u32]) {
        for number in freed {
            self.taken.remove(number);
        }
        for number in taken {
            if number >= self.dynamic {
                self.latest = number;
            }
            self.taken.insert(number);
        }
    }
}
