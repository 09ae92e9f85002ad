//! Stack for what recurses: how deep it goes and a computation in, its result out. A worker thread has two MiB, which an
//! expression that Kubernetes takes can exceed, above all while it is parsed.

/// What the parser takes at most for an expression within another one, without optimization.
const PARSED: usize = 256 << 10;
/// What a walk through a syntax tree takes at most for a node within another one.
const WALKED: usize = 24 << 10;
/// What is needed at any depth.
const LEAST: usize = 256 << 10;

/// Runs a parser on an expression that is nested to a depth.
pub(super) fn for_parsing<T>(depth: usize, parse: impl FnOnce() -> T) -> T {
    with(depth.saturating_mul(PARSED), parse)
}

/// Runs a walk through a syntax tree of a depth.
pub(super) fn for_walking<T>(depth: usize, walk: impl FnOnce() -> T) -> T {
    with(depth.saturating_mul(WALKED), walk)
}

fn with<T>(bytes: usize, compute: impl FnOnce() -> T) -> T {
    let bytes = bytes.saturating_add(LEAST);
    stacker::maybe_grow(bytes, bytes, compute)
}
