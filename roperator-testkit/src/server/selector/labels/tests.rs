use proptest::prelude::*;
use serde_json::json;

use super::*;

/// What the real server answers for these texts.
const REFUSED: &[(&str, &str)] = &[
    ("a in", "unable to parse requirement: found '' expected: '('"),
    ("a in (x", "unable to parse requirement: found '', expected: ',' or ')'"),
    ("a in x", "unable to parse requirement: found 'x' expected: '('"),
    ("!", "unable to parse requirement: found '', expected: identifier"),
    (
        "a!",
        "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt",
    ),
    ("a,", "found '', expected: identifier after ','"),
    ("a,,b", "found ',', expected: identifier after ','"),
    (",", "found ',', expected: !, identifier, or 'end of string'"),
    (
        "a<1x",
        "unable to parse requirement: values[0]: Invalid value: \"1x\": for 'Gt', 'Lt' operators, the value must be an integer",
    ),
    ("=x", "found '=', expected: !, identifier, or 'end of string'"),
    ("a=b=c", "found '=', expected: ',' or 'end of string'"),
    (
        "a=-b",
        "unable to parse requirement: values[0][a]: Invalid value: \"-b\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    ),
    (
        "a b",
        "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
    ),
    (
        "a in (a b)",
        "unable to parse requirement: found 'b', expected: ',' or ')'",
    ),
    (
        "a in (a,",
        "unable to parse requirement: found '', expected: ',', or identifier",
    ),
    (
        "a in (!)",
        "unable to parse requirement: found '!', expected: ',', ')' or identifier",
    ),
    ("a = b c", "found 'c', expected: ',' or 'end of string'"),
    ("(", "found '(', expected: !, identifier, or 'end of string'"),
    (
        "-a=-b",
        "unable to parse requirement: <nil>: Invalid value: \"-a\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    ),
    (
        "a>",
        "unable to parse requirement: values[0]: Invalid value: \"\": for 'Gt', 'Lt' operators, the value must be an integer",
    ),
    ("a>=1", "unable to parse requirement: found '=', expected: identifier"),
    ("a<>1", "unable to parse requirement: found '>', expected: identifier"),
    ("a=b,(", "found '(', expected: identifier after ','"),
    ("!a=b", "found '=', expected: ',' or 'end of string'"),
    ("a=b,", "found '', expected: identifier after ','"),
    (
        "/x=y",
        "unable to parse requirement: <nil>: Invalid value: \"/x\": prefix part must be non-empty",
    ),
];

#[test]
fn refusals_are_those_of_the_real_server() {
    for (text, message) in REFUSED {
        assert_eq!(
            Selector::parse(text).map_err(|error| error.to_string()),
            Err((*message).to_owned()),
            "{text}"
        );
    }
    let two = Selector::parse("a in (-b,-c)").unwrap_err().to_string();
    assert!(two.starts_with("unable to parse requirement: [values[0][a]: Invalid value: \"-b\""));
    assert!(two.contains("), values[1][a]: Invalid value: \"-c\"") && two.ends_with("')]"));
}

#[test]
fn words_may_be_keys_and_values() {
    let cases = [
        ("a in ()", "a in ()"),
        ("a notin (x,,y)", "a notin (,x,y)"),
        ("x=y,in", "in,x=y"),
        ("in in (in)", "in in (in)"),
        ("! a,b==c,d!=", "!a,b==c,d!="),
        ("a\tin\n(b)", "a in (b)"),
        (" ", ""),
        ("a>1,b<+2", "a>1,b<+2"),
    ];
    for (text, shown) in cases {
        let parsed = Selector::parse(text);
        if text.contains('+') {
            assert!(parsed.is_err(), "a sign is no label value");
            continue;
        }
        assert_eq!(parsed.unwrap().to_string(), shown);
    }
}

#[test]
fn labels_match() {
    let labels = json!({"app": "web", "tier": "3", "empty": ""});
    let cases = [
        ("", true),
        ("app=web", true),
        ("app==db", false),
        ("app!=db,other!=x", true),
        ("app in (db,web)", true),
        ("app notin (web)", false),
        ("other notin (web)", true),
        ("other in ()", false),
        ("empty in ()", true),
        ("empty=", true),
        ("app,!other", true),
        ("!app", false),
        ("tier>2,tier<4", true),
        ("app>2", false),
        ("other>2", false),
        ("app=web,app=db", false),
    ];
    for (text, matches) in cases {
        let selector = Selector::parse(text).unwrap();
        assert_eq!(selector.matches(Some(&labels)), matches, "{text}");
    }
    assert!(!Selector::parse("app").unwrap().matches(None));
}

#[test]
fn objects_are_selectors_too() {
    let object = json!({
        "matchLabels": {"app": "web"},
        "matchExpressions": [
            {"key": "tier", "operator": "NotIn", "values": ["a", "b"]},
            {"key": "x", "operator": "DoesNotExist"}
        ]
    });
    let selector = Selector::from_object(Some(&object)).unwrap();
    assert_eq!(selector.to_string(), "app=web,tier notin (a,b),!x");
    assert!(selector.matches(Some(&json!({"app": "web"}))));
    assert!(!Selector::from_object(None).unwrap().matches(None));
    assert!(Selector::from_object(Some(&json!({}))).unwrap().is_everything());
    let unknown = json!({"matchExpressions": [{"key": "a", "operator": "Is"}]});
    let error = Selector::from_object(Some(&unknown)).unwrap_err();
    assert_eq!(error.to_string(), "\"Is\" is not a valid label selector operator");
}

proptest! {
    #[test]
    fn what_is_shown_is_understood_again(text in "[!]?[a-c](=|==|!=| in \\(| notin \\()?[a-c,]{0,3}[)]?(,[a-c])?") {
        if let Ok(selector) = Selector::parse(&text) {
            prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
        }
    }

    #[test]
    fn no_text_is_too_much(text in any::<String>()) {
        let _ = Selector::parse(&text);
    }
}
