//! Holds the house in shape: length of files and functions, what each file begins with, and the direction of imports.
//! There is no list of exceptions.

use std::{
    fs,
    path::{Path, PathBuf},
};

use syn::{spanned::Spanned, visit::Visit};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// What a crate or room must not name, and why.
const FORBIDDEN: &[(&str, &[&str], &str)] = &[
    ("migrations/src", &["peergres_sync", "peergres::"], "migrations stands below sync"),
    ("sync/src", &["peergres::", "sqlparser", "pgwire"], "sync knows nothing of PostgreSQL's wire or dialect"),
    ("proxy/src", &["axum::", "reqwest::", "ed25519_dalek"], "proxy knows nothing of keys or HTTP"),
    ("sync/src/merge", &["rusqlite", "std::time", "chrono::", "crate::store", "crate::apply", "crate::api"], "merge is pure"),
    ("proxy/src/parse", &["crate::bind", "crate::rewrite", "crate::execute", "rusqlite"], "a stage knows only those before it"),
    ("proxy/src/bind", &["crate::execute::run", "crate::encode", "crate::define"], "bind is pure"),
    ("proxy/src/types", &["crate::bind", "crate::rewrite", "crate::parse"], "types are vocabulary"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace holds this crate").to_owned()
}

fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = ["proxy", "sync", "migrations", "tests", "examples"].iter().map(|c| root().join(c)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the workspace can be read") {
            let path = entry.expect("an entry can be read").path();
            if path.is_dir() {
                if !path.ends_with("target") && !path.ends_with("node_modules") && !path.ends_with(".venv") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root()).expect("below the root").display().to_string();
                files.push((name, fs::read_to_string(&path).expect("a source is text")));
            }
        }
    }
    assert!(files.len() > 20, "the sources were not found");
    files.sort();
    files
}

fn report(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut faults = Vec::new();
    for (name, text) in sources() {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            faults.push(format!("{name}: {lines} lines; {FILE_LINES_MAX} are the most: give a part of it a file of its own"));
        }
        if !text.starts_with("//!") {
            faults.push(format!("{name}: does not open with //! saying what it does"));
        }
        if ["util", "utils", "helper", "helpers", "misc", "common"].iter().any(|n| name.ends_with(&format!("/{n}.rs"))) {
            faults.push(format!("{name}: a name that says nothing"));
        }
    }
    report(faults);
}

struct Functions<'a> {
    file: &'a str,
    faults: Vec<String>,
}

impl Functions<'_> {
    fn measure(&mut self, name: &syn::Ident, block: &syn::Block) {
        let lines = block.span().end().line - block.span().start().line + 1;
        if lines > FUNCTION_LINES_MAX {
            self.faults.push(format!("{}: fn {name} has {lines} lines; {FUNCTION_LINES_MAX} are the most", self.file));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig.ident, &item.block);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig.ident, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }
}

#[test]
fn functions_are_short() {
    let mut faults = Vec::new();
    for (name, text) in sources() {
        let file = syn::parse_file(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut functions = Functions { file: &name, faults: Vec::new() };
        functions.visit_file(&file);
        faults.append(&mut functions.faults);
    }
    report(faults);
}

/// The paths that a file's `use` items bring in, each written out: `use crate::{bind, types::oid}` names two.
#[derive(Default)]
struct Imports {
    paths: Vec<(usize, String)>,
}

impl Imports {
    fn flatten(&mut self, line: usize, prefix: &str, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => self.flatten(line, &format!("{prefix}{}::", path.ident), &path.tree),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.flatten(line, prefix, item)),
            syn::UseTree::Name(name) => self.paths.push((line, format!("{prefix}{}", name.ident))),
            syn::UseTree::Rename(rename) => self.paths.push((line, format!("{prefix}{}", rename.ident))),
            syn::UseTree::Glob(_) => self.paths.push((line, format!("{prefix}*"))),
        }
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.flatten(item.span().start().line, "", &item.tree);
    }
}

#[test]
fn imports_run_one_way() {
    let mut faults = Vec::new();
    for (name, text) in sources() {
        let Some(file) = FORBIDDEN.iter().any(|(place, ..)| name.starts_with(place)).then(|| syn::parse_file(&text).expect("it compiles"))
        else {
            continue;
        };
        let mut imports = Imports::default();
        imports.visit_file(&file);
        let code = text.lines().map(str::to_owned).enumerate().map(|(at, line)| (at + 1, line));
        let code = code.filter(|(_, line)| !line.trim_start().starts_with("//"));
        let named: Vec<(usize, String)> = code.chain(imports.paths).collect();
        for (_, words, why) in FORBIDDEN.iter().filter(|(place, ..)| name.starts_with(place)) {
            for (line, word) in named.iter().flat_map(|(line, text)| words.iter().filter(|w| text.contains(**w)).map(move |w| (line, w))) {
                faults.push(format!("{name}:{line}: names {word}: {why}"));
            }
        }
    }
    report(faults);
}

#[test]
fn unsafe_stands_in_one_room_per_crate() {
    let allowed = ["sync/src/store/ffi.rs", "proxy/src/ffi.rs"];
    let faults = sources()
        .iter()
        .filter(|(name, text)| !allowed.contains(&name.as_str()) && text.contains(concat!("allow(", "unsafe_code")))
        .map(|(name, _)| format!("{name}: unsafe code outside {}", allowed.join(" and ")))
        .collect();
    report(faults);
}
