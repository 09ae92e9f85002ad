//! A server that fails, goes away, forgets, or answers too late.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::{join_all, pending};
use http::{Method, StatusCode};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use roperator::{
    OperatorConfig, OperatorHandle, RuntimeError,
    manifest::{ManifestInput, rbac},
    prelude::*,
};
use roperator_tests::server::Server;
use roperator_tests::{
    kinds::{FinalizingOperator, Site, SiteOperator, fan_out},
    stage::{Gate, REST, Stage, eventually},
    wire::{Fault, Sent},
};
use serde_json::json;

crate::scenarios![
    shared:
        conflicts_answered_to_any_write_are_overcome,
        internal_errors_answered_to_any_write_are_overcome,
        unavailability_answered_to_any_write_is_overcome,
        any_write_may_be_refused_a_connection,
        the_answer_to_any_write_may_be_lost,
        the_answer_to_any_write_may_be_late,
        a_throttled_write_waits_as_long_as_it_is_asked_to,
        an_early_event_of_a_write_starts_no_second_turn,
        an_unreachable_server_is_waited_for,
        a_cut_watch_comes_back_and_misses_nothing,
        a_watch_that_stands_still_leads_to_no_double_write,
        an_update_from_a_stale_view_creates_nothing,
        an_update_from_a_stale_view_takes_no_foreign_successor,
        writes_that_no_watch_shows_are_read_once_before_the_next_turn,
        a_child_deleted_while_no_watch_runs_is_made_again,
        a_deleted_parent_that_no_watch_shows_makes_no_hot_loop,
        a_child_that_goes_with_its_unseen_parent_is_not_made_again,
        a_child_that_a_deletion_in_the_foreground_takes_first_is_not_made_again,
        a_child_taken_away_again_and_again_is_made_ever_more_slowly,
        a_shutdown_waits_for_a_slow_handler_and_for_its_writes,
        a_shutdown_amid_writes_leaves_no_turn_half_done,
        an_abrupt_end_amid_writes_is_made_good_by_the_next_start,
        a_shutdown_past_its_grace_aborts_and_the_next_start_makes_it_good;
    own:
        forgotten_history_costs_a_list_and_no_write,
        a_child_deleted_before_history_was_forgotten_is_made_again,
        a_server_killed_and_restarted_under_load_loses_nothing,
        missing_rights_are_named_and_waited_for;
    only on a real server:
        a_server_killed_and_restarted_under_load_loses_nothing,
        missing_rights_are_named_and_waited_for,
];

fn sync(request: &SyncRequest<SiteOperator>) -> Result<SyncResponse<SiteOperator>> {
    Ok(fan_out(request))
}

/// Starts the operator whose children are those of [`fan_out`].
async fn start(stage: &Stage) -> OperatorHandle {
    stage
        .start_with::<SiteOperator, _, _>(stage.config_of::<SiteOperator>(), sync)
        .await
}

/// How many kinds it watches.
const KINDS: usize = 5;

/// Finalizes, with the children of [`fan_out`].
struct Finalizing;

impl Handler<FinalizingOperator> for Finalizing {
    async fn sync(&self, request: &SyncRequest<FinalizingOperator>) -> Result<SyncResponse<FinalizingOperator>> {
        Ok(fan_out(request))
    }
}

impl Finalize<FinalizingOperator> for Finalizing {
    async fn finalize(&self, _: &SyncRequest<FinalizingOperator>) -> Result<FinalizeResponse<FinalizingOperator>> {
        Ok(FinalizeResponse::done())
    }
}

async fn start_finalizing(stage: &Stage) -> OperatorHandle {
    let config = stage.config_of::<FinalizingOperator>();
    stage.start_with::<FinalizingOperator, _, _>(config, Finalizing).await
}

fn uids(objects: &BTreeMap<String, ConfigMap>) -> BTreeMap<String, String> {
    objects
        .iter()
        .map(|(name, object)| (name.clone(), object.uid().expect("a uid")))
        .collect()
}

fn is_creation(sent: &Sent) -> bool {
    sent.method == Method::POST && sent.path.ends_with("/configmaps")
}

// Each kind of write, broken for a parent of its own.

