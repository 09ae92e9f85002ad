//! The judge is judged: what it must hide, what it must see, and that its files are as it would write them.

use std::collections::BTreeSet;

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::{
    answers::{self, CaseAnswers},
    compare::{KnownDifference, Verdict, compare, known_differences},
    folder,
    mask::{self, Mask},
    pointer, script, yaml,
};

/// The trials, which need no server.
pub fn trials() -> Vec<Trial> {
    let trial = |name: &str, run: fn() -> Result<(), Failed>| Trial::test(format!("judge: {name}"), run);
    vec![
        trial("equal answers are identical", equal_answers),
        trial("a difference fails, and says where", a_difference),
        trial(
            "a known difference is ignored, and fails once it is gone",
            a_known_difference,
        ),
        trial("what is new in every run gets a stable name", stable_names),
        trial("complaints about a custom object have no order", complaints),
        trial("what a script says is not masked", kept_values),
        trial("what is written is read again", round_trip),
        trial("the recorded answers are as they would be written", recorded_answers),
        trial("pointers select, mask and keep", pointers),
        trial("the README has the counts", counts),
    ]
}

fn equal_answers() -> Result<(), Failed> {
    let verdict = judge(json!({"status": 200}), json!({"status": 200}), None);
    expect(
        verdict.identical == 1 && verdict.complaints.is_empty(),
        "one answer is identical",
    )
}

fn a_difference() -> Result<(), Failed> {
    let verdict = judge(
        json!({"status": 200, "body": {"a": 1}}),
        json!({"status": 200, "body": {"a": 2}}),
        None,
    );
    expect(verdict.identical == 0, "none is identical")?;
    let complaint = verdict.complaints.concat();
    expect(complaint.starts_with("step 1: GET /here\n"), &complaint)?;
    expect(
        complaint.contains("    -     body: {a: 1}\n    +     body: {a: 2}\n"),
        &complaint,
    )?;

    let none = compare(None, &case(json!({"status": 200})), &[]);
    expect(none.complaints.len() == 1, "what was never recorded fails")
}

fn a_known_difference() -> Result<(), Failed> {
    let recorded = json!({"status": 200, "body": {"a": 1, "b": [1, 2]}});
    let verdict = judge(
        recorded.clone(),
        json!({"status": 200, "body": {"a": 1, "b": [1, 3]}}),
        Some("/body/b"),
    );
    expect(
        verdict.known == 1 && verdict.complaints.is_empty(),
        &verdict.complaints.concat(),
    )?;

    let verdict = judge(
        recorded.clone(),
        json!({"status": 200, "body": {"a": 2, "b": [1, 3]}}),
        Some("/body/b"),
    );
    expect(verdict.complaints.len() == 1, "what is not listed fails")?;
    expect(
        !verdict.complaints.concat().contains("[1, 3]"),
        "what is listed is not shown",
    )?;

    let verdict = judge(recorded.clone(), recorded, Some("/body/b"));
    expect(
        verdict.complaints.concat().contains("no longer differs"),
        &verdict.complaints.concat(),
    )
}

fn stable_names() -> Result<(), Failed> {
    let mut mask = Mask::new(vec![("ns-abc".to_owned(), "$ns".to_owned())]);
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let object = |uid: &str, version: &str, suffix: &str| {
        json!({"metadata": {
            "name": format!("made-{suffix}"), "generateName": "made-", "namespace": "ns-abc", "creationTimestamp": now,
            "uid": format!("{uid}0000000-0000-0000-0000-000000000000"), "resourceVersion": version,
        }, "spec": {"clusterIP": "10.0.3.4"}})
    };
    let mut list = json!({"items": [object("a", "7", "bcdfg"), object("b", "5", "wxz24"), object("a", "7", "bcdfg")],
        "metadata": {"resourceVersion": "99", "continue": "abc"}});
    mask::collections(&mut list);
    mask.value(&mut list);
    let metadata = |number: usize| {
        json!({"metadata": {"name": "made-<generated>", "generateName": "made-", "namespace": "$ns",
            "creationTimestamp": "<time>", "uid": format!("<uid:{number}>"), "resourceVersion": format!("<rv:{number}>")},
            "spec": {"clusterIP": "<ip:1>"}})
    };
    let expected = json!({"items": [metadata(1), metadata(2), metadata(1)],
        "metadata": {"resourceVersion": "<rv>", "continue": "<continue>"}});
    expect(list == expected, &format!("{list:#}"))
}

fn complaints() -> Result<(), Failed> {
    let masked = |fields: [&str; 2], group: &str| {
        let causes = fields.map(|field| json!({"field": field, "message": "Required value"}));
        let message = format!("no: [{}: Required value, {}: Required value]", fields[0], fields[1]);
        let mut status = json!({"details": {"group": group, "causes": causes}, "message": message});
        Mask::default().value(&mut status);
        status
    };
    let custom = "a.example.com";
    expect(
        masked(["a", "b"], custom) == masked(["b", "a"], custom),
        "a custom object",
    )?;
    expect(
        masked(["a", "b"], "apps") != masked(["b", "a"], "apps"),
        "a built-in one",
    )?;
    expect(
        masked(["a", "b"], custom) != masked(["a", "c"], custom),
        "another field",
    )
}

