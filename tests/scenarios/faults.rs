//! A server that fails, goes away, forgets, or answers too late.

crate::scenarios![shared: ; own: ];
