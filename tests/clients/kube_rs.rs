//! kube-rs: watchers with lists and with streaming lists, reflectors, and Leases as leader election writes them.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use k8s_openapi::{
    api::{
        coordination::v1::{Lease, LeaseSpec},
        core::v1::ConfigMap,
    },
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams},
    runtime::{
        WatchStreamExt as _, reflector,
        watcher::{self, Event, watcher},
    },
};
use libtest_mimic::Trial;
use serde_json::json;

use crate::{
    run,
    sandbox::{Sandbox, soon},
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("kube_rs::a_watcher_that_lists", || {
            watches(watcher::Config::default().page_size(3))
        }),
        trial("kube_rs::a_watcher_that_streams_its_list", || {
            watches(watcher::Config::default().streaming_lists())
        }),
        trial("kube_rs::a_reflector_with_a_selector", a_reflector_with_a_selector),
        trial("kube_rs::two_candidates_for_a_lease", two_candidates_for_a_lease),
    ]
}

fn named(name: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..Default::default()
        },
        ..Default::default()
    }
}

fn watches(config: watcher::Config) {
    let sandbox = Sandbox::start();
    let seen = async {
        let maps: Api<ConfigMap> = Api::namespaced(sandbox.client().await, "default");
        let params = PostParams::default();
        for number in 0..10 {
            maps.create(&params, &named(&format!("map-{number}"))).await.unwrap();
        }
        let mut events = Box::pin(watcher(maps.clone(), config));
        assert!(matches!(events.next().await.unwrap().unwrap(), Event::Init));
        let mut there = BTreeSet::new();
        loop {
            match events.next().await.unwrap().unwrap() {
                Event::InitApply(map) => assert!(there.insert(map.name_any())),
                Event::InitDone => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(there.len(), 10);
        maps.create(&params, &named("new")).await.unwrap();
        let patch = Patch::Merge(json!({"data": {"a": "b"}}));
        maps.patch("new", &PatchParams::default(), &patch).await.unwrap();
        maps.delete("new", &DeleteParams::default()).await.unwrap();
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(match events.next().await.unwrap().unwrap() {
                Event::Apply(map) => (map.name_any(), map.data.is_some()),
                Event::Delete(map) => (format!("-{}", map.name_any()), map.data.is_some()),
                other => panic!("{other:?}"),
            });
        }
        let wanted = [("new", false), ("new", true), ("-new", true)];
        assert_eq!(seen, wanted.map(|(name, data)| (name.to_owned(), data)));
    };
    let seen = run(async { tokio::time::timeout(Duration::from_secs(60), seen).await });
    seen.expect("it is seen in time");
}

fn a_reflector_with_a_selector() {
    let sandbox = Sandbox::start();
    run(async {
        let maps: Api<ConfigMap> = Api::namespaced(sandbox.client().await, "default");
        let (store, writer) = reflector::store();
        let config = watcher::Config::default().labels("app=a").streaming_lists();
        let events = reflector(writer, watcher(maps.clone(), config))
            .default_backoff()
            .applied_objects();
        let following = tokio::spawn(async move { events.try_for_each(async |_| Ok(())).await });
        store.wait_until_ready().await.unwrap();
        assert!(store.is_empty());
        maps.create(&PostParams::default(), &named("one")).await.unwrap();
        let label = |value: &str| Patch::Merge(json!({"metadata": {"labels": {"app": value}}}));
        for (value, count) in [("a", 1), ("b", 0), ("a", 1)] {
            maps.patch("one", &PatchParams::default(), &label(value)).await.unwrap();
            soon("the reflector follows", async || store.len() == count).await;
        }
        maps.delete("one", &DeleteParams::default()).await.unwrap();
        soon("the reflector follows", async || store.is_empty()).await;
        following.abort();
    });
}

/// Takes or renews the lease, as client-go's leader election does: read, decide, update what was read.
async fn take(leases: &Api<Lease>, who: &str, seconds: i32) -> bool {
    let now = MicroTime(Timestamp::now());
    let spec = LeaseSpec {
        holder_identity: Some(who.to_owned()),
        lease_duration_seconds: Some(seconds),
        renew_time: Some(now.clone()),
        acquire_time: Some(now.clone()),
        lease_transitions: Some(0),
        ..Default::default()
    };
    let params = PostParams::default();
    let Some(mut lease) = leases.get_opt("leader").await.unwrap() else {
        let mut lease = Lease::default();
        lease.metadata.name = Some("leader".to_owned());
        lease.spec = Some(spec);
        return leases.create(&params, &lease).await.is_ok();
    };
    let held = lease.spec.take().unwrap_or_default();
    let until = held.renew_time.clone().unwrap().0 + Duration::from_secs(u64::try_from(seconds).unwrap());
    let is_ours = held.holder_identity.as_deref() == Some(who);
    if !is_ours && until > now.0 {
        return false;
    }
    lease.spec = Some(if is_ours {
        LeaseSpec {
            renew_time: spec.renew_time,
            ..held
        }
    } else {
        LeaseSpec {
            lease_transitions: held.lease_transitions.map(|times| times + 1),
            ..spec
        }
    });
    match leases.replace("leader", &params, &lease).await {
        Ok(_) => true,
        Err(kube::Error::Api(status)) if status.code == 409 => false,
        Err(error) => panic!("{error}"),
    }
}

fn two_candidates_for_a_lease() {
    let sandbox = Sandbox::start();
    run(async {
        let api = |client: Client| Api::<Lease>::namespaced(client, "default");
        let (one, other) = (api(sandbox.client().await), api(sandbox.client().await));
        // At the same moment, exactly one is lucky.
        for _ in 0..20 {
            let taken = futures::join!(take(&one, "one", 1), take(&other, "other", 1));
            assert!(taken.0 != taken.1, "{taken:?}");
            one.delete("leader", &DeleteParams::default()).await.unwrap();
        }
        assert!(take(&one, "one", 1).await);
        assert!(!take(&other, "other", 1).await);
        assert!(take(&one, "one", 1).await);
        soon("the lease ran out", async || take(&other, "other", 1).await).await;
        let lease = one.get("leader").await.unwrap().spec.unwrap();
        assert_eq!(lease.holder_identity.as_deref(), Some("other"));
        assert_eq!(lease.lease_transitions, Some(1));
        // Microseconds come back as they were sent.
        let times = [lease.renew_time.unwrap(), lease.acquire_time.unwrap()];
        assert_eq!(times[0], times[1]);
    });
}