fn kept_values() -> Result<(), Failed> {
    let mut mask = Mask::default();
    let value = json!({"time": "2020-01-01T00:00:00Z", "metadata": {"resourceVersion": "", "name": "made-by-hand"},
        "status": {"podIP": "10.1.2.3"}, "port": 30000, "resourceVersion": "0"});
    let mut masked = value.clone();
    mask.value(&mut masked);
    expect(masked == value, &format!("{masked:#}"))
}

fn round_trip() -> Result<(), Failed> {
    let long = "x".repeat(200);
    let strings = [
        "",
        "plain",
        "a: b",
        "true",
        "y",
        "No",
        "1",
        "1.5",
        "0x1f",
        "- a",
        "#c",
        "a #c",
        "it's",
        "\"q\"",
        "a\nb",
        "~",
        "*a",
        "&a",
        "<rv:1>",
        "$ns",
        "{a}",
        "[a]",
        "a,b",
        " a",
        "a ",
        "é",
        "\\",
        "\t",
        "2020-01-01",
        "null",
        "=",
        "f:data",
        "k:{\"a\":1}",
        &long,
    ];
    let keys: serde_json::Map<String, Value> = strings.iter().map(|text| ((*text).to_owned(), json!(1))).collect();
    let strings = strings.to_vec();
    let value = json!({"strings": strings, "numbers": [0, -1, 1.5, 9007199254740993_u64], "empty": [{}, []], "none": null,
        "deep": [[[{"a": [{"b": strings}]}]]], "keys": keys});
    let text = yaml::write(&value, 0);
    let read: Value = yaml::read(&text)?;
    expect(read == value, &text)
}

fn recorded_answers() -> Result<(), Failed> {
    for entry in std::fs::read_dir(folder("answers"))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let cases = answers::load(&folder("answers"), &name)?;
        let text = answers::text(&cases);
        expect(
            text == std::fs::read_to_string(&path)?,
            &format!("{} was edited", path.display()),
        )?;
    }
    Ok(())
}

fn counts() -> Result<(), Failed> {
    let scripts = script::load(&folder("scripts"))?;
    let cases: Vec<_> = scripts.iter().flat_map(|script| &script.cases).collect();
    let requests: usize = cases.iter().map(|case| case.steps.len()).sum();
    let known = known_differences(&folder("known-differences.yaml"))?;
    let differ: BTreeSet<_> = known
        .iter()
        .map(|known| (&known.script, &known.case, known.step))
        .collect();
    let grouped = |number: usize| match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", number / 1000, number % 1000),
    };
    let told = [
        format!("{} cases with {} requests", cases.len(), grouped(requests)),
        format!(
            "{} answers are identical, {} differ",
            grouped(requests - differ.len()),
            differ.len()
        ),
    ];
    let readme = std::fs::read_to_string(folder("../../README.md"))?;
    let readme = readme.split_whitespace().collect::<Vec<_>>().join(" ");
    told.iter()
        .try_for_each(|told| expect(readme.contains(told), &format!("the README does not say `{told}`")))
}

fn pointers() -> Result<(), Failed> {
    let value = json!({"items": [{"metadata": {"name": "a/b"}, "n": 1}, {"metadata": {"name": "c"}, "n": 2}]});
    expect(pointer::kept(&value, "/items/*/n") == json!([1, 2]), "every member")?;
    expect(
        pointer::kept(&value, "/items/metadata.name=c/n") == json!(2),
        "the member that has it",
    )?;
    expect(pointer::kept(&value, "/items/7") == json!("<nothing>"), "nothing")?;
    let mut masked = value.clone();
    pointer::mask(&mut masked, "/items/*/metadata");
    expect(
        masked == json!({"items": [{"metadata": "<object>", "n": 1}, {"metadata": "<object>", "n": 2}]}),
        "masked",
    )?;
    let places = pointer::differences(&value, &masked);
    expect(
        places == ["/items/0/metadata", "/items/1/metadata"],
        &format!("{places:?}"),
    )
}

fn judge(recorded: Value, actual: Value, known: Option<&str>) -> Verdict {
    let known = known.map(|path| KnownDifference {
        script: "script".to_owned(),
        case: "case".to_owned(),
        step: 1,
        path: path.to_owned(),
        reason: "reason".to_owned(),
    });
    compare(Some(&case(recorded)), &case(actual), &known.iter().collect::<Vec<_>>())
}

fn case(mut answer: Value) -> CaseAnswers {
    answer["step"] = "GET /here".into();
    CaseAnswers {
        case: "case".to_owned(),
        answers: vec![answer],
    }
}

fn expect(holds: bool, what: &str) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(what.into()) }
}
