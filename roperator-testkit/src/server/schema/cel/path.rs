//! Ways from variables to values: a way and a step in, a longer way out.

use std::cell::RefCell;
use std::rc::Rc;

/// The way from a variable to a value: a variable, and then fields, `@items`, `@keys` and `@values`. What is appended to one
/// path may overwrite what was appended to it before, as Go's slices do; the server's estimates show it where a loop over a
/// field of a loop's variable has another field of that variable in its body.
#[derive(Debug, Clone, Default)]
pub(super) struct Path {
    steps: Rc<RefCell<Vec<String>>>,
    length: usize,
}

impl Path {
    /// The way to a part of the value.
    pub(super) fn then(&self, step: &str) -> Self {
        let length = self.length + 1;
        let is_full = self.length == 0 || self.length.is_power_of_two();
        let steps = if is_full {
            let steps = self.steps.borrow();
            Rc::new(RefCell::new(steps.iter().take(self.length).cloned().collect()))
        } else {
            Rc::clone(&self.steps)
        };
        let mut all = steps.borrow_mut();
        match all.get_mut(self.length) {
            Some(other) => step.clone_into(other),
            None => all.push(step.to_owned()),
        }
        drop(all);
        Self { steps, length }
    }

    pub(super) fn steps(&self) -> Vec<String> {
        self.steps.borrow().iter().take(self.length).cloned().collect()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_share_their_steps_as_slices_do() {
        let three = Path::default().then("self").then("list").then("@items");
        let one = three.then("a");
        let other = three.then("b");
        assert_eq!(one.steps(), ["self", "list", "@items", "b"]);
        assert_eq!(other.steps(), one.steps());
        let (one, other) = (one.then("x"), one.then("y"));
        assert_eq!(
            [one.steps().pop(), other.steps().pop()],
            [Some("x".into()), Some("y".into())]
        );
    }
}
