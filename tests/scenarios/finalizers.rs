//! Finalizers: put there before anything is made, kept until all is cleaned up, and nowhere else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{ResourceExt, api::DeleteParams};
use roperator::{
    ChildConfig, Dynamic, OperatorConfig, OperatorHandle, WithFinalize, WithFinalizer, k8s_types, prelude::*,
};
use roperator_tests::{
    kinds::{FinalizingOperator, Site, SiteStatus},
    stage::{Stage, eventually},
    wire::{Fault, Sent},
};
use serde_json::{Value, json};

crate::scenarios![
    shared:
        an_operator_that_does_not_finalize_writes_no_finalizer,
        without_a_finalizer_the_children_of_a_deleted_parent_go_by_garbage_collection,
        a_foreground_deletion_goes_through_and_no_child_is_made_anew,
        an_orphaning_deletion_leaves_the_children_to_themselves,
        the_finalizer_is_added_once_before_any_child_is_created,
        an_unfinalized_parent_that_is_deleted_is_not_finalized,
        finalize_is_called_until_it_is_done_and_sees_the_children,
        finalize_can_write_a_status_while_it_waits,
        a_waiting_finalize_is_called_again_when_a_child_changes,
        finalize_that_fails_or_panics_or_hangs_keeps_the_finalizer_and_is_retried,
        done_removes_our_finalizer_and_no_other,
        a_parent_deleted_while_the_operator_was_down_is_finalized,
        an_operator_that_no_longer_finalizes_frees_its_deleted_parents,
        a_finalizer_can_have_a_name_of_its_own,
        an_operator_without_types_finalizes_too,
        a_finalizer_that_somebody_adds_at_the_same_time_is_kept,
        a_finalizer_that_somebody_removes_at_the_same_time_is_not_mistaken_for_ours,
        a_finalizer_of_ours_that_somebody_removes_comes_back,
        a_deleting_parent_is_not_synced_and_its_children_are_left_alone,
        a_finalizing_parent_is_not_synced_and_its_children_are_left_alone;
    own:
];

const OURS: &str = "roperator.dev/finalizing";
const THEIRS: &str = "tests.example.com/theirs";

/// How `finalize` behaves, until the scenario says otherwise.
#[derive(Clone, Copy)]
enum Mode {
    Done,
    /// Asks to be called again after so many milliseconds.
    Wait(u64),
    Fail,
    Panic,
    Hang,
}

/// A handler whose `finalize` does what the scenario says, and that counts its calls.
#[derive(Clone)]
struct Script(Arc<Inner>);

struct Inner {
    mode: std::sync::Mutex<Mode>,
    syncs: AtomicUsize,
    finalizes: AtomicUsize,
    /// How many children the last `finalize` saw.
    seen: AtomicUsize,
}

impl Script {
    fn new(mode: Mode) -> Self {
        let count = AtomicUsize::default;
        Self(Arc::new(Inner {
            mode: mode.into(),
            syncs: count(),
            finalizes: count(),
            seen: count(),
        }))
    }

    fn set(&self, mode: Mode) {
        *self.0.mode.lock().unwrap() = mode;
    }

    fn syncs(&self) -> usize {
        self.0.syncs.load(Ordering::SeqCst)
    }

    fn finalizes(&self) -> usize {
        self.0.finalizes.load(Ordering::SeqCst)
    }
}

impl Handler<FinalizingOperator> for Script {
    async fn sync(&self, request: &SyncRequest<FinalizingOperator>) -> Result<SyncResponse<FinalizingOperator>> {
        self.0.syncs.fetch_add(1, Ordering::SeqCst);
        let message = request.parent().spec.message.clone();
        let data = Some([("message".to_owned(), message.clone())].into());
        let child = ConfigMap {
            metadata: request.child_meta("config"),
            data,
            ..Default::default()
        };
        Ok(SyncResponse::from_status(SiteStatus {
            message,
            ..Default::default()
        })
        .child(child))
    }
}

