//! Namespaces go while several threads create objects in them: nothing is left behind.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use serde_json::json;

use crate::server::{
    ApiServer,
    registry::{
        Registry,
        options::{DeleteOptions, WriteOptions},
        resource::Resource,
        warnings::Warnings,
        write::Target,
    },
};

const ROUNDS: usize = 60;
const WRITERS: usize = 3;
const ROOM: &str = "room";

fn create(registry: &Registry, resource: &Resource, namespace: &str, name: &str) -> bool {
    let target = Target {
        resource,
        namespace,
        name,
        subresource: "",
        options: &WriteOptions::default(),
        manager: "races",
        warnings: &Warnings::default(),
    };
    registry.create(&target, json!({"metadata": {"name": name}})).is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_created_in_a_namespace_that_is_gone() {
    let server = ApiServer::start();
    let registry = &*server.registry;
    let config_maps = registry.resource("", "v1", "configmaps").unwrap();
    let namespaces = registry.resource("", "v1", "namespaces").unwrap();
    let (place, homes) = (config_maps.group_resource(), namespaces.group_resource());
    let before = registry.store.count(&place);
    for _ in 0..ROUNDS {
        assert!(create(registry, &namespaces, "", ROOM));
        let (created, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let write = |writer: usize| {
            let names = (0..).take_while(|_| !is_over.load(Ordering::Relaxed));
            for name in names.map(|number| format!("n{writer}-{number}")) {
                let is_created = create(registry, &config_maps, ROOM, &name);
                created.fetch_add(usize::from(is_created), Ordering::Relaxed);
            }
        };
        thread::scope(|threads| {
            let write = &write;
            for writer in 0..WRITERS {
                threads.spawn(move || write(writer));
            }
            // The namespace goes in the midst of the writing, however late the threads begin.
            while created.load(Ordering::Relaxed) < WRITERS {
                thread::yield_now();
            }
            registry
                .delete(&namespaces, "", ROOM, &DeleteOptions::default())
                .unwrap();
            while registry.store.get(&homes, ROOM).is_some() {
                thread::yield_now();
            }
            is_over.store(true, Ordering::Relaxed);
        });
        assert_eq!(registry.store.count(&place), before);
    }
}
