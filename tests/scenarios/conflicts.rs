//! Objects that are in the way, and others who write.

crate::scenarios![shared: ; own: ];
