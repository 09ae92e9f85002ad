//! What a PodDisruptionBudget says of an eviction: a budget in; the budget with one disruption less, or a refusal, out. Its
//! status is taken as it stands.

use serde_json::{Value, json};

use super::super::values::{get, items, number, object, remove, set, text};
use crate::server::status::{ApiError, Cause, GroupResource};

/// How many Pods may be on their way out without the budget's controller having seen them.
const MOST_DISRUPTED: usize = 2000;

/// Whether a Pod that is not ready may go in any case: it does not count among the healthy ones.
#[must_use]
pub fn spares_unready(budget: &Value) -> bool {
    let (spec, status) = (get(budget, "spec"), get(budget, "status"));
    let desired = number(status, "desiredHealthy");
    text(spec, "unhealthyPodEvictionPolicy") == "AlwaysAllow"
        || (number(status, "currentHealthy") >= desired && desired > 0)
}

/// Takes a disruption from a budget, for a Pod.
///
/// # Errors
///
/// 429 if none is left or the budget's controller has not seen it yet, 403 for a budget that cannot be.
pub fn take(budget: &mut Value, pod: &str, now: &str) -> Result<(), ApiError> {
    let name = text(get(budget, "metadata"), "name").to_owned();
    let status = get(budget, "status");
    let forbidden = |why: &str| ApiError::forbidden(&GroupResource::new("policy", "poddisruptionbudget"), &name, why);
    if number(status, "observedGeneration") < number(get(budget, "metadata"), "generation") {
        let why = format!("The disruption budget {name} is still being processed by the server.");
        return Err(refuse(&why, 10));
    }
    let allowed = number(status, "disruptionsAllowed");
    if allowed < 0 {
        return Err(forbidden("pdb disruptions allowed is negative"));
    }
    if get(status, "disruptedPods")
        .as_object()
        .is_some_and(|pods| pods.len() > MOST_DISRUPTED)
    {
        return Err(forbidden(
            "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
        ));
    }
    if allowed == 0 {
        return Err(refuse(&why_none(&name, status), 0));
    }
    let Some(status) = budget.get_mut("status") else {
        return Ok(());
    };
    set(status, "disruptionsAllowed", allowed - 1);
    if allowed == 1 {
        tell_insufficient(status, now);
    }
    if let Some(pods) = object(status, "disruptedPods") {
        pods.insert(pod.to_owned(), now.into());
    }
    Ok(())
}

fn refuse(why: &str, seconds: u32) -> ApiError {
    let message = "Cannot evict pod as it would violate the pod's disruption budget.";
    ApiError::too_many_requests(message, seconds).with_cause(Cause::new("DisruptionBudget", why, ""))
}

fn why_none(name: &str, status: &Value) -> String {
    let mut conditions = items(status, "conditions").iter();
    let condition = conditions.find(|condition| text(condition, "type") == "DisruptionAllowed");
    let told =
        condition.filter(|condition| text(condition, "status") == "False" && !text(condition, "message").is_empty());
    let told = told.map(|condition| (text(condition, "reason"), text(condition, "message")));
    let (current, desired) = (number(status, "currentHealthy"), number(status, "desiredHealthy"));
    let no = format!("The disruption budget {name} does not allow evicting pods currently");
    match told {
        Some(("SyncFailed", message)) => format!("{no} because it failed sync: {message}"),
        _ if current <= desired => {
            format!("The disruption budget {name} needs {desired} healthy pods and has {current} currently")
        }
        Some((reason, message)) => format!("{no} ({reason}): {message}"),
        None => no,
    }
}

/// The condition says that no disruption is left; since when stays as it was if it said that before.
fn tell_insufficient(status: &mut Value, now: &str) {
    let observed = number(status, "observedGeneration");
    let mut condition = json!({
        "type": "DisruptionAllowed",
        "status": "False",
        "reason": "InsufficientPods",
        "message": "",
        "lastTransitionTime": now,
        "observedGeneration": observed,
    });
    if observed == 0 {
        remove(&mut condition, "observedGeneration");
    }
    let mut conditions = items(status, "conditions").to_vec();
    match conditions
        .iter_mut()
        .find(|known| text(known, "type") == "DisruptionAllowed")
    {
        None => conditions.push(condition),
        Some(known) => {
            if text(known, "status") == "False" {
                set(
                    &mut condition,
                    "lastTransitionTime",
                    get(known, "lastTransitionTime").clone(),
                );
            }
            *known = condition;
        }
    }
    set(status, "conditions", conditions);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_gives_what_it_has() {
        let mut budget = json!({
            "metadata": {"name": "b", "generation": 1},
            "status": {"observedGeneration": 1, "disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1},
        });
        take(&mut budget, "p", "now").unwrap();
        assert_eq!(budget["status"]["disruptedPods"], json!({"p": "now"}));
        assert_eq!(budget["status"]["conditions"][0]["reason"], "InsufficientPods");
        let refused = take(&mut budget, "q", "now").unwrap_err();
        assert_eq!(refused.code, 429);
        budget["metadata"]["generation"] = 2.into();
        let unseen = take(&mut budget, "q", "now").unwrap_err();
        assert_eq!(unseen.details.unwrap().retry_after_seconds, Some(10));
    }
}
