//! What the documents claim: every test that `docs/security.md` names is there.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace")
}

fn read_all(folder: &Path, sources: &mut Vec<String>) {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    for path in paths {
        if path.is_dir() {
            read_all(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(fs::read_to_string(path).expect("sources are text"));
        }
    }
}

#[test]
fn every_attack_in_the_table_has_its_test() {
    let text = fs::read_to_string(root().join("docs/security.md")).expect("the document is there");
    let table = text.split("the test that tries each").nth(1).expect("the table has its heading").split("\n## ").next().unwrap_or_default();
    let mut sources = Vec::new();
    for folder in ["sync/src", "proxy/src", "proxy/tests", "tests/tests"] {
        read_all(&root().join(folder), &mut sources);
    }
    let mut named = 0;
    for cell in table.lines().filter(|line| line.starts_with('|')).filter_map(|line| line.trim_end_matches([' ', '|']).rsplit('|').next()) {
        for name in cell.split('`').skip(1).step_by(2) {
            let there = match name.contains('/') {
                true => root().join(name).exists(),
                false => sources.iter().any(|source| source.contains(&format!("fn {name}("))),
            };
            assert!(there, "docs/security.md names {name}, which is not there");
            named += 1;
        }
    }
    assert!(named >= 15, "{named}");
}
