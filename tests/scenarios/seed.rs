//! What the original roperator got wrong, one scenario each.

crate::scenarios![shared: ; own: ];
