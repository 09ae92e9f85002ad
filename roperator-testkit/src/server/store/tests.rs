use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;

use super::*;

fn resource() -> GroupResource {
    GroupResource::new("", "configmaps")
}

fn content(text: &str) -> Content {
    Content {
        json: Bytes::copy_from_slice(text.as_bytes()),
        schema: None,
        labels: Box::default(),
        fields: Box::default(),
    }
}

fn put(store: &Store, key: &str, text: &str) -> Revision {
    let expected = store.get(&resource(), key).map(|live| live.revision);
    let written = store.put(&resource(), key, expected, content(text));
    written.unwrap().revision
}

fn remove(store: &Store, key: &str) -> Revision {
    let live = store.get(&resource(), key).unwrap();
    let removed = store.remove(&resource(), key, live.revision, content("last"));
    removed.unwrap().revision
}

fn list(store: &Store, at: At) -> Result<Vec<String>, ReadError> {
    let page = store.list(&Query {
        resource: &resource(),
        namespace: "",
        at,
        start: None,
        limit: None,
        filter: None,
    })?;
    let show = |object: &Arc<Object>| format!("{}={}", object.key, String::from_utf8_lossy(&object.content.json));
    Ok(page.objects.iter().map(show).collect())
}

#[test]
fn a_write_on_a_version_that_is_not_there_is_refused() {
    let store = Store::new(Limits::default());
    let first = put(&store, "ns/a", "1");
    let second = store.put(&resource(), "ns/a", None, content("2"));
    assert!(second.is_err());
    let third = store.remove(&resource(), "ns/b", 7, content("3"));
    assert!(third.is_err());
    assert_eq!(store.revision(), first, "what is refused takes no revision");
}

#[test]
fn every_state_that_history_has_can_be_listed() {
    let store = Store::new(Limits::default());
    let first = put(&store, "ns/a", "1");
    let second = put(&store, "ns/b", "1");
    let third = put(&store, "ns/a", "2");
    let fourth = remove(&store, "ns/b");
    assert_eq!(list(&store, At::Exactly(first)).unwrap(), ["ns/a=1"]);
    assert_eq!(list(&store, At::Exactly(second)).unwrap(), ["ns/a=1", "ns/b=1"]);
    assert_eq!(list(&store, At::Exactly(third)).unwrap(), ["ns/a=2", "ns/b=1"]);
    assert_eq!(list(&store, At::Exactly(fourth)).unwrap(), ["ns/a=2"]);
    let future = list(&store, At::Exactly(fourth + 1));
    assert!(matches!(future, Err(ReadError::Future { .. })), "{future:?}");

    store.compact(third);
    assert_eq!(list(&store, At::Exactly(third)).unwrap(), ["ns/a=2", "ns/b=1"]);
    let past = list(&store, At::Exactly(second));
    assert!(matches!(past, Err(ReadError::Compacted { .. })), "{past:?}");
    assert_eq!(store.count(&resource()), 1);
}

#[test]
fn pages_follow_each_other_in_one_state() {
    let store = Store::new(Limits::default());
    for name in ["a-b/x", "a/x", "a/y", "a/z", "b/x"] {
        put(&store, name, "1");
    }
    let resource = resource();
    let query = |start, at| Query {
        resource: &resource,
        namespace: "a",
        at,
        start,
        limit: Some(2),
        filter: None,
    };
    let first = store.list(&query(None, At::Newest)).unwrap();
    assert_eq!(first.objects.len(), 2);
    assert_eq!(first.next.as_deref(), Some("a/y\0"));
    remove(&store, "a/z");
    put(&store, "a/yes", "1");
    let rest = query(first.next.as_deref(), At::Exactly(first.revision));
    let second = store.list(&rest).unwrap();
    assert_eq!(second.objects.len(), 1);
    assert_eq!(second.next, None);
    assert_eq!(store.remaining(&rest).unwrap(), 1);
    assert_eq!(store.remaining(&query(None, At::Newest)).unwrap(), 3);
    let newest = store.list(&query(first.next.as_deref(), At::Newest)).unwrap();
    assert_eq!(
        newest.objects[0].name(),
        "yes",
        "nothing that came in between is left out"
    );
}

#[test]
fn nobody_waits_for_a_filter() {
    let store = Store::new(Limits::default());
    for name in ["a", "b", "c", "d"] {
        put(&store, name, "1");
    }
    let page = store.list(&Query {
        resource: &resource(),
        namespace: "",
        at: At::Newest,
        start: None,
        limit: Some(1),
        filter: Some(&|object| {
            put(&store, &format!("{}-seen", object.name()), "1");
            object.name() == "b"
        }),
    });
    let page = page.unwrap();
    assert_eq!(page.objects.len(), 1);
    assert_eq!(page.next.as_deref(), Some("b\0"));
    assert_eq!(store.count(&resource()), 6);
}

