//! Handlers that misbehave, and parents that make no sense.

crate::scenarios![shared: ; own: ];
