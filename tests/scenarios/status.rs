//! What the parent's status says.

crate::scenarios![shared: ; own: ];