/// A kind of write, by the name of the parent for which it is broken.
type Write = (&'static str, fn(&Sent) -> bool);

const WRITES: [Write; 6] = [
    ("creates", is_creation),
    ("applies", |sent| {
        sent.method == Method::PATCH && sent.path.contains("/configmaps/")
    }),
    ("deletes", |sent| {
        sent.method == Method::DELETE && sent.path.contains("/configmaps/")
    }),
    ("reports", |sent| {
        sent.method == Method::PATCH && sent.path.ends_with("/status")
    }),
    ("finalizes", |sent| changes_finalizers(sent, "add")),
    ("lets-go", |sent| changes_finalizers(sent, "remove")),
];

fn changes_finalizers(sent: &Sent, operation: &str) -> bool {
    let mut operations = sent.body.as_array().into_iter().flatten();
    sent.path.contains("/sites/")
        && !sent.path.ends_with("/status")
        && operations.any(|member| member["op"] == operation)
}

/// Whether a request is a parent's of this kind of write: about the parent or one of its children.
fn is(write: &Write, sent: &Sent) -> bool {
    let (parent, is_write) = write;
    let mut segments = sent.path.split('/').chain(sent.body["metadata"]["name"].as_str());
    is_write(sent) && segments.any(|segment| segment == *parent || segment.starts_with(&format!("{parent}-")))
}

/// A parent's whole life: two children, which change, one of which goes, until it is deleted. The server has one child for
/// each desired one throughout, and always the same.
async fn live(stage: &Stage, name: &str) {
    let site = stage.site_of(name, "one", 2).await;
    let [first, second] = [format!("{name}-0"), format!("{name}-1")];
    let before = [
        stage.wait_message(&first, "one").await.uid(),
        stage.wait_message(&second, "one").await.uid(),
    ];
    stage.wait_settled(name).await;
    stage.say(name, "two").await;
    let children = [
        stage.wait_message(&first, "two").await,
        stage.wait_message(&second, "two").await,
    ];
    stage.wait_settled(name).await;
    assert_eq!(children.each_ref().map(ResourceExt::uid), before);
    stage.edit::<Site>(name, json!({"spec": {"count": 1}})).await;
    stage.wait_gone::<ConfigMap>(&second).await;
    let settled = stage.wait_settled(name).await;
    assert_eq!(settled.uid(), site.uid());
    assert_eq!(settled.finalizers(), ["roperator.dev/finalizing"]);
    assert_eq!(stage.wait_message(&first, "two").await.uid(), before[0]);
    stage.delete::<Site>(name).await;
    stage.wait_gone::<Site>(name).await;
    stage.wait_gone::<ConfigMap>(&first).await;
}

/// Six parents live, each with another kind of write broken: twice, or as often as it is tried if that is less.
async fn lives_through(stage: Stage, fault: Fault) {
    let handle = start_finalizing(&stage).await;
    let broken: Arc<[AtomicUsize; 6]> = Arc::default();
    let counts = broken.clone();
    stage.wire.fault(move |sent| {
        let place = WRITES.iter().position(|write| is(write, sent))?;
        (counts[place].fetch_add(1, Ordering::SeqCst) < 2).then(|| fault.clone())
    });
    join_all(WRITES.iter().map(|(name, _)| live(&stage, name))).await;
    for ((name, _), count) in WRITES.iter().zip(broken.iter()) {
        assert!(count.load(Ordering::SeqCst) > 0, "no fault for the one that {name}");
    }
    assert_eq!(stage.config_maps().await.len(), 0, "no orphan");
    stage.rest().await;
    handle.shutdown().await.unwrap();
}

async fn conflicts_answered_to_any_write_are_overcome(stage: Stage) {
    lives_through(stage, Fault::Answer(StatusCode::CONFLICT, None)).await;
}

async fn internal_errors_answered_to_any_write_are_overcome(stage: Stage) {
    lives_through(stage, Fault::Answer(StatusCode::INTERNAL_SERVER_ERROR, None)).await;
}

async fn unavailability_answered_to_any_write_is_overcome(stage: Stage) {
    lives_through(stage, Fault::Answer(StatusCode::SERVICE_UNAVAILABLE, None)).await;
}

async fn any_write_may_be_refused_a_connection(stage: Stage) {
    lives_through(stage, Fault::Refuse).await;
}

async fn the_answer_to_any_write_may_be_lost(stage: Stage) {
    lives_through(stage, Fault::LoseAnswer).await;
}

async fn the_answer_to_any_write_may_be_late(stage: Stage) {
    lives_through(stage, Fault::DelayAnswer(Duration::from_millis(800))).await;
}

/// When what was tried: by the kind of write and its object.
type Tries = HashMap<(&'static str, String), Vec<Instant>>;

async fn a_throttled_write_waits_as_long_as_it_is_asked_to(stage: Stage) {
    let handle = start_finalizing(&stage).await;
    // Each object's first write is throttled.
    let tried: Arc<Mutex<Tries>> = Arc::default();
    let noted = tried.clone();
    stage.wire.fault(move |sent| {
        let place = WRITES.iter().position(|write| is(write, sent))?;
        let (name, _) = WRITES[place];
        let mut tried = noted.lock().unwrap();
        let times = tried
            .entry((name, format!("{} {}", sent.path, sent.body["metadata"]["name"])))
            .or_default();
        times.push(Instant::now());
        let is_first = times.len() == 1;
        // Some as the server's own filters say it, some as a handler behind them does.
        let fault = match place % 2 {
            0 => Fault::Throttle(3),
            _ => Fault::Answer(StatusCode::TOO_MANY_REQUESTS, Some(3)),
        };
        is_first.then_some(fault)
    });
    join_all(WRITES.iter().map(|(name, _)| live(&stage, name))).await;
    let tried = std::mem::take(&mut *tried.lock().unwrap());
    for (write, _) in WRITES {
        assert!(tried.keys().any(|(name, _)| *name == write), "none {write}");
    }
    for ((name, object), times) in tried.iter() {
        assert!(times.len() > 1, "what {name} {object} was given up");
        let waited = times[1] - times[0];
        assert!(
            waited >= Duration::from_secs(3),
            "what {name} {object} was asked to wait 3 s, and waited {waited:?}"
        );
    }
    handle.shutdown().await.unwrap();
}

// Late answers, cut connections.

async fn an_early_event_of_a_write_starts_no_second_turn(stage: Stage) {
    let handle = start(&stage).await;
    let before = stage.rest().await.len();
    // The watch shows the child long before its creation is answered.
    stage
        .wire
        .fault_times(1, Fault::DelayAnswer(Duration::from_secs(1)), is_creation);
    stage.site_of("a", "one", 1).await;
    stage.wait_settled("a").await;
    let sent: Vec<String> = stage.rest().await[before..].iter().map(ToString::to_string).collect();
    assert_eq!(sent, ["POST 201", "STATUS 200"]);
    handle.shutdown().await.unwrap();
}

async fn an_unreachable_server_is_waited_for(stage: Stage) {
    let handle = start(&stage).await;
    stage.site_of("a", "one", 2).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    let before = uids(&stage.config_maps().await);

    stage.wire.clear();
    stage.wire.fault(|_| Some(Fault::Refuse));
    stage.wire.cut_watches();
    stage.say("a", "two").await;
    stage.delete::<ConfigMap>("a-1").await;
    stage.site_of("b", "new", 1).await;
    eventually("it tries again and again", async || {
        (stage.wire.sent().len() >= 12).then_some(())
    })
    .await;
    stage.wire.heal();
    stage.wait_message("a-0", "two").await;
    stage.wait_message("a-1", "two").await;
    stage.wait_message("b-0", "new").await;
    stage.wait_settled("a").await;
    stage.wait_settled("b").await;
    stage.rest().await;
    assert_eq!(uids(&stage.config_maps().await)["a-0"], before["a-0"]);
    let created = stage
        .asked("configmaps")
        .into_iter()
        .filter(|asked| asked.starts_with("POST"));
    assert_eq!(created.collect::<Vec<_>>(), ["POST 201", "POST 201"]);
    stage.ready(&handle).await;
    handle.shutdown().await.unwrap();
}

async fn a_cut_watch_comes_back_and_misses_nothing(stage: Stage) {
    let handle = start(&stage).await;
    stage.site_of("a", "one", 2).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    let watches = || stage.wire.sent().iter().filter(|sent| sent.is_watch()).count();
    let kinds = watches();
    stage.wire.clear();
    stage.wire.cut_watches();
    eventually("all watches come back", async || (watches() >= kinds).then_some(())).await;
    let sent = stage.rest().await;
    assert!(sent.is_empty(), "{sent:#?}");

    for round in 0..10 {
        stage.wire.cut_watches();
        stage.say("a", &format!("round {round}")).await;
        stage.delete::<ConfigMap>("a-1").await;
        stage.wait_message("a-1", &format!("round {round}")).await;
    }
    stage.wait_message("a-0", "round 9").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    let created = stage
        .asked("configmaps")
        .iter()
        .filter(|asked| *asked == "POST 201")
        .count();
    assert_eq!(created, 10, "one for each deletion");
    handle.shutdown().await.unwrap();
}

// Watches that stand still: what is seen is not what is there.

async fn a_watch_that_stands_still_leads_to_no_double_write(stage: Stage) {
    let turns = Arc::new(AtomicUsize::new(0));
    let counted = turns.clone();
    let sync = move |request: &SyncRequest<SiteOperator>| -> Result<SyncResponse<SiteOperator>> {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(fan_out(request).resync_after(Duration::from_millis(100)))
    };
    let handle = stage
        .start_with::<SiteOperator, _, _>(stage.config_of::<SiteOperator>(), sync)
        .await;
    stage.site_of("a", "one", 2).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    stage.wire.clear();
    stage.wire.hold_watches(true);
    stage.say("a", "two").await;
    stage.delete::<ConfigMap>("a-1").await;
    stage.say("a", "three").await;
    let before = turns.load(Ordering::SeqCst);
    eventually("turns with the old view", async || {
        (turns.load(Ordering::SeqCst) >= before + 5).then_some(())
    })
    .await;
    assert_eq!(stage.wire.others().len(), 0, "what it sees is as desired");
    stage.wire.hold_watches(false);
    stage.wait_message("a-0", "three").await;
    stage.wait_message("a-1", "three").await;
    stage.wait_settled("a").await;
    let sent = stage.rest().await;
    // Each kind's watch goes on by itself: until that of ConfigMaps does, `a-1` seems to be there, and an apply to it finds
    // that it is not.
    let is_failed = |sent: &&Sent| sent.code.is_none_or(|code| !code.is_success());
    for failed in sent.iter().filter(is_failed) {
        assert!(failed.path.ends_with("/a-1"), "{failed:#?}");
        assert_eq!(failed.to_string(), "APPLY 409");
    }
    let created = sent.iter().filter(|sent| is_creation(sent)).count();
    assert_eq!(created, 1, "{sent:#?}");
    handle.shutdown().await.unwrap();
}

/// A parent `a` whose child `a-0` says what the world says: a turn every 100 ms finds out.
async fn start_worldly(stage: &Stage) -> (OperatorHandle, Arc<Mutex<&'static str>>) {
    let world = Arc::new(Mutex::new("old world"));
    let asked = world.clone();
    let sync = move |request: &SyncRequest<SiteOperator>| -> Result<SyncResponse<SiteOperator>> {
        let child = ConfigMap {
            metadata: request.child_meta("0"),
            data: Some([("message".to_owned(), (*asked.lock().unwrap()).to_owned())].into()),
            ..ConfigMap::default()
        };
        Ok(SyncResponse::new()
            .child(child)
            .resync_after(Duration::from_millis(100)))
    };
    let handle = stage
        .start_with::<SiteOperator, _, _>(stage.config_of::<SiteOperator>(), sync)
        .await;
    stage.site("a", "").await;
    stage.wait_message("a-0", "old world").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    (handle, world)
}

/// Waits until as many applies were refused as tell that the view is stale.
async fn wait_refusals(stage: &Stage) {
    let refused = async || {
        let asked = stage.asked("configmaps");
        let refused = asked
            .iter()
            .filter(|asked| *asked == "APPLY 409" || *asked == "APPLY 422");
        (refused.count() >= 2).then_some(())
    };
    eventually("applies are refused", refused).await;
}

async fn an_update_from_a_stale_view_creates_nothing(stage: Stage) {
    let (handle, world) = start_worldly(&stage).await;
    stage.wire.clear();
    stage.wire.hold_watches(true);
    stage.delete::<ConfigMap>("a-0").await;
    *world.lock().unwrap() = "new world";
    wait_refusals(&stage).await;
    assert_eq!(stage.config_maps().await.len(), 0);
    stage.wire.hold_watches(false);
    stage.wait_message("a-0", "new world").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    let asked = stage.asked("configmaps");
    let (last, refused) = asked.split_last().unwrap();
    assert_eq!(last, "POST 201");
    assert!(refused.iter().all(|asked| asked == "APPLY 409"), "{asked:?}");
    handle.shutdown().await.unwrap();
}

async fn an_update_from_a_stale_view_takes_no_foreign_successor(stage: Stage) {
    let (handle, world) = start_worldly(&stage).await;
    stage.wire.clear();
    stage.wire.hold_watches(true);
    stage.delete::<ConfigMap>("a-0").await;
    let foreign: ConfigMap = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a-0"}, "data": {"message": "theirs"},
    }))
    .unwrap();
    let foreign = stage.create(foreign).await;
    *world.lock().unwrap() = "new world";
    wait_refusals(&stage).await;
    stage.wire.hold_watches(false);
    stage.wait_condition("a", "Ready", "False", "ForeignObject").await;
    stage.rest().await;
    assert_eq!(stage.config_maps().await["a-0"], foreign);
    handle.shutdown().await.unwrap();
}

