//! Endpoints and EndpointSlices: defaults. Whole objects in, changed objects out. What they say is not judged.

use serde_json::Value;

use super::values::{default, default_absent, items_mut};
use crate::server::registry::strategy::Strategy;

/// What is special about Endpoints.
pub const ENDPOINTS: Strategy = Strategy {
    default: |endpoints| {
        for subset in items_mut(endpoints, "subsets") {
            for port in items_mut(subset, "ports") {
                default(port, "protocol", "TCP");
            }
        }
    },
    creates_on_update: true,
    ..Strategy::PLAIN
};

/// What is special about EndpointSlices.
pub const ENDPOINT_SLICE: Strategy = Strategy {
    default: slice,
    generation: &["addressType", "endpoints", "ports"],
    ..Strategy::PLAIN
};

fn slice(slice: &mut Value) {
    for port in items_mut(slice, "ports") {
        default_absent(port, "name", "");
        default(port, "protocol", "TCP");
    }
}
