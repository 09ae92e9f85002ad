//! Costs that the server was asked about.

use serde_json::{Value, json};

use super::super::structural::Node;
use super::*;

fn schema() -> Value {
    json!({"type": "object", "properties": {
        "text": {"type": "string", "maxLength": 10},
        "free": {"type": "string"},
        "on": {"type": "boolean"},
        "size": {"type": "integer"},
        "any": {"x-kubernetes-int-or-string": true},
        "list": {"type": "array", "maxItems": 5, "items": {"type": "object", "properties": {
            "a": {"type": "string", "maxLength": 5},
            "b": {"type": "string"},
            "n": {"type": "integer"},
            "tags": {"type": "array", "maxItems": 4, "items": {"type": "string", "maxLength": 3}}}}},
        "map": {"type": "object", "maxProperties": 4, "additionalProperties": {"type": "string", "maxLength": 6}}}})
}

fn value() -> Value {
    json!({"text": "hello", "free": "a longer text", "on": true, "size": 7, "any": 5, "map": {"k": "v"}, "list": [
        {"a": "x", "b": "y", "n": 1, "tags": ["t"]}, {"a": "z", "b": "y", "n": 2, "tags": ["t", "u"]}]})
}

/// What the server estimates for a rule, what it costs to evaluate, and whether it holds.
#[test]
fn rules_cost_what_they_cost_on_the_server() {
    let cases: [(&str, u64, u64, bool); 26] = [
        ("self.size > 1", 3, 3, true),
        ("self.text == 'x'", 3, 3, false),
        ("self.free.matches('^[a-z]+$')", 629_148, 6, false),
        ("self.free.contains(self.text)", 1_258_296, 6, false),
        ("(self.on ? self.text : self.free) + 'abc' == 'x'", 314_578, 5, false),
        ("self.any == 5", 3, 3, true),
        ("dyn(self.any) + 1 > 5", 5, 5, true),
        ("has(self.list) && self.list.all(x, x.n > 0)", 34, 16, true),
        ("self.list.all(x, self.list.exists(y, x.a == y.a))", 283, 45, true),
        ("self.list.all(x, x.tags.all(t, t == x.b))", 125_829_073, 18, false),
        ("self.list.all(x, x.tags.all(t, t != x.a))", 833, 36, true),
        ("self.list.all(i, x, x.n > i)", 38, 17, true),
        ("self.list.map(x, x.a).exists(y, y == 'q')", 109, 44, false),
        ("self.list.filter(x, x.n > 1)[0].a == 'z'", 96, 26, true),
        (
            "self.list.map(x, x.tags).flatten().distinct().size() == 2",
            162,
            75,
            true,
        ),
        ("self.list.sortBy(x, x.a)[0].a == 'x'", 162, 56, true),
        ("self.map.all(k, self.map[k].startsWith(k))", 35, 11, false),
        ("self.map.transformMap(k, v, v + 'x').k == 'vx'", 62, 11, true),
        (
            "self.text.replace('l', 'LL').split('L').join('') == 'heo'",
            1_844_674_407_370_955_291,
            7,
            true,
        ),
        (
            "[self.text, self.free].isSorted()",
            3_689_348_814_741_910_544,
            15,
            false,
        ),
        ("quantity('1Gi').isGreaterThan(quantity('1Mi'))", 3, 3, true),
        ("cidr('10.0.0.0/8').containsIP('10.1.1.1')", 6, 3, true),
        ("url('https://a.b/c') == url('https://a.b/c')", 6, 5, true),
        ("!format.dns1123Label().validate(self.text).hasValue()", 133, 13, true),
        (
            "self.?text.optMap(t, t + 'x').orValue('') == 'hellox'",
            1_844_674_407_370_955_284,
            10,
            true,
        ),
        ("sets.intersects(self.list.map(x, x.a), ['x'])", 99, 34, true),
    ];
    let node = Node::new(&schema());
    let bindings = Bindings::new(&node, &value(), None, false);
    for (rule, estimate, cost, holds) in cases {
        let checked = check(rule, &node, false, false, Wanted::Rule);
        assert_eq!(checked.map(|checked| checked.cost), Ok(estimate), "{rule}");
        let evaluated = Program::new(rule).unwrap().evaluate(&bindings, false);
        assert_eq!(evaluated.cost, cost, "{rule}");
        assert_eq!(evaluated.result.is_ok_and(|result| result.is_true()), holds, "{rule}");
    }
}

#[test]
fn an_evaluation_ends_where_it_costs_too_much() {
    let endless = [
        "lists.range(1000000000).size() > 0",
        "lists.range(1000).all(a, lists.range(1000).all(b, lists.range(1000).all(c, a + b + c >= 0)))",
        "lists.range(500).map(a, lists.range(500).map(b, lists.range(500))).size() > 0",
        "lists.range(90000).transformMap(i, x, x).size() > 0 && lists.range(900000).size() > 0",
        "lists.range(900000).exists(a, lists.range(900000).first().hasValue() && a < 0)",
        "lists.range(1000).exists(a, lists.range(1000).exists(b, a + b < 0) || lists.range(1000).exists(b, a + b < 0))",
    ];
    let node = Node::new(&schema());
    let bindings = Bindings::new(&node, &value(), None, false);
    for rule in endless {
        let evaluated = Program::new(rule).unwrap().evaluate(&bindings, false);
        assert!(matches!(evaluated.result, Err(Trouble::Limit)), "{rule}");
    }
}