impl Finalize<FinalizingOperator> for Script {
    async fn finalize(
        &self,
        request: &SyncRequest<FinalizingOperator>,
    ) -> Result<FinalizeResponse<FinalizingOperator>> {
        self.0.finalizes.fetch_add(1, Ordering::SeqCst);
        self.0
            .seen
            .store(request.children().config_maps().count(), Ordering::SeqCst);
        let mode = *self.0.mode.lock().unwrap();
        match mode {
            Mode::Done => Ok(FinalizeResponse::done()),
            Mode::Wait(delay) => {
                let status = SiteStatus {
                    message: "going".to_owned(),
                    ..Default::default()
                };
                Ok(FinalizeResponse::retry_after(Duration::from_millis(delay)).with_status(status))
            }
            Mode::Fail => Err(Error::transient("the bucket is not empty")),
            Mode::Panic => panic!("the bucket has a hole"),
            Mode::Hang => std::future::pending().await,
        }
    }
}

async fn start(stage: &Stage, script: &Script) -> OperatorHandle {
    stage
        .start_with::<FinalizingOperator, _, _>(stage.config_of::<FinalizingOperator>(), script.clone())
        .await
}

/// An operator, and a parent `a` that has settled and is at rest.
async fn settled(stage: &Stage, script: &Script) -> OperatorHandle {
    let handle = start(stage, script).await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    handle
}

/// An operator of the same name that does not finalize.
async fn start_without_finalizing(stage: &Stage, name: &str) -> OperatorHandle {
    let config = stage
        .dynamic_config(name)
        .with_child(k8s_types::core::v1::ConfigMap, ChildConfig::apply());
    stage.start_desired_with(config, message).await
}

fn message(message: &str) -> Vec<Value> {
    vec![json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config"}, "data": {"message": message}})]
}

async fn set_finalizers(stage: &Stage, finalizers: &[&str]) {
    stage
        .edit::<Site>("a", json!({"metadata": {"finalizers": finalizers}}))
        .await;
}

async fn finalizers(stage: &Stage) -> Vec<String> {
    stage.api::<Site>().get("a").await.unwrap().finalizers().to_vec()
}

async fn wait_finalizers(stage: &Stage, what: &str, expected: &[&str]) {
    stage
        .wait_for::<Site>("a", what, |site| site.finalizers() == expected)
        .await;
}

/// The writes to parents that are not to their status.
fn parent_writes(stage: &Stage) -> Vec<Sent> {
    stage.wire.writes().into_iter().filter(is_parent_write).collect()
}

fn is_parent_write(sent: &Sent) -> bool {
    sent.is_write() && sent.path.contains("/sites/") && !sent.path.ends_with("/status")
}

// Where it stands.

async fn an_operator_that_does_not_finalize_writes_no_finalizer(stage: Stage) {
    let handle = start_without_finalizing(&stage, "site").await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    stage.say("a", "two").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    assert!(finalizers(&stage).await.is_empty());
    assert!(parent_writes(&stage).is_empty(), "{:#?}", parent_writes(&stage));
    handle.shutdown().await.unwrap();
}

async fn without_a_finalizer_the_children_of_a_deleted_parent_go_by_garbage_collection(stage: Stage) {
    let handle = start_without_finalizing(&stage, "site").await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    stage.wire.clear();
    stage.delete::<Site>("a").await;
    stage.wait_gone::<Site>("a").await;
    stage.wait_gone::<ConfigMap>("a-config").await;
    assert_nothing_written(&stage).await;
    handle.shutdown().await.unwrap();
}

/// Which of the two watches tells first is open: where it is the child's, the parent is read before anything is made
/// anew.
async fn assert_nothing_written(stage: &Stage) {
    let sent = stage.rest().await;
    let written: Vec<_> = sent.iter().filter(|sent| sent.is_write()).collect();
    assert!(written.is_empty(), "the operator has no part in it: {written:#?}");
}

async fn a_foreground_deletion_goes_through_and_no_child_is_made_anew(stage: Stage) {
    let script = Script::new(Mode::Done);
    let handle = settled(&stage, &script).await;
    stage.wire.clear();
    stage
        .api::<Site>()
        .delete("a", &DeleteParams::foreground())
        .await
        .unwrap();
    stage.wait_gone::<Site>("a").await;
    stage.wait_gone::<ConfigMap>("a-config").await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), Vec::<String>::new());
    assert_eq!(script.finalizes(), 1);
    handle.shutdown().await.unwrap();
}

