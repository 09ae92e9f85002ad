//! Start, shutdown, missing kinds, renamed operators, health and metrics.

crate::scenarios![shared: ; own: ];
