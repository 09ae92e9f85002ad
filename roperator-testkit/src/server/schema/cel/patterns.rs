//! The functions that match patterns: a text and a pattern in; whether and where it matches out. Patterns are Go's, and each
//! is compiled once for many evaluations: Kubernetes counts what it costs to match, and nothing for compiling.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use kube_cel::cel::{ExecutionError, Value as Cel};

use super::super::pattern::Pattern;

/// So many patterns are kept; then all are forgotten, those in use as well.
const MOST_KEPT: usize = 256;

thread_local! {
    static COMPILED: RefCell<HashMap<String, Rc<Pattern>>> = RefCell::new(HashMap::new());
}

/// The result of `matches`, `find` or `findAll`; `None` for other functions and operands.
pub(super) fn apply(name: &str, operands: &[Cel]) -> Option<Result<Cel, ExecutionError>> {
    let [Cel::String(text), Cel::String(pattern), most @ ..] = operands else {
        return None;
    };
    let compiled = || {
        let pattern = compiled(pattern);
        let error = pattern.error().map(|error| format!("error parsing regexp: {error}"));
        error.map_or(Ok(pattern), Err)
    };
    let known = || compiled().map_err(|error| format!("Illegal regex: {error}"));
    let string = |found: &str| Cel::String(Arc::new(found.to_owned()));
    let result = match (name, most) {
        ("matches", []) => compiled().map(|pattern| Cel::Bool(pattern.matches(text))),
        ("find", []) => known().map(|pattern| string(pattern.found(text).next().unwrap_or_default())),
        ("findAll", [] | [Cel::Int(_)]) => known().map(|pattern| {
            let most = match most {
                [Cel::Int(most)] => usize::try_from(*most).unwrap_or(usize::MAX),
                _ => usize::MAX,
            };
            Cel::List(Arc::new(pattern.found(text).take(most).map(string).collect()))
        }),
        _ => return None,
    };
    Some(result.map_err(|why| ExecutionError::function_error(name, why)))
}

fn compiled(text: &str) -> Rc<Pattern> {
    COMPILED.with_borrow_mut(|kept| {
        if let Some(pattern) = kept.get(text) {
            return Rc::clone(pattern);
        }
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        let pattern = Rc::new(Pattern::new(text));
        kept.insert(text.to_owned(), Rc::clone(&pattern));
        pattern
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(name: &str, text: &str, pattern: &str, most: Option<i64>) -> Result<Cel, ExecutionError> {
        let operand = |text: &str| Cel::String(Arc::new(text.to_owned()));
        let operands = [operand(text), operand(pattern)].into_iter().chain(most.map(Cel::Int));
        apply(name, &operands.collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn patterns_are_matched_as_go_does() {
        let list = |items: &[&str]| items.iter().map(|item| Cel::from(*item)).collect::<Vec<_>>().into();
        assert_eq!(result("matches", "é", r"^\w$", None), Ok(Cel::Bool(false)));
        assert_eq!(result("find", "éa", r"\w", None), Ok("a".into()));
        assert_eq!(result("findAll", "abc", ".", None), Ok(list(&["a", "b", "c"])));
        assert_eq!(result("findAll", "abc", ".", Some(2)), Ok(list(&["a", "b"])));
        assert_eq!(result("findAll", "abc", ".", Some(0)), Ok(list(&[])));
        assert_eq!(result("findAll", "abc", ".", Some(-1)), Ok(list(&["a", "b", "c"])));
        assert!(result("find", "a", "(", None).is_err());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        for number in 0..2 * MOST_KEPT {
            assert!(compiled(&number.to_string()).matches(&number.to_string()));
        }
        assert!(COMPILED.with_borrow(HashMap::len) <= MOST_KEPT);
    }
}