async fn an_orphaning_deletion_leaves_the_children_to_themselves(stage: Stage) {
    let handle = start_without_finalizing(&stage, "site").await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    stage.rest().await;
    stage.wire.clear();
    stage.api::<Site>().delete("a", &DeleteParams::orphan()).await.unwrap();
    stage.wait_gone::<Site>("a").await;
    assert_nothing_written(&stage).await;
    let orphan = stage.wait_message("a-config", "one").await;
    assert!(orphan.owner_references().is_empty() && orphan.metadata.deletion_timestamp.is_none());
    handle.shutdown().await.unwrap();
}

async fn the_finalizer_is_added_once_before_any_child_is_created(stage: Stage) {
    let script = Script::new(Mode::Done);
    let handle = settled(&stage, &script).await;
    assert_eq!(finalizers(&stage).await, [OURS]);
    let writes = stage.wire.writes();
    let asked: Vec<String> = writes.iter().map(ToString::to_string).collect();
    assert_eq!(asked, ["JSON PATCH 200", "POST 201", "STATUS 200"]);
    assert!(is_parent_write(&writes[0]) && writes[1].path.ends_with("/configmaps"));
    stage.say("a", "two").await;
    stage.wait_settled("a").await;
    handle.shutdown().await.unwrap();
    let handle = start(&stage, &script).await;
    stage.rest().await;
    assert_eq!(
        parent_writes(&stage).len(),
        1,
        "neither an update nor a restart writes it again"
    );
    stage.delete::<Site>("a").await;
    stage.wait_gone::<Site>("a").await;
    handle.shutdown().await.unwrap();
}

async fn an_unfinalized_parent_that_is_deleted_is_not_finalized(stage: Stage) {
    // It is deleted before the operator ever saw it, and somebody else holds it.
    stage.site("a", "one").await;
    set_finalizers(&stage, &[THEIRS]).await;
    stage.delete::<Site>("a").await;
    let script = Script::new(Mode::Done);
    let handle = start(&stage, &script).await;
    stage.rest().await;
    assert_eq!((script.syncs(), script.finalizes()), (0, 0));
    assert!(stage.wire.writes().is_empty(), "{:#?}", stage.wire.writes());
    set_finalizers(&stage, &[]).await;
    stage.wait_gone::<Site>("a").await;
    handle.shutdown().await.unwrap();
}

// What `finalize` is promised.

async fn finalize_is_called_until_it_is_done_and_sees_the_children(stage: Stage) {
    let script = Script::new(Mode::Wait(200));
    let handle = settled(&stage, &script).await;
    assert_eq!(script.finalizes(), 0);
    stage.delete::<Site>("a").await;
    eventually("it is called again and again", async || {
        (script.finalizes() >= 4).then_some(())
    })
    .await;
    assert_eq!(finalizers(&stage).await, [OURS]);
    assert_eq!(
        script.0.seen.load(Ordering::SeqCst),
        1,
        "the child is there until the parent goes"
    );
    script.set(Mode::Done);
    stage.wait_gone::<Site>("a").await;
    stage.wait_gone::<ConfigMap>("a-config").await;
    let finalizes = script.finalizes();
    stage.rest().await;
    assert_eq!(script.finalizes(), finalizes, "once it is done, it is done");
    handle.shutdown().await.unwrap();
}