async fn writes_that_no_watch_shows_are_read_once_before_the_next_turn(stage: Stage) {
    let gate = Gate::default();
    let seen: Arc<Mutex<Vec<usize>>> = Arc::default();
    let (passed, noted) = (gate.clone(), seen.clone());
    let sync = move |request: SyncRequest<SiteOperator>| {
        let (gate, noted) = (passed.clone(), noted.clone());
        async move {
            noted.lock().unwrap().push(request.children().len());
            gate.pass().await;
            Ok::<_, Error>(fan_out(&request).resync_after(Duration::from_millis(50)))
        }
    };
    gate.close();
    let handle = stage
        .start_with::<SiteOperator, _, _>(stage.config_of::<SiteOperator>(), sync)
        .await;
    stage.site_of("a", "one", 2).await;
    gate.wait_came(1).await;
    stage.rest().await;
    stage.wire.clear();
    stage.wire.hold_watches(true);
    let begun = Instant::now();
    gate.open();
    gate.wait_came(2).await;
    assert!(begun.elapsed() >= Duration::from_secs(5), "after {:?}", begun.elapsed());
    gate.wait_came(5).await;
    let seen = seen.lock().unwrap().clone();
    assert_eq!(
        seen[..5],
        [0, 2, 2, 2, 2],
        "the second turn sees what the first one wrote"
    );
    assert_eq!(
        stage.asked("configmaps"),
        ["POST 201", "POST 201", "GET 200", "GET 200"]
    );
    assert_eq!(stage.asked("sites"), ["STATUS 200", "GET 200"]);
    stage.wire.hold_watches(false);
    assert_eq!(stage.rest().await.len(), 6, "what the watch shows at last is known");
    handle.shutdown().await.unwrap();
}

