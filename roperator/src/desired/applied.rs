//! What the annotation `roperator.dev/applied` records: the desired state that was last written, as two hashes.
//!
//! In: the normalised desired object, without our own metadata. Out: the annotation's text, and whether a recorded text
//! still says the same. Never looks at the live object, and never fails: what cannot be read compares as different.
//!
//! **Every version stays implemented and is compared in itself**, so that an upgrade of ours rewrites nothing and
//! recreates no Pod. A version's module is frozen once it was released. To add one: write `applied/v2.rs`, let
//! [`Applied`] hold its hashes beside those of v1, give [`Recorded`] a variant, and add a line to each `match`.

mod v1;

#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// One SHA-256.
type Digest = [u8; 32];

/// A desired object's hashes: once computed, compared with all that is recorded of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Applied {
    content: Digest,
    fields: Digest,
}

impl Applied {
    /// Hashes `content`, the normalised desired object without our own metadata. `built_in` says that it is of a kind of
    /// Kubernetes itself, whose lists are known to be keyed by a few members only.
    pub(crate) fn of(content: &Value, built_in: bool) -> Self {
        Self {
            content: v1::content(content),
            fields: v1::fields(content, built_in),
        }
    }

    /// The annotation's text: `v1.<43 characters of base64url>.<43 characters of base64url>`, content before fields.
    pub(crate) fn annotation(&self) -> String {
        format!(
            "v1.{}.{}",
            URL_SAFE_NO_PAD.encode(self.content),
            URL_SAFE_NO_PAD.encode(self.fields)
        )
    }

    /// The first 64 bits of the content's hash: enough to tell states of one object apart while the process lives.
    pub(crate) fn short_content(&self) -> u64 {
        short(&self.content)
    }

    /// The same of the set of fields.
    pub(crate) fn short_fields(&self) -> u64 {
        short(&self.fields)
    }
}

fn short([a, b, c, d, e, f, g, h, ..]: &Digest) -> u64 {
    u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h])
}

/// A record as it was found on an object, in whichever version wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// Written by version 1.
    V1 {
        /// The hash of the content.
        content: Digest,
        /// The hash of the set of fields.
        fields: Digest,
    },
    /// Absent, damaged, or of a version later than ours: different from everything.
    Unknown,
}

impl Recorded {
    /// Reads the annotation's text. Whatever is unreadable is [`Recorded::Unknown`].
    pub(crate) fn parse(text: &str) -> Self {
        let mut parts = text.split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("v1"), Some(content), Some(fields), None) => match (digest(content), digest(fields)) {
                (Some(content), Some(fields)) => Self::V1 { content, fields },
                _ => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }

    /// Whether what was recorded says the same, values included.
    pub(crate) fn same_content(&self, desired: &Applied) -> bool {
        match self {
            Self::V1 { content, .. } => *content == desired.content,
            Self::Unknown => false,
        }
    }

    /// Whether what was recorded sets the same fields, whatever their values. May be `false` although nothing was
    /// dropped; is never `true` when a field, list item or set element was dropped or exchanged.
    pub(crate) fn same_fields(&self, desired: &Applied) -> bool {
        match self {
            Self::V1 { fields, .. } => *fields == desired.fields,
            Self::Unknown => false,
        }
    }
}

/// The 32 bytes that `text` encodes, if it is exactly that.
fn digest(text: &str) -> Option<Digest> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}
