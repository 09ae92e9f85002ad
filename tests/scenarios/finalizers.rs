//! Parents that are deleted.

crate::scenarios![shared: ; own: ];