/// Cuts the watches, and refuses those that match: they run no more until the wire is healed.
async fn stop_watches(stage: &Stage, matches: fn(&Sent) -> bool) {
    let running = stage.wire.sent().len();
    stage
        .wire
        .fault(move |sent| (sent.is_watch() && matches(sent)).then_some(Fault::Refuse));
    stage.wire.cut_watches();
    eventually("all watches are asked for again", async || {
        let sent = stage.wire.sent();
        let again = sent[running..].iter().filter(|sent| sent.is_watch());
        let kinds: BTreeSet<String> = again.map(|sent| sent.path.clone()).collect();
        (kinds.len() == KINDS).then_some(())
    })
    .await;
}

async fn a_child_deleted_while_no_watch_runs_is_made_again(stage: Stage) {
    let handle = start(&stage).await;
    stage.site_of("a", "one", 2).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    let before = uids(&stage.config_maps().await);
    stage.wire.clear();
    stop_watches(&stage, |_| true).await;
    stage.delete::<ConfigMap>("a-1").await;
    stage.wire.heal();
    stage.wait_message("a-1", "one").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    let after = uids(&stage.config_maps().await);
    assert_eq!(after["a-0"], before["a-0"]);
    assert_ne!(after["a-1"], before["a-1"]);
    assert_eq!(stage.asked("configmaps"), ["POST 201"]);
    handle.shutdown().await.unwrap();
}

