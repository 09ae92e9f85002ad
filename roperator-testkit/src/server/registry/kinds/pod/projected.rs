//! What is wrong with projected volumes: files from several sources in one directory. Reads only.
//!
//! Left out: cluster trust bundles and certificates of pods.

use std::collections::BTreeSet;

use super::at::{At, Errors};
use super::{check, files, text};
use crate::server::field::FieldError;

/// What is wrong with a projected volume.
pub fn source(errors: &mut Errors, volume: &At<'_>) {
    files::mode(errors, &volume.child("defaultMode"));
    let mut paths = BTreeSet::new();
    for source in volume.child("sources").items() {
        let mut sources = 0;
        for name in ["secret", "configMap"] {
            if let Some(keys) = source.child(name).set() {
                sources += 1;
                check::required(errors, &keys.child("name"));
                for item in keys.child("items").items() {
                    files::key_to_path(errors, &item);
                    let path = item.text_of("path");
                    once(errors, volume, &mut paths, path, keys.text_of("name"));
                }
            }
        }
        if let Some(downward) = source.child("downwardAPI").set() {
            sources += 1;
            for file in downward.child("items").items() {
                files::downward(errors, &file.shown_at(downward.path.clone()));
                let path = file.text_of("path");
                once(errors, volume, &mut paths, path, path);
            }
        }
        if let Some(given) = source.child("serviceAccountToken").set() {
            sources += 1;
            token(errors, volume, &given);
        }
        let others = ["clusterTrustBundle", "podCertificate"];
        sources += others.iter().filter(|name| source.child(name).is_set()).count();
        if sources > 1 {
            let detail = "may not specify more than 1 volume type per source";
            errors.push(FieldError::forbidden(&source.path, detail));
        }
    }
}

fn once<'a>(errors: &mut Errors, volume: &At<'_>, paths: &mut BTreeSet<&'a str>, path: &'a str, shown: &str) {
    if !path.is_empty() && !paths.insert(path) {
        errors.push(FieldError::invalid(&volume.path, shown, "conflicting duplicate paths"));
    }
}

fn token(errors: &mut Errors, volume: &At<'_>, token: &At<'_>) {
    let expiration = token.child("expirationSeconds");
    let seconds = expiration.number().unwrap_or_default();
    let problem = if seconds < 600 {
        Some("may not specify a duration less than 10 minutes")
    } else if seconds > 1 << 32 {
        Some("may not specify a duration larger than 2^32 seconds")
    } else {
        None
    };
    if let Some(problem) = problem {
        errors.push(FieldError::invalid(&expiration.path, seconds, problem));
    }
    let path = token.child("path").shown_at(volume.path.child("path"));
    check::required_text(errors, &path, text::projected_path);
}
