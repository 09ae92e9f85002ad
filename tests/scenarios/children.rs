//! What happens to children: created, repaired, left alone, pruned.

crate::scenarios![shared: ; own: ];