async fn a_deleted_parent_that_no_watch_shows_makes_no_hot_loop(stage: Stage) {
    let handle = start(&stage).await;
    stage.site_of("a", "one", 1).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    stage.wire.clear();
    // Only the parents' watch fails, as it does when its rights are taken away: to the operator the parent still is, and
    // its child goes missing each time that the garbage collector takes what belongs to nobody.
    stop_watches(&stage, |sent| sent.path.ends_with("/sites")).await;
    let created: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let noted = created.clone();
    stage.wire.fault(move |sent| {
        if is_creation(sent) {
            noted.lock().unwrap().push(Instant::now());
        }
        None
    });
    let deleted = Instant::now();
    stage.delete::<Site>("a").await;
    stage.wait_gone::<Site>("a").await;
    eventually("it stops or slows down", async || {
        let created = created.lock().unwrap();
        let last = created.last().copied().unwrap_or(deleted);
        (created.len() > 20 || last.elapsed() >= REST).then_some(())
    })
    .await;
    let took = deleted.elapsed();
    let number = created.lock().unwrap().len();
    assert!(number <= 10, "the child was made {number} times in {took:?}");
    stage.wire.heal();
    eventually("nothing is left", async || {
        stage.config_maps().await.is_empty().then_some(())
    })
    .await;
    stage.rest().await;
    handle.shutdown().await.unwrap();
}

// Shutdowns.

/// Starts the operator of [`fan_out`] again, and returns what it writes, which makes all as desired.
async fn makes_good(stage: &Stage) -> Vec<String> {
    stage.wire.heal();
    stage.wire.clear();
    let handle = start(stage).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    handle.shutdown().await.unwrap();
    stage.wire.writes().iter().map(ToString::to_string).collect()
}

