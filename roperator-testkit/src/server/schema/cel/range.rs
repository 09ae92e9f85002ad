//! From how much to how much: sizes and costs that are only known within bounds. Nothing overflows: what is more than can be
//! counted is as much as can be counted.

/// A size, or a cost in units of Kubernetes' own, between two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) least: u64,
    pub(super) most: u64,
}

impl Range {
    /// Nothing.
    pub(super) const ZERO: Self = Self::exactly(0);
    /// Anything.
    pub(super) const ANY: Self = Self::new(0, u64::MAX);

    pub(super) const fn new(least: u64, most: u64) -> Self {
        Self { least, most }
    }

    pub(super) const fn exactly(value: u64) -> Self {
        Self::new(value, value)
    }

    pub(super) const fn plus(self, other: Self) -> Self {
        Self::new(
            self.least.saturating_add(other.least),
            self.most.saturating_add(other.most),
        )
    }

    pub(super) const fn times(self, other: Self) -> Self {
        Self::new(
            self.least.saturating_mul(other.least),
            self.most.saturating_mul(other.most),
        )
    }

    /// Both bounds times a factor, rounded up.
    pub(super) fn scaled(self, factor: f64) -> Self {
        Self::new(scaled(self.least, factor), scaled(self.most, factor))
    }

    /// What holds both.
    pub(super) fn or(self, other: Self) -> Self {
        Self::new(self.least.min(other.least), self.most.max(other.most))
    }
}

impl std::iter::Sum for Range {
    fn sum<I: Iterator<Item = Self>>(ranges: I) -> Self {
        ranges.fold(Self::ZERO, Self::plus)
    }
}

/// A size times a factor, rounded up.
pub(super) fn scaled(size: u64, factor: f64) -> u64 {
    // A float that is too large becomes the largest integer.
    (size as f64 * factor).ceil() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_range() -> impl Strategy<Value = Range> {
        (any::<u64>(), any::<u64>()).prop_map(|(one, other)| Range::new(one.min(other), one.max(other)))
    }

    proptest! {
        #[test]
        fn ranges_stay_ranges(one in any_range(), other in any_range(), factor in 0.0..4.0) {
            for range in [one.plus(other), one.times(other), one.or(other), one.scaled(factor)] {
                prop_assert!(range.least <= range.most);
            }
            prop_assert_eq!(one.plus(other), other.plus(one));
            prop_assert_eq!(one.times(other), other.times(one));
            prop_assert_eq!(one.or(other), other.or(one));
            prop_assert_eq!(one.plus(Range::ZERO), one);
            prop_assert_eq!(one.or(one), one);
        }
    }
}