async fn finalize_can_write_a_status_while_it_waits(stage: Stage) {
    let script = Script::new(Mode::Wait(100));
    let handle = settled(&stage, &script).await;
    stage.wire.clear();
    stage.delete::<Site>("a").await;
    let says_going = |site: &Site| site.status.as_ref().is_some_and(|status| status.message == "going");
    stage.wait_for("a", "the status is written", says_going).await;
    stage.wait_condition("a", "Reconciling", "True", "Finalizing").await;
    stage.wait_condition("a", "Ready", "False", "Finalizing").await;
    let calls = script.finalizes();
    eventually("it is called some more", async || {
        (script.finalizes() > calls + 5).then_some(())
    })
    .await;
    assert_eq!(
        stage.asked("sites"),
        ["STATUS 200"],
        "the same status is written once, however often it is called"
    );
    script.set(Mode::Done);
    stage.wait_gone::<Site>("a").await;
    handle.shutdown().await.unwrap();
}

async fn a_waiting_finalize_is_called_again_when_a_child_changes(stage: Stage) {
    let script = Script::new(Mode::Wait(600_000));
    let handle = settled(&stage, &script).await;
    stage.delete::<Site>("a").await;
    stage.wait_condition("a", "Ready", "False", "Finalizing").await;
    stage.rest().await;
    script.set(Mode::Done);
    stage
        .edit::<ConfigMap>("a-config", json!({"metadata": {"labels": {"touched": "yes"}}}))
        .await;
    stage.wait_gone::<Site>("a").await;
    handle.shutdown().await.unwrap();
}

async fn finalize_that_fails_or_panics_or_hangs_keeps_the_finalizer_and_is_retried(stage: Stage) {
    let script = Script::new(Mode::Fail);
    let config = stage
        .config_of::<FinalizingOperator>()
        .with_handler_deadline(Duration::from_secs(1));
    let handle = stage
        .start_with::<FinalizingOperator, _, _>(config, script.clone())
        .await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    stage.delete::<Site>("a").await;
    let failures = [
        (Mode::Fail, "HandlerFailed", "the bucket is not empty"),
        (Mode::Panic, "HandlerPanicked", "the bucket has a hole"),
        (Mode::Hang, "HandlerTimedOut", ""),
    ];
    for (mode, reason, text) in failures {
        script.set(mode);
        let message = stage.wait_condition("a", "Ready", "False", reason).await;
        assert!(message.contains(text), "{message}");
        let calls = script.finalizes();
        eventually("it is retried", async || (script.finalizes() > calls).then_some(())).await;
        assert_eq!(finalizers(&stage).await, [OURS]);
        stage.wait_message("a-config", "one").await;
    }
    script.set(Mode::Done);
    stage.wait_gone::<Site>("a").await;
    assert_eq!(
        parent_writes(&stage).len(),
        2,
        "the finalizer was added once and removed once"
    );
    handle.shutdown().await.unwrap();
}

async fn done_removes_our_finalizer_and_no_other(stage: Stage) {
    let script = Script::new(Mode::Done);
    let handle = settled(&stage, &script).await;
    let theirs = [THEIRS, "tests.example.com/more"];
    set_finalizers(&stage, &[theirs[0], OURS, theirs[1]]).await;
    stage.rest().await;
    stage.wire.clear();
    stage.delete::<Site>("a").await;
    wait_finalizers(&stage, "ours is gone", &theirs).await;
    stage.rest().await;
    assert_eq!(
        script.finalizes(),
        1,
        "others still hold the parent, which is nothing to us"
    );
    assert_eq!(stage.asked("sites"), ["JSON PATCH 200"]);
    assert_eq!(finalizers(&stage).await, theirs);
    set_finalizers(&stage, &[]).await;
    stage.wait_gone::<Site>("a").await;
    handle.shutdown().await.unwrap();
}

async fn a_parent_deleted_while_the_operator_was_down_is_finalized(stage: Stage) {
    let script = Script::new(Mode::Done);
    let handle = settled(&stage, &script).await;
    handle.shutdown().await.unwrap();
    stage.delete::<Site>("a").await;
    stage.rest().await;
    assert_eq!(
        (finalizers(&stage).await, script.finalizes()),
        (vec![OURS.to_owned()], 0)
    );
    let syncs = script.syncs();
    let handle = start(&stage, &script).await;
    stage.wait_gone::<Site>("a").await;
    assert_eq!((script.finalizes(), script.syncs()), (1, syncs));
    handle.shutdown().await.unwrap();
}

