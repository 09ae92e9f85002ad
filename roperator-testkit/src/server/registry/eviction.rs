//! Evictions: a Pod is deleted if the PodDisruptionBudgets that are about it allow that. An Eviction in; a Pod that is told why
//! it goes, and deleted, and a budget that has one disruption less, or a refusal, out. Nobody computes the budgets' statuses
//! here: they are what clients write.

use serde_json::Value;

use super::{
    Registry,
    codec::decode,
    delete::check_preconditions,
    kinds::{pod::condition, policy::disruption, values},
    object::{is_deleted, meta, text},
    options::DeleteOptions,
    resource::Resource,
    special::done,
    write::Target,
};
use crate::server::{
    clock::seconds,
    field::{FieldError, FieldPath},
    selector::labels::Selector,
    status::ApiError,
    store::key,
};

/// How often an eviction is tried anew because its Pod changed meanwhile.
const TRIES: usize = 20;

/// What a Pod that is evicted is told.
const WHY: condition::Why<'_> = ("EvictionByEvictionAPI", "Eviction API: evicting");

impl Registry {
    /// Evicts a Pod.
    ///
    /// # Errors
    ///
    /// The refusal: the Pod is not there or not the one that is meant, or its budget does not allow it.
    pub(super) fn evict(&self, target: &Target<'_>, eviction: Value) -> Result<Value, ApiError> {
        let name = target.name;
        if meta(&eviction, "name") != name {
            return Err(ApiError::bad_request(
                "name in URL does not match name in Eviction object",
            ));
        }
        let options = delete_options(target, &eviction)?;
        let mut tries = 0;
        loop {
            let pod = decode(
                target.resource,
                &*self.get(target.resource, target.namespace, name, "")?,
            )?;
            // A Pod that does not work is no loss, unless it begins to meanwhile.
            let guard = if needs_no_budget(&pod) {
                is_pending(&pod)
            } else {
                self.ask_budget(target, &pod, options.dry_run)?
            };
            let is_guarded = guard && options.resource_version.is_none();
            let mut options = options.clone();
            if is_guarded {
                options.resource_version = Some(meta(&pod, "resourceVersion").to_owned());
            }
            tries += 1;
            match self.tell_and_delete(target, options) {
                Err(error) if error.reason == "Conflict" && is_guarded && tries < TRIES => {}
                told => return told.map(|()| done()),
            }
        }
    }

    /// Asks the budget that is about a Pod, if there is one, and takes from it what it allows. Says whether the Pod may
    /// only go as it is now.
    fn ask_budget(&self, target: &Target<'_>, pod: &Value, dry_run: bool) -> Result<bool, ApiError> {
        let no_budgets = ApiError::no_such_resource;
        let budgets = self
            .resource("policy", "v1", "poddisruptionbudgets")
            .ok_or_else(no_budgets)?;
        let about = self.budgets_about(&budgets, target.namespace, pod)?;
        let [budget] = about.as_slice() else {
            if about.is_empty() {
                return Ok(false);
            }
            return Err(ApiError::unexpected(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
            ));
        };
        if !condition::holds(pod, "Ready") && disruption::spares_unready(budget) {
            return Ok(true);
        }
        let name = meta(budget, "name");
        let now = seconds(self.clock.now());
        let take = |budget: &mut Value| {
            let before = budget.clone();
            disruption::take(budget, target.name, &now)?;
            self.own_as_server(&budgets, &before, budget);
            Ok(())
        };
        let taken = self.alter(&budgets, &key(target.namespace, name), dry_run, &take)?;
        taken.ok_or_else(|| ApiError::not_found(&budgets.group_resource(), name))?;
        Ok(false)
    }

    fn budgets_about(&self, budgets: &Resource, namespace: &str, pod: &Value) -> Result<Vec<Value>, ApiError> {
        let listed = self.store.all(&budgets.place(), namespace);
        let decoded = listed.iter().map(|object| decode(budgets, object));
        let mut about = decoded.collect::<Result<Vec<_>, _>>()?;
        about.retain(|budget| {
            let selector = Selector::from_object(budget.pointer("/spec/selector"));
            selector.is_ok_and(|selector| selector.matches(pod.pointer("/metadata/labels")))
        });
        Ok(about)
    }

    fn tell_and_delete(&self, target: &Target<'_>, mut options: DeleteOptions) -> Result<(), ApiError> {
        let (pods, namespace, name) = (target.resource, target.namespace, target.name);
        if !options.dry_run {
            let now = seconds(self.clock.now());
            let tell = |pod: &mut Value| {
                check_preconditions(pods, pod, &options)?;
                condition::hold(pod, "DisruptionTarget", Some(WHY), &now);
                Ok(())
            };
            let told = self.alter(pods, &key(namespace, name), false, &tell)?;
            if let (Some((_, revision)), Some(_)) = (told, &options.resource_version) {
                options.resource_version = Some(revision.to_string());
            }
        }
        self.delete(pods, namespace, name, &options).map(drop)
    }
}

fn delete_options(target: &Target<'_>, eviction: &Value) -> Result<DeleteOptions, ApiError> {
    let field = "ignoreStoreReadErrorWithClusterBreakingPotential";
    let options = eviction.get("deleteOptions").unwrap_or(&Value::Null);
    if values::flag(options, field) {
        let path = FieldPath::new("deleteOptions").child(field);
        let why = "can not be set for pod eviction, try after removing the option";
        let error = FieldError::invalid(&path, true, why);
        return Err(ApiError::invalid("policy", "Eviction", target.name, &[error]));
    }
    let mut options = DeleteOptions::of_body(options)?;
    options.dry_run |= target.options.dry_run;
    Ok(options)
}

fn needs_no_budget(pod: &Value) -> bool {
    is_deleted(pod) || matches!(text(pod, "/status/phase"), "Succeeded" | "Failed" | "Pending")
}

fn is_pending(pod: &Value) -> bool {
    !is_deleted(pod) && text(pod, "/status/phase") == "Pending"
}
