//! How children are updated: apply, replace, recreate, on_delete, immutable fields.

crate::scenarios![shared: ; own: ];