/// The garbage collector takes the children of a deleted parent; their watch may tell so before the parents' does.
async fn a_child_that_goes_with_its_unseen_parent_is_not_made_again(stage: Stage) {
    let handle = start(&stage).await;
    stage.site_of("a", "one", 2).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    stage.wire.clear();
    stage.wire.hold_watches_of("sites");
    stage.delete::<Site>("a").await;
    stage.wait_gone::<ConfigMap>("a-0").await;
    stage.wait_gone::<ConfigMap>("a-1").await;
    let sent = stage.rest().await;
    let sent: Vec<String> = sent.iter().map(ToString::to_string).collect();
    assert_eq!(sent, ["GET 404"], "the parent is read once, and nothing is made");
    stage.wire.hold_watches(false);
    handle.shutdown().await.unwrap();
}

/// Deleted in the foreground, a parent stays until its blocking children are gone; others' finalizers do the same here. The
/// child is taken by hand: it blocks nothing, and so a real collector takes it only if it is sooner than its own removal of
/// the parent's finalizer.
async fn a_child_that_a_deletion_in_the_foreground_takes_first_is_not_made_again(stage: Stage) {
    let handle = start(&stage).await;
    stage.site_of("a", "one", 1).await;
    stage.wait_settled("a").await;
    let held = serde_json::json!({"metadata": {"finalizers": ["tests.example.com/theirs"]}});
    stage.edit::<Site>("a", held).await;
    stage.rest().await;
    stage.wire.clear();
    stage.wire.hold_watches_of("sites");
    let foreground = kube::api::DeleteParams::foreground();
    stage.api::<Site>().delete("a", &foreground).await.unwrap();
    // The collector may have been sooner.
    let _ = stage
        .api::<ConfigMap>()
        .delete("a-0", &kube::api::DeleteParams::default())
        .await;
    stage.wait_gone::<ConfigMap>("a-0").await;
    let sent = stage.rest().await;
    let sent: Vec<String> = sent.iter().map(ToString::to_string).collect();
    assert_eq!(sent, ["GET 200"], "the parent is read once, and nothing is made");
    stage.wire.hold_watches(false);
    stage
        .edit::<Site>("a", serde_json::json!({"metadata": {"finalizers": null}}))
        .await;
    stage.wait_gone::<Site>("a").await;
    handle.shutdown().await.unwrap();
}