#[test]
fn history_stays_within_its_limits() {
    let writes = Store::new(Limits::default().writes(3));
    for text in ["1", "2", "3", "4", "5"] {
        put(&writes, "a", text);
    }
    assert!(writes.watch(&resource(), 2).is_err());
    let mut watch = writes.watch(&resource(), 3).unwrap();
    assert_eq!(watch.poll(&writes).unwrap().len(), 3);

    let bytes = Store::new(Limits::default().bytes(2000));
    for _ in 0..9 {
        put(&bytes, "a", &"x".repeat(500));
    }
    assert!(bytes.watch(&resource(), 3).is_err());
    assert!(bytes.watch(&resource(), bytes.revision() - 4).is_ok());

    let none = Store::new(Limits::default().bytes(1));
    let first = put(&none, "a", "1");
    let mut watch = none.watch(&resource(), first).unwrap();
    put(&none, "a", "2");
    assert_eq!(watch.poll(&none).unwrap().len(), 1, "the newest write is told of");
}

#[tokio::test]
async fn a_watch_sees_every_write_once_in_order_and_ends_with_its_resource() {
    let store = Arc::new(Store::new(Limits::default()));
    let mut watch = store.watch(&resource(), 1).unwrap();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::task::spawn_blocking(move || {
                for text in 0..100 {
                    put(&store, &format!("w{writer}"), &text.to_string());
                }
            })
        })
        .collect();
    let mut seen = Vec::new();
    while seen.len() < 400 {
        seen.extend(watch.next(&store).await.unwrap().iter().map(|event| event.revision()));
    }
    assert_eq!(seen, (2..402).collect::<Vec<_>>());
    for writer in writers {
        writer.await.unwrap();
    }
    store.begin_anew(&resource());
    assert_eq!(watch.next(&store).await.unwrap_err(), ReadError::Closed);
}

#[tokio::test]
async fn a_feed_begins_with_what_there_is_and_goes_on_with_every_write() {
    let store = Store::new(Limits::default());
    let other = GroupResource::new("g", "others");
    put(&store, "ns/a", "1");
    let (objects, mut feed) = store.feed();
    assert_eq!(objects.len(), 1);
    assert!(feed.poll(&store).unwrap().is_empty());
    let added = store.put(&other, "b", None, content("1")).unwrap();
    remove(&store, "ns/a");
    store.remove(&other, "b", added.revision, content("last")).unwrap();
    store.begin_anew(&other);
    let writes = feed.next(&store).await.unwrap();
    let seen: Vec<_> = writes
        .iter()
        .map(|write| (&*write.resource.resource, write.event.kind))
        .collect();
    assert_eq!(
        seen,
        [
            ("others", EventKind::Created),
            ("configmaps", EventKind::Deleted),
            ("others", EventKind::Deleted)
        ],
        "the writes of a resource that is gone are not lost"
    );

    let (woken, ()) = tokio::join!(feed.next(&store), async {
        tokio::task::yield_now().await;
        put(&store, "ns/c", "1");
    });
    assert_eq!(woken.unwrap().len(), 1);
    put(&store, "ns/c", "2");
    store.compact(store.revision());
    assert!(matches!(feed.poll(&store), Err(ReadError::Compacted { .. })));
}

#[test]
fn a_resource_that_begins_anew_keeps_its_new_history() {
    let store = Store::new(Limits::default().bytes(1000));
    put(&store, "a", &"x".repeat(400));
    remove(&store, "a");
    store.begin_anew(&resource());
    let first = put(&store, "a", "1");
    let second = put(&store, "a", "2");
    store.compact(first);
    assert_eq!(list(&store, At::Exactly(first)).unwrap(), ["a=1"]);
    for _ in 0..9 {
        put(&store, "a", &"x".repeat(150));
    }
    assert!(store.watch(&resource(), second).is_err());
    assert!(
        store.watch(&resource(), store.revision() - 4).is_ok(),
        "what came before takes no room for ever"
    );
}

#[test]
fn what_is_forgotten_of_other_resources_is_not_missed() {
    let store = Store::new(Limits::default().writes(3));
    let mut watch = store.watch(&resource(), store.revision()).unwrap();
    let other = GroupResource::new("g", "others");
    for key in ["a", "b", "c", "d", "e"] {
        store.put(&other, key, None, content("1")).unwrap();
    }
    put(&store, "ns/a", "1");
    assert_eq!(watch.poll(&store).unwrap().len(), 1);
    for text in ["2", "3", "4", "5"] {
        put(&store, "ns/a", text);
    }
    assert!(matches!(watch.poll(&store), Err(ReadError::Compacted { .. })));
}