// What an operator leaves behind, and its names.

async fn an_operator_that_no_longer_finalizes_frees_its_deleted_parents(stage: Stage) {
    let script = Script::new(Mode::Done);
    let handle = settled(&stage, &script).await;
    handle.shutdown().await.unwrap();
    stage.wire.clear();
    let handle = start_without_finalizing(&stage, "finalizing").await;
    stage.rest().await;
    set_finalizers(&stage, &[THEIRS, OURS]).await;
    stage.delete::<Site>("a").await;
    wait_finalizers(&stage, "ours is gone", &[THEIRS]).await;
    stage.rest().await;
    assert_eq!(parent_writes(&stage).len(), 1, "{:#?}", parent_writes(&stage));
    assert_eq!(script.finalizes(), 0);
    set_finalizers(&stage, &[]).await;
    stage.wait_gone::<Site>("a").await;
    handle.shutdown().await.unwrap();
}

async fn a_finalizer_can_have_a_name_of_its_own(stage: Stage) {
    let script = Script::new(Mode::Done);
    let config = stage
        .config_of::<FinalizingOperator>()
        .with_finalizer("example.com/hold");
    let handle = stage
        .start_with::<FinalizingOperator, _, _>(config, script.clone())
        .await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    assert_eq!(finalizers(&stage).await, ["example.com/hold"]);
    stage.delete::<Site>("a").await;
    stage.wait_gone::<Site>("a").await;
    assert_eq!(script.finalizes(), 1);
    handle.shutdown().await.unwrap();
}

async fn an_operator_without_types_finalizes_too(stage: Stage) {
    type Finalizing = Dynamic<WithFinalizer>;
    let calls = Arc::new(AtomicUsize::default());
    let counted = calls.clone();
    let sync = |request: &SyncRequest<Finalizing>| -> Result<SyncResponse<Finalizing>> {
        let parent = request.parent_object().to_value();
        Ok(SyncResponse::from_status(
            json!({"message": parent["spec"]["message"], "observed": 0}),
        ))
    };
    let finalize = move |_: &SyncRequest<Finalizing>| {
        let is_first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        Ok(if is_first {
            FinalizeResponse::retry_after(Duration::from_millis(100))
        } else {
            FinalizeResponse::done()
        })
    };
    let config: OperatorConfig = stage.dynamic_config("untyped");
    let handle = stage
        .start_with::<Finalizing, _, _>(config, WithFinalize::new(sync, finalize))
        .await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    assert_eq!(finalizers(&stage).await, ["roperator.dev/untyped"]);
    stage.delete::<Site>("a").await;
    stage.wait_gone::<Site>("a").await;
    assert!(calls.load(Ordering::SeqCst) >= 2);
    handle.shutdown().await.unwrap();
}

// Others write at the same time.

/// Holds the next write of the finalizer back for a second, and waits until it is on its way.
async fn while_the_finalizer_is_written(stage: &Stage, cause: impl AsyncFnOnce()) {
    stage.wire.clear();
    stage
        .wire
        .fault_times(1, Fault::Delay(Duration::from_secs(1)), is_parent_write);
    cause().await;
    eventually("the finalizer is being written", async || {
        stage.wire.sent().iter().any(is_parent_write).then_some(())
    })
    .await;
}

async fn a_finalizer_that_somebody_adds_at_the_same_time_is_kept(stage: Stage) {
    let script = Script::new(Mode::Done);
    let handle = start(&stage, &script).await;
    while_the_finalizer_is_written(&stage, async || {
        stage.site("a", "one").await;
    })
    .await;
    set_finalizers(&stage, &[THEIRS]).await;
    wait_finalizers(&stage, "both are there", &[THEIRS, OURS]).await;
    stage.wait_settled("a").await;
    // The same where the parent has one already, so that the list is not new.
    stage.rest().await;
    while_the_finalizer_is_written(&stage, async || {
        set_finalizers(&stage, &["tests.example.com/first"]).await
    })
    .await;
    set_finalizers(&stage, &["tests.example.com/first", THEIRS]).await;
    let has_all = |site: &Site| {
        ["tests.example.com/first", THEIRS, OURS]
            .iter()
            .all(|one| site.finalizers().contains(&(*one).to_owned()))
    };
    stage.wait_for::<Site>("a", "all are there", has_all).await;
    stage.delete::<Site>("a").await;
    let is_ours_gone = |site: &Site| !site.finalizers().contains(&OURS.to_owned());
    stage.wait_for::<Site>("a", "ours is gone", is_ours_gone).await;
    set_finalizers(&stage, &[]).await;
    stage.wait_gone::<Site>("a").await;
    handle.shutdown().await.unwrap();
}

