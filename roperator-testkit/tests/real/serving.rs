//! What an API server does: objects, counts, garbage, permissions.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client, Config, Resource as _, ResourceExt as _};
use roperator_testkit::real::RealServer;
use serde_json::json;

use crate::{Outcome, code, configmap, eventually, named, namespace, with_shared};

pub async fn crud(client: Client) -> Outcome {
    let namespace = namespace(&client, "crud").await?;
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    let created = configmap(&client, &namespace, "one").await?;

    let patch = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"key": "value"}});
    let applied = api
        .patch("one", &PatchParams::apply("test"), &Patch::Apply(&patch))
        .await?;
    assert_eq!(applied.uid(), created.uid());
    assert_ne!(applied.resource_version(), created.resource_version());
    let read = api.get("one").await?;
    assert_eq!(
        read.data.and_then(|data| data.get("key").cloned()).as_deref(),
        Some("value")
    );

    assert_eq!(code(api.replace("one", &PostParams::default(), &created).await), 409);
    assert_eq!(api.list(&ListParams::default()).await?.items.len(), 1);
    api.delete("one", &DeleteParams::default()).await?;
    assert_eq!(code(api.get("one").await), 404);
    Ok(())
}

/// Secrets: no other test writes them.
pub async fn requests(client: Client) -> Outcome {
    let namespace = namespace(&client, "requests").await?;
    let api: Api<Secret> = Api::namespaced(client, &namespace);
    let before = with_shared(RealServer::requests).await?;
    let secret = Secret {
        metadata: named("one"),
        ..Default::default()
    };
    api.create(&PostParams::default(), &secret).await?;
    assert_eq!(code(api.create(&PostParams::default(), &secret).await), 409);
    api.create(
        &PostParams {
            dry_run: true,
            ..Default::default()
        },
        &Secret {
            metadata: named("two"),
            ..secret
        },
    )
    .await?;
    api.get("one").await?;
    let apply = json!({"apiVersion": "v1", "kind": "Secret"});
    api.patch("one", &PatchParams::apply("test"), &Patch::Apply(&apply))
        .await?;

    let seen = (with_shared(RealServer::requests).await? - before).resource("secrets");
    assert_eq!(seen.verb("POST").total(), 3, "\n{seen}");
    assert_eq!(seen.verb("POST").only(|kind| kind.dry_run).total(), 1, "\n{seen}");
    assert_eq!(seen.verb("GET").total(), 1, "\n{seen}");
    assert_eq!(seen.verb("APPLY").code(200).total(), 1, "\n{seen}");
    assert_eq!(seen.conflicts().total(), 1, "\n{seen}");
    assert_eq!(seen.writes().total(), 4, "\n{seen}");
    Ok(())
}

pub async fn collection(client: Client) -> Outcome {
    let namespace = namespace(&client, "collection").await?;
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    let owner = configmap(&client, &namespace, "owner").await?;
    let metadata = ObjectMeta {
        owner_references: owner.controller_owner_ref(&()).map(|it| vec![it]),
        ..named("owned")
    };
    api.create(
        &PostParams::default(),
        &ConfigMap {
            metadata,
            ..Default::default()
        },
    )
    .await?;
    configmap(&client, &namespace, "stranger").await?;

    api.delete("owner", &DeleteParams::background()).await?;
    eventually("the owned ConfigMap is collected", async || {
        Ok(api.get_opt("owned").await?.is_none())
    })
    .await?;
    assert!(api.get_opt("stranger").await?.is_some());
    Ok(())
}

pub async fn namespace_deletion(client: Client) -> Outcome {
    let name = namespace(&client, "namespace-deletion").await?;
    configmap(&client, &name, "content").await?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.delete(&name, &DeleteParams::default()).await?;
    eventually("the namespace is gone", async || {
        Ok(namespaces.get_opt(&name).await?.is_none())
    })
    .await
}

pub async fn rbac(client: Client) -> Outcome {
    let namespace = namespace(&client, "rbac").await?;
    let (user, stranger) = with_shared(async |server| Ok((server.user("operator-3"), server.user("nobody")))).await?;
    let api: Api<ConfigMap> = Api::namespaced(Client::try_from(user)?, &namespace);
    assert_eq!(code(api.list(&ListParams::default()).await), 403);

    permit(&client, &namespace, "operator-3", "configmaps", &["list"]).await?;
    eventually("the permission works", async || {
        Ok(api.list(&ListParams::default()).await.is_ok())
    })
    .await?;
    assert_eq!(code(api.delete("any", &DeleteParams::default()).await), 403);

    let api: Api<ConfigMap> = Api::namespaced(Client::try_from(stranger)?, &namespace);
    assert_eq!(code(api.list(&ListParams::default()).await), 401);
    Ok(())
}

pub async fn owner_references(client: Client) -> Outcome {
    let namespace = namespace(&client, "owner-references").await?;
    let owner = configmap(&client, &namespace, "owner").await?;
    permit(&client, &namespace, "operator-4", "secrets", &["create"]).await?;
    let user = with_shared(async |server| Ok(server.user("operator-4"))).await?;
    let api: Api<Secret> = Api::namespaced(Client::try_from(user)?, &namespace);

    let secret = |name: &str, block| {
        let reference = OwnerReference {
            block_owner_deletion: Some(block),
            ..owner.controller_owner_ref(&())?
        };
        Some(Secret {
            metadata: ObjectMeta {
                owner_references: Some(vec![reference]),
                ..named(name)
            },
            ..Default::default()
        })
    };
    let harmless = secret("harmless", false).ok_or("no owner reference")?;
    eventually("the permission works", async || {
        Ok(api.create(&PostParams::default(), &harmless).await.is_ok())
    })
    .await?;
    let blocking = secret("blocking", true).ok_or("no owner reference")?;
    assert_eq!(code(api.create(&PostParams::default(), &blocking).await), 403);
    Ok(())
}

pub async fn kubeconfig() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("kubeconfig");
    with_shared(async |server| server.kubeconfig(&path).await).await?;
    let kubeconfig = kube::config::Kubeconfig::read_from(&path)?;
    let client = Client::try_from(Config::try_from(kubeconfig)?)?;
    let version = client.apiserver_version().await?;
    assert!(version.git_version.starts_with("v1."), "{version:?}");
    Ok(())
}

/// Permits verbs on a core resource to a user, in one namespace.
async fn permit(client: &Client, namespace: &str, user: &str, resource: &str, verbs: &[&str]) -> Outcome {
    let strings = |from: &[&str]| from.iter().map(ToString::to_string).collect::<Vec<_>>();
    let rule = PolicyRule {
        api_groups: Some(strings(&[""])),
        resources: Some(strings(&[resource])),
        verbs: strings(verbs),
        ..Default::default()
    };
    let role = Role {
        metadata: named(user),
        rules: Some(vec![rule]),
    };
    let group = "rbac.authorization.k8s.io".to_owned();
    let binding = RoleBinding {
        metadata: named(user),
        role_ref: RoleRef {
            api_group: Some(group.clone()),
            kind: "Role".into(),
            name: user.into(),
        },
        subjects: Some(vec![Subject {
            api_group: Some(group),
            kind: "User".into(),
            name: user.into(),
            namespace: None,
        }]),
    };
    Api::namespaced(client.clone(), namespace)
        .create(&PostParams::default(), &role)
        .await?;
    Api::namespaced(client.clone(), namespace)
        .create(&PostParams::default(), &binding)
        .await?;
    Ok(())
}