#[test]
fn a_watch_that_is_far_behind_catches_up_in_pieces() {
    let store = Store::new(Limits::default());
    let mut watch = store.watch(&resource(), store.revision()).unwrap();
    for number in 0..10 {
        put(&store, &format!("ns/{number}"), &"x".repeat(100 << 10));
    }
    let mut seen = Vec::new();
    while watch.revision() < store.revision() {
        let events = watch.poll(&store).unwrap();
        assert_eq!(watch.revision(), events.last().unwrap().revision());
        assert!(events.len() <= 3, "{}", events.len());
        seen.extend(events.iter().map(|event| event.revision()));
    }
    assert_eq!(seen, (2..12).collect::<Vec<_>>());
    assert!(watch.poll(&store).unwrap().is_empty());
}

#[test]
fn no_watch_goes_on_from_what_was_served_otherwise() {
    let store = Store::new(Limits::default());
    let first = put(&store, "ns/a", "1");
    let mut before = store.watch(&resource(), first).unwrap();
    let second = put(&store, "ns/a", "2");
    let other = store.put(&GroupResource::new("g", "others"), "b", None, content("1"));
    let begins = other.unwrap().revision;
    store.begin_anew(&resource());
    assert_eq!(before.poll(&store).unwrap().len(), 1, "the last events are not lost");
    assert_eq!(before.poll(&store).unwrap_err(), ReadError::Closed);
    for asked in [first, second] {
        let expired = ReadError::Compacted { asked, oldest: begins };
        assert_eq!(store.watch(&resource(), asked).unwrap_err(), expired);
        assert!(list(&store, At::Exactly(asked)).is_ok(), "history is as it was");
    }
    let mut after = store.watch(&resource(), begins).unwrap();
    put(&store, "ns/a", "3");
    assert_eq!(after.poll(&store).unwrap().len(), 1);
}

#[tokio::test]
async fn a_watch_that_ends_tells_what_came_before() {
    let store = Store::new(Limits::default());
    let begin = store.revision();
    let mut watches = [0, 1, 2].map(|_| store.watch(&resource(), begin).unwrap());
    let first = put(&store, "ns/a", "1");
    assert_eq!(watches[1].next(&store).await.unwrap().len(), 1);
    store.end_watches();
    let late = store.watch(&resource(), begin).unwrap();
    put(&store, "ns/a", "2");
    for (watch, unseen) in watches.iter_mut().zip([1, 0, 1]) {
        for _ in 0..unseen {
            let events = watch.next(&store).await.unwrap();
            assert_eq!(events.iter().map(|event| event.revision()).collect::<Vec<_>>(), [first]);
        }
        assert_eq!(watch.next(&store).await.unwrap_err(), ReadError::Closed);
    }
    let mut late = late;
    assert_eq!(
        late.poll(&store).unwrap().len(),
        2,
        "one that begins afterwards goes on"
    );
}

proptest! {
    /// A list as of a revision is what replaying all events up to it gives, whatever was compacted before.
    #[test]
    fn lists_and_watches_tell_the_same_story(steps in prop::collection::vec((0..4u8, any::<bool>()), 1..60), keep in 1..20usize) {
        let store = Store::new(Limits::default().writes(keep));
        let mut watch = store.watch(&resource(), 0).unwrap();
        let mut states = vec![(1, BTreeMap::new())];
        let mut state = BTreeMap::new();
        for (number, (key, is_removal)) in steps.iter().enumerate() {
            let key = format!("k{key}");
            if *is_removal && state.contains_key(&key) {
                remove(&store, &key);
                state.remove(&key);
            } else {
                put(&store, &key, &number.to_string());
                state.insert(key, number.to_string());
            }
            let told = watch.poll(&store).unwrap();
            prop_assert_eq!(told.len(), 1);
            for event in told {
                prop_assert_eq!(event.revision(), store.revision());
                prop_assert_eq!(event.previous.is_none(), event.kind == EventKind::Created);
            }
            states.push((store.revision(), state.clone()));
        }
        let oldest = states.len().saturating_sub(keep + 1);
        for (revision, state) in &states[oldest..] {
            let want: Vec<String> = state.iter().map(|(key, text)| format!("{key}={text}")).collect();
            prop_assert_eq!(list(&store, At::Exactly(*revision)).unwrap(), want);
        }
        prop_assert_eq!(store.count(&resource()), state.len());
    }
}
