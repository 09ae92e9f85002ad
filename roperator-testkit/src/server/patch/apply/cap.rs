//! At most ten managers that update: the oldest are put together as `ancient-changes`. Data in and out: managers.

use std::collections::BTreeMap;

use super::managers::{ManagerKey, Managers, Operation};

const MOST: usize = 10;
const BUCKET: &str = "ancient-changes";

impl Managers {
    /// Puts the oldest updates together until there are few enough. Updates in different versions stay apart.
    pub(super) fn cap_updates(&mut self) {
        let mut updates: Vec<ManagerKey> = self
            .0
            .keys()
            .filter(|key| key.operation == Operation::Update)
            .cloned()
            .collect();
        if updates.len() <= MOST {
            return;
        }
        updates.sort_by_cached_key(|key| {
            let time = self.0.get(key).and_then(|managed| managed.time.clone());
            (time.unwrap_or_default(), key.identity())
        });
        let mut count = updates.len();
        let mut oldest: BTreeMap<String, ManagerKey> = BTreeMap::new();
        for key in updates {
            if count <= MOST {
                return;
            }
            let Some(version) = self.0.get(&key).map(|managed| managed.api_version.clone()) else {
                continue;
            };
            match oldest.get(&version) {
                None => {
                    oldest.insert(version, key);
                }
                Some(first) => {
                    let bucket = ManagerKey::new(BUCKET, Operation::Update, &version, "");
                    self.pour(&first.clone(), &key, bucket);
                    count -= 1;
                }
            }
        }
    }

    /// Puts an update into the bucket; the oldest of all becomes the bucket if there is none.
    fn pour(&mut self, first: &ManagerKey, key: &ManagerKey, bucket: ManagerKey) {
        if !self.0.contains_key(&bucket)
            && let Some(managed) = self.0.remove(first)
        {
            self.0.insert(bucket.clone(), managed);
        }
        let Some(poured) = self.0.get(key).cloned() else {
            return;
        };
        if *key != bucket {
            self.0.remove(key);
        }
        if let Some(managed) = self.0.get_mut(&bucket) {
            managed.set = poured.set.union(&managed.set);
            managed.time = poured.time;
        }
    }
}