#[test]
fn an_error_in_a_loop_is_outweighed_by_what_decides() {
    let node = Node::new(&schema());
    let bindings = Bindings::new(&node, &value(), None, false);
    let cases = [
        ("[0, 1].all(x, 1 / x > 1)", Some(false)),
        ("[0, 1].exists(x, 1 / x == 1)", Some(true)),
        ("[0, 1].all(x, 1 / x == 1)", None),
    ];
    for (rule, expected) in cases {
        let result = Program::new(rule).unwrap().evaluate(&bindings, false).result;
        assert_eq!(result.ok().map(|result| result.is_true()), expected, "{rule}");
    }
}

#[test]
fn constants_are_judged_before_there_are_values() {
    let node = Node::new(&schema());
    let cases = [
        ("'%q'.format([1]) == ''", "unrecognized formatting clause"),
        ("'%d'.format(['a']) == ''", "was given string"),
        ("'%s%s'.format([self.text]) == ''", "index 1 out of range"),
        ("'%s'.format([1, 2]) == ''", "expected 1, got 2"),
        ("self.size > 1 || int('x') == 1", "from 'string' to 'int'"),
        ("bool(string('yes'))", "from 'string' to 'bool'"),
    ];
    for (rule, why) in cases {
        let refused = check(rule, &node, false, false, Wanted::Rule).unwrap_err();
        assert!(refused.contains(why), "{rule}: {refused}");
    }
    for rule in [
        "'%d'.format([self.any]) == ''",
        "int('5') == 5",
        "'%f'.format(['NaN']) == 'NaN'",
    ] {
        assert!(check(rule, &node, false, false, Wanted::Rule).is_ok(), "{rule}");
    }
}

/// Tests have as little stack as the server's workers.
#[test]
fn what_is_as_deep_as_it_may_be_is_checked_and_evaluated() {
    let nested = |open: &str, close: &str, times: usize| format!("{}true{}", open.repeat(times), close.repeat(times));
    let deep = [
        nested("(", ")", 249),
        nested("[", "]", 249) + " != []",
        nested("true ? ", " : false", 1) + &" && true".repeat(5_000),
        nested("!!(", ")", 249),
        nested("!(false || ", ")", 248),
        nested("[1].all(x, ", ")", 249),
        nested("[1].exists(i, x, ", ")", 249),
        nested("{'a': ", "}", 249) + " != {}",
        format!("1{} > 0", " + 1".repeat(249)),
        format!("[[1]]{} == []", ".map(x, x)".repeat(60)),
        format!("'a'{} == 'a'", ".lowerAscii()".repeat(249)),
        format!("optional.of(true){}.value()", ".optMap(x, x)".repeat(5)),
    ];
    let node = Node::new(&schema());
    let bindings = Bindings::new(&node, &value(), None, false);
    for rule in deep {
        let shown = rule.get(..30).unwrap_or_default();
        assert!(check(&rule, &node, false, false, Wanted::Rule).is_ok(), "{shown}");
        let evaluated = Program::new(&rule).unwrap().evaluate(&bindings, false);
        assert!(!matches!(evaluated.result, Err(Trouble::Error(_))), "{shown}");
    }
    let endless = format!("optional.of(1){}.hasValue()", ".optMap(x, x)".repeat(200));
    assert!(Program::new(&endless).is_err());
}

#[test]
fn what_is_in_a_loop_is_compiled_once() {
    let node = Node::new(&schema());
    let bindings = Bindings::new(&node, &value(), None, false);
    let rule = "lists.range(2000).all(x, string(x).matches('^(\\\\w{40}|[0-9]){1,8}$'))";
    let start = std::time::Instant::now();
    let result = Program::new(rule).unwrap().evaluate(&bindings, false).result;
    assert!(result.is_ok_and(|result| result.is_true()));
    // Compiled for each item, it took half a second each.
    assert!(start.elapsed() < std::time::Duration::from_secs(60));
}

/// Rules that double something with every step, and such at which the evaluator crate panics.
#[test]
fn hostile_rules_end() {
    let steps = |step: &str| format!("[[1]]{}.size() == 1", step.repeat(60));
    let rules = [
        (steps(".map(a, a + a)"), false),
        (format!("{} && [1] == [1]", steps(".map(a, [a, a])")), true),
        (steps(".map(a, {'a': a, 'b': a})"), true),
        (
            format!("[[1]]{}.exists(a, a == a)", ".map(a, [a, a])".repeat(60)),
            false,
        ),
        (
            format!(
                "[[1]]{}.exists(a, '%s'.format([a]) == '')",
                ".map(a, [a, a])".repeat(60)
            ),
            false,
        ),
        (
            "quantity('1e300').add(quantity('1e-300')).isInteger()".to_owned(),
            false,
        ),
        ("[9223372036854775807, self.size].sum() == 1".to_owned(), false),
    ];
    let node = Node::new(&schema());
    let bindings = Bindings::new(&node, &value(), None, false);
    for (rule, holds) in rules {
        assert!(check(&rule, &node, false, false, Wanted::Rule).is_ok(), "{rule}");
        let evaluated = Program::new(&rule).unwrap().evaluate(&bindings, false);
        assert_eq!(evaluated.result.is_ok_and(|result| result.is_true()), holds, "{rule}");
    }
}
