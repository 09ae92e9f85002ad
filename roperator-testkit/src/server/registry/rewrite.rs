//! Changes that the server makes by itself, or that a request asks for in other words than those of the object: a change in,
//! the object as it was written out. It is made anew as often as the object changes meanwhile.

use serde_json::Value;

use super::{
    Registry,
    codec::{decode, encode},
    managed,
    object::set_meta,
    resource::Resource,
    write::is_due,
};
use crate::server::{clock::seconds, patch::apply::Author, status::ApiError, store::Revision};

impl Registry {
    /// Changes an object in the server's own name; the object and its revision afterwards, or `None` if it is gone.
    pub(super) fn rewrite(
        &self,
        resource: &Resource,
        key: &str,
        change: impl Fn(&mut Value),
    ) -> Option<(Value, Revision)> {
        let owned = |object: &mut Value| {
            let before = object.clone();
            change(object);
            self.own_as_server(resource, &before, object);
            Ok(())
        };
        self.alter(resource, key, false, &owned).ok().flatten()
    }

    /// Changes an object without anybody's owning what is new; the object and its revision afterwards, or `None` if it is
    /// gone.
    ///
    /// # Errors
    ///
    /// The refusal of the change.
    pub(super) fn alter(
        &self,
        resource: &Resource,
        key: &str,
        dry_run: bool,
        change: &dyn Fn(&mut Value) -> Result<(), ApiError>,
    ) -> Result<Option<(Value, Revision)>, ApiError> {
        let place = resource.place();
        loop {
            let Some(live) = self.store.get(&place, key) else {
                return Ok(None);
            };
            let old = decode(resource, &live)?;
            let mut new = old.clone();
            change(&mut new)?;
            if new == old || dry_run {
                return Ok(Some((new, live.revision)));
            }
            if is_due(resource, &new, &old) {
                match self.remove(resource, &live, new)? {
                    Some(_) => return Ok(None),
                    None => continue,
                }
            }
            let content = encode(resource, new.clone())?;
            if let Ok(stored) = self.store.put(&place, key, Some(live.revision), content) {
                set_meta(&mut new, "resourceVersion", &stored.revision.to_string());
                return Ok(Some((new, stored.revision)));
            }
        }
    }

    /// Notes what of the status the server itself changed.
    pub(super) fn own_as_server(&self, resource: &Resource, old: &Value, new: &mut Value) {
        if new == old {
            return;
        }
        let now = seconds(self.clock.now());
        managed::of(resource, "status", |fields| {
            let author = Author {
                manager: "kube-apiserver",
                now: &now,
            };
            fields.own_update(Some(old), new, author);
        });
    }
}