async fn a_child_taken_away_again_and_again_is_made_ever_more_slowly(stage: Stage) {
    let handle = start(&stage).await;
    stage.site_of("a", "one", 2).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    stage.wire.clear();
    let api = stage.api::<ConfigMap>();
    let taker = tokio::spawn(async move {
        loop {
            // It is mostly not there.
            let _ = api.delete("a-1", &kube::api::DeleteParams::default()).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let message = stage.wait_condition("a", "Ready", "False", "TakenAway").await;
    assert!(message.contains("ConfigMap") && message.contains("a-1"), "{message}");
    tokio::time::sleep(Duration::from_secs(4)).await;
    let creations = stage.wire.sent().iter().filter(|sent| is_creation(sent)).count();
    // At once, and after 0.1, 0.2, 0.4, 0.8, 1.6, 3.2 s.
    assert!((4..=8).contains(&creations), "{creations} creations");
    // What else there is to do for the same parent is done meanwhile.
    stage.say("a", "two").await;
    stage.wait_message("a-0", "two").await;
    taker.abort();
    stage.wait_message("a-1", "two").await;
    stage.wait_settled("a").await;
    handle.shutdown().await.unwrap();
}

async fn a_shutdown_waits_for_a_slow_handler_and_for_its_writes(stage: Stage) {
    let gate = Gate::default();
    let passed = gate.clone();
    let sync = move |request: SyncRequest<SiteOperator>| {
        let gate = passed.clone();
        async move {
            gate.pass().await;
            Ok::<_, Error>(fan_out(&request))
        }
    };
    gate.close();
    let handle = stage
        .start_with::<SiteOperator, _, _>(stage.config_of::<SiteOperator>(), sync)
        .await;
    stage.site_of("a", "one", 2).await;
    gate.wait_came(1).await;
    let shutdown = tokio::spawn(handle.shutdown());
    stage.site_of("b", "one", 1).await;
    stage.rest().await;
    assert!(!shutdown.is_finished(), "it waits for the handler");
    gate.open();
    shutdown.await.unwrap().unwrap();
    let children = stage.config_maps().await;
    assert_eq!(children.keys().collect::<Vec<_>>(), ["a-0", "a-1"], "`b` came too late");
    assert_eq!(gate.came(), 1);
    stage.delete::<Site>("b").await;
    assert_eq!(makes_good(&stage).await, [""; 0], "the turn was done to its end");
}

async fn a_shutdown_amid_writes_leaves_no_turn_half_done(stage: Stage) {
    let handle = start(&stage).await;
    stage
        .wire
        .fault_times(1, Fault::DelayAnswer(Duration::from_secs(1)), is_creation);
    stage.site_of("a", "one", 3).await;
    eventually("the first child is there", async || {
        (stage.config_maps().await.len() == 1).then_some(())
    })
    .await;
    handle.shutdown().await.unwrap();
    assert_eq!(stage.config_maps().await.len(), 3);
    let site = stage.api::<Site>().get("a").await.unwrap();
    assert_eq!(site.status.map(|status| status.message).as_deref(), Some("one"));
    assert_eq!(makes_good(&stage).await, [""; 0]);
}

async fn an_abrupt_end_amid_writes_is_made_good_by_the_next_start(stage: Stage) {
    let handle = start(&stage).await;
    stage
        .wire
        .fault_times(1, Fault::DelayAnswer(Duration::from_secs(60)), |sent| {
            is_creation(sent) && sent.body["metadata"]["name"] == "a-1"
        });
    stage.site_of("a", "one", 3).await;
    stage.wait_message("a-1", "one").await;
    handle.shutdown_now();
    let before = uids(&stage.config_maps().await);
    assert_eq!(before.len(), 2);
    assert_eq!(makes_good(&stage).await, ["POST 201", "STATUS 200"]);
    let mut after = uids(&stage.config_maps().await);
    assert!(after.remove("a-2").is_some());
    assert_eq!(after, before);
}

async fn a_shutdown_past_its_grace_aborts_and_the_next_start_makes_it_good(stage: Stage) {
    let config = stage.config_of::<SiteOperator>();
    stage.grant(&config).await;
    let gate = Gate::default();
    let passed = gate.clone();
    let sync = move |_: SyncRequest<SiteOperator>| {
        let gate = passed.clone();
        async move {
            gate.pass().await;
            pending::<Result<SyncResponse<SiteOperator>>>().await
        }
    };
    let runtime = Runtime::new(stage.operator_client())
        .shutdown_grace(Duration::from_millis(300))
        .add_with::<SiteOperator, _, _>(config, sync);
    let handle = stage.launch(runtime).await;
    stage.site_of("a", "one", 1).await;
    gate.wait_came(1).await;
    let begun = Instant::now();
    let error = handle.shutdown().await.unwrap_err();
    assert!(matches!(error, RuntimeError::Aborted(_)), "{error}");
    assert!(error.to_string().contains("0.3 s"), "{error}");
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_millis(300) && took < Duration::from_secs(5),
        "{took:?}"
    );
    assert_eq!(makes_good(&stage).await, ["POST 201", "STATUS 200"]);
}

// A server that forgets, dies, or refuses.

/// Whether a request asks for all objects of a kind anew.
fn is_list(sent: &Sent) -> bool {
    let of_collection = sent.path.ends_with("/configmaps") || sent.path.ends_with("/sites");
    sent.method == Method::GET && of_collection && (!sent.is_watch() || sent.query.contains("sendInitialEvents"))
}

async fn forgotten_history_costs_a_list_and_no_write(mut server: Server) {
    let stage = Stage::new(&server).await;
    let handle = start(&stage).await;
    stage.site_of("a", "one", 2).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    let before = stage.config_maps().await;
    stage.wire.clear();
    // Something later than what any watch has seen: else the last one could go on from where it was.
    stage.other_namespace("later").await;
    server.forget_history().await.unwrap();
    eventually("both kinds are listed anew", async || {
        let sent = stage.wire.sent();
        let is_done = |sent: &&Sent| is_list(sent) && sent.code == Some(StatusCode::OK);
        let lists: Vec<&Sent> = sent.iter().filter(is_done).collect();
        let is_listed = |kind: &str| lists.iter().any(|sent| sent.path.ends_with(kind));
        (is_listed("/configmaps") && is_listed("/sites")).then_some(())
    })
    .await;
    stage.rest().await;
    let writes = stage.wire.writes();
    assert!(writes.is_empty(), "{writes:#?}");
    assert_eq!(stage.config_maps().await, before);
    stage.say("a", "two").await;
    stage.wait_message("a-0", "two").await;
    stage.wait_settled("a").await;
    handle.shutdown().await.unwrap();
}

async fn a_child_deleted_before_history_was_forgotten_is_made_again(mut server: Server) {
    let stage = Stage::new(&server).await;
    let handle = start(&stage).await;
    stage.site_of("a", "one", 2).await;
    stage.wait_settled("a").await;
    stage.rest().await;
    let before = uids(&stage.config_maps().await);
    stage.wire.clear();
    stop_watches(&stage, |_| true).await;
    // No event will ever tell of it: the list does, by leaving it out.
    stage.delete::<ConfigMap>("a-1").await;
    server.forget_history().await.unwrap();
    stage.wire.heal();
    stage.wait_message("a-1", "one").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), ["POST 201"]);
    assert_eq!(uids(&stage.config_maps().await)["a-0"], before["a-0"]);
    handle.shutdown().await.unwrap();
}