async fn a_finalizer_that_somebody_removes_at_the_same_time_is_not_mistaken_for_ours(stage: Stage) {
    let script = Script::new(Mode::Done);
    let handle = settled(&stage, &script).await;
    set_finalizers(&stage, &["tests.example.com/first", OURS, THEIRS]).await;
    stage.rest().await;
    while_the_finalizer_is_written(&stage, async || stage.delete::<Site>("a").await).await;
    // Ours moves up, and another takes the place that it had.
    set_finalizers(&stage, &[OURS, THEIRS]).await;
    wait_finalizers(&stage, "ours is gone and no other", &[THEIRS]).await;
    stage.rest().await;
    assert_eq!(finalizers(&stage).await, [THEIRS]);
    set_finalizers(&stage, &[]).await;
    stage.wait_gone::<Site>("a").await;
    handle.shutdown().await.unwrap();
}

async fn a_finalizer_of_ours_that_somebody_removes_comes_back(stage: Stage) {
    let script = Script::new(Mode::Done);
    let handle = settled(&stage, &script).await;
    set_finalizers(&stage, &[]).await;
    wait_finalizers(&stage, "ours is back", &[OURS]).await;
    stage.rest().await;
    assert_eq!(parent_writes(&stage).len(), 2);
    stage.delete::<Site>("a").await;
    stage.wait_gone::<Site>("a").await;
    handle.shutdown().await.unwrap();
}

// Nothing is made for a parent that goes.

/// Breaks, deletes and asks for children of a deleting parent, to none of which the operator must react.
async fn provoke(stage: &Stage) {
    stage.rest().await;
    stage.wire.clear();
    stage
        .edit::<ConfigMap>("a-config", json!({"data": {"message": "hacked"}}))
        .await;
    stage.say("a", "two").await;
    stage.rest().await;
    stage.delete::<ConfigMap>("a-config").await;
    stage.wait_gone::<ConfigMap>("a-config").await;
    stage.rest().await;
    assert_eq!(stage.asked("configmaps"), Vec::<String>::new());
}

async fn a_deleting_parent_is_not_synced_and_its_children_are_left_alone(stage: Stage) {
    let handle = start_without_finalizing(&stage, "site").await;
    stage.site("a", "one").await;
    stage.wait_settled("a").await;
    set_finalizers(&stage, &[THEIRS]).await;
    stage.rest().await;
    stage.delete::<Site>("a").await;
    provoke(&stage).await;
    assert!(stage.wire.writes().is_empty(), "{:#?}", stage.wire.writes());
    set_finalizers(&stage, &[]).await;
    stage.wait_gone::<Site>("a").await;
    handle.shutdown().await.unwrap();
}

async fn a_finalizing_parent_is_not_synced_and_its_children_are_left_alone(stage: Stage) {
    let script = Script::new(Mode::Wait(600_000));
    let handle = settled(&stage, &script).await;
    stage.delete::<Site>("a").await;
    stage.wait_condition("a", "Ready", "False", "Finalizing").await;
    let syncs = script.syncs();
    provoke(&stage).await;
    assert_eq!(script.syncs(), syncs);
    assert!(parent_writes(&stage).is_empty(), "{:#?}", parent_writes(&stage));
    script.set(Mode::Done);
    stage.say("a", "three").await;
    stage.wait_gone::<Site>("a").await;
    handle.shutdown().await.unwrap();
}
