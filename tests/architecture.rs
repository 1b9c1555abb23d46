//! The layer rule: a room imports lower layers only, never a sibling.

use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// The rooms of each layer, lowest first. Rooms of one layer are siblings.
const LAYERS: &[&[&str]] = &[
    &["id", "error", "digest", "types", "panics", "parcel", "cache", "wheel"],
    &["mailbox", "statechart", "store"],
    &["registry"],
    &["actor"],
    &["charted"],
    &["world"],
    &["supervision", "keyed"],
    &["systems"],
    &["border"],
    &["throng"],
    &["plugin", "testkit"],
    &["prelude", "lib"],
];

/// Edges that break the rule and are allowed, each with its reason.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("error", "id", "the registration error names the limit that `id` sets"),
    ("error", "statechart", "the registration error carries what is wrong with a chart"),
    ("plugin", "throng", "the plugin is a way to drive a throng; both are the top"),
];

fn layer(room: &str) -> Option<usize> {
    LAYERS.iter().position(|rooms| rooms.contains(&room))
}

/// The rooms that a file names with `crate::`, in imports and in paths.
#[derive(Default)]
struct Rooms(Vec<String>);

impl Rooms {
    fn tree(&mut self, tree: &syn::UseTree, in_crate: bool) {
        match tree {
            syn::UseTree::Path(path) if in_crate => self.0.push(path.ident.to_string()),
            syn::UseTree::Path(path) if path.ident == "crate" => self.tree(&path.tree, true),
            syn::UseTree::Name(name) if in_crate => self.0.push(name.ident.to_string()),
            syn::UseTree::Rename(name) if in_crate => self.0.push(name.ident.to_string()),
            syn::UseTree::Glob(_) if in_crate => self.0.push("*".to_owned()),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.tree(tree, in_crate));
            }
            _ => {}
        }
    }
}

impl Visit<'_> for Rooms {
    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        self.tree(&item.tree, false);
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let mut segments = path.segments.iter();
        if segments.next().is_some_and(|first| first.ident == "crate")
            && let Some(room) = segments.next()
        {
            self.0.push(room.ident.to_string());
        }
        syn::visit::visit_path(self, path);
    }

    /// Tests may use what they like.
    fn visit_item_mod(&mut self, item: &syn::ItemMod) {
        if item.ident != "tests" {
            syn::visit::visit_item_mod(self, item);
        }
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("the sources can be listed").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

/// The room of a file: the folder or the file right under `src`.
fn room(source: &Path, file: &Path) -> String {
    let first = file.strip_prefix(source).expect("it is under src").iter().next();
    let name = first.expect("it has a name").to_string_lossy();
    name.trim_end_matches(".rs").to_owned()
}

#[test]
fn rooms_import_lower_layers_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&source, &mut found);
    found.sort();
    assert!(found.len() > 20, "the sources were found");
    let mut wrong = Vec::new();
    let mut used = vec![false; ALLOWED.len()];
    for file in found {
        let from = room(&source, &file);
        let Some(mine) = layer(&from) else {
            wrong.push(format!("room `{from}` has no layer: add it to LAYERS"));
            continue;
        };
        let text = fs::read_to_string(&file).expect("the source can be read");
        let mut rooms = Rooms::default();
        rooms.visit_file(&syn::parse_file(&text).expect("the source parses"));
        for to in rooms.0 {
            if to == from {
                continue;
            }
            if let Some(at) = ALLOWED.iter().position(|(a, b, _)| *a == from && *b == to) {
                used[at] = true;
                continue;
            }
            // What is no room is a name of the crate's root, which is the top layer.
            let theirs = layer(&to).unwrap_or(LAYERS.len() - 1);
            let top = LAYERS.len() - 1;
            let fine = theirs < mine || (mine == top && layer(&to).is_none());
            if !fine {
                let file = file.strip_prefix(&source).unwrap_or(&file).display();
                wrong.push(format!("{file}: `{from}` imports `crate::{to}`"));
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    for ((from, to, _), _) in ALLOWED.iter().zip(used).filter(|(_, used)| !used) {
        wrong.push(format!("the allowed edge `{from}` -> `{to}` is gone: strike it out"));
    }
    assert!(wrong.is_empty(), "the layer rule is broken:\n{}", wrong.join("\n"));
}