/// Edits sites as fast as it goes, whatever comes of it, until told to stop; returns how often it succeeded.
async fn keep_editing(sites: Api<Site>, names: Vec<String>, stop: Arc<AtomicBool>) -> usize {
    let mut done = 0;
    for round in 0.. {
        for name in &names {
            if stop.load(Ordering::SeqCst) {
                return done;
            }
            let patch = Patch::Merge(json!({"spec": {"message": format!("round {round}")}}));
            match sites.patch(name, &PatchParams::default(), &patch).await {
                Ok(_) => done += 1,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }
    done
}

async fn a_server_killed_and_restarted_under_load_loses_nothing(mut server: Server) {
    let stage = Stage::new(&server).await;
    let handle = start(&stage).await;
    let names: Vec<String> = (0..20).map(|number| format!("site-{number}")).collect();
    for name in &names {
        stage.site_of(name, "start", 2).await;
    }
    for name in &names {
        stage.wait_settled(name).await;
    }
    let before = uids(&stage.config_maps().await);
    assert_eq!(before.len(), 40);

    let stop = Arc::new(AtomicBool::new(false));
    let editing = tokio::spawn(keep_editing(stage.api::<Site>(), names.clone(), stop.clone()));
    for _ in 0..2 {
        let writes = stage.wire.writes().len();
        eventually("it is at work", async || {
            (stage.wire.writes().len() >= writes + 30).then_some(())
        })
        .await;
        server.real().stop_apiserver().await;
        server.real().start_apiserver().await.unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    assert!(editing.await.unwrap() >= 20);
    for name in &names {
        stage.say(name, "final").await;
    }
    for name in &names {
        stage.wait_message(&format!("{name}-0"), "final").await;
        stage.wait_message(&format!("{name}-1"), "final").await;
        let site = stage.wait_settled(name).await;
        assert_eq!(site.status.map(|status| status.message).as_deref(), Some("final"));
    }
    stage.rest().await;
    assert_eq!(uids(&stage.config_maps().await), before);
    handle.shutdown().await.unwrap();
}

/// The rights that an operator's manifests grant, those to create ConfigMaps only if wanted.
async fn grant(stage: &Stage, config: &OperatorConfig, creation: bool) {
    let rules = rbac::rules(&ManifestInput::from_config(config), &config.parent().crd_name());
    let mut rules = [rules.cluster, rules.namespaced].concat();
    for rule in rules.iter_mut().filter(|_| !creation) {
        if rule.resources.iter().flatten().any(|resource| resource == "configmaps") {
            rule.verbs.retain(|verb| verb != "create");
        }
    }
    stage.bind("rights", rules).await;
}

async fn missing_rights_are_named_and_waited_for(server: Server) {
    let stage = Stage::new(&server).await;
    let config = stage.config_of::<SiteOperator>();
    let runtime = Runtime::new(stage.operator_client())
        .server_port(0)
        .add_with::<SiteOperator, _, _>(config.clone(), sync);
    let handle = runtime.start().await.unwrap();
    stage.site_of("a", "one", 1).await;
    for (plural, group) in [
        ("sites", "tests.example.com"),
        ("configmaps", ""),
        ("deployments", "apps"),
    ] {
        let is_named = |problem: &String| {
            ["`list`", "`watch`", &format!("`{plural}`"), &format!("`{group}`")]
                .iter()
                .all(|text| problem.contains(text))
        };
        eventually(&format!("what is missing for {plural} is named"), async || {
            handle.unready().iter().find(|problem| is_named(problem)).cloned()
        })
        .await;
    }
    assert!(stage.wire.writes().is_empty());
    // It starts by itself; what is still missing is said where it is missed.
    grant(&stage, &config, false).await;
    stage.ready(&handle).await;
    let message = stage.wait_condition("a", "Ready", "False", "ChildRefused").await;
    assert!(
        message.contains("a-0") && message.contains("cannot create resource \"configmaps\""),
        "{message}"
    );
    grant(&stage, &config, true).await;
    stage.wait_message("a-0", "one").await;
    stage.wait_settled("a").await;
    handle.shutdown().await.unwrap();
}
