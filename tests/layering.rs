//! The modules import one way: each only from those listed below it in `lib.rs`.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The module table of `lib.rs`, from the ground up.
fn order() -> Vec<String> {
    let lib = fs::read_to_string("src/lib.rs").unwrap();
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | [`"));
    let mut order: Vec<String> = rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned())).collect();
    order.reverse();
    order
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// What stands between the braces that `text` begins with, cut at its outermost commas.
fn list(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 1, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            ',' if depth == 1 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            '}' if depth == 1 => {
                parts.push(&text[start..at]);
                break;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    parts
}

/// The modules that a source names after `crate::`, with their lines. Documentation may point anywhere.
fn imports(source: &str) -> Vec<(usize, String)> {
    let code: Vec<&str> = source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::").filter(|&(at, _)| !code[..at].ends_with('$')) {
        let line = 1 + code[..at].matches('\n').count();
        let rest = &code[at + "crate::".len()..];
        let paths = if rest.starts_with('{') { list(rest) } else { vec![rest] };
        for path in paths {
            let name: String = path.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.push((line, name));
        }
    }
    found
}

#[test]
fn no_module_imports_upwards() {
    let order = order();
    let rank = |module: &str| order.iter().position(|name| name == module);
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let module = file.strip_prefix("src").unwrap().components().next().unwrap().as_os_str().to_str().unwrap();
        let module = module.trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let Some(own) = rank(module) else {
            wrong.push(format!("{}: module {module} is not in the table of src/lib.rs", file.display()));
            continue;
        };
        for (line, name) in imports(&fs::read_to_string(&file).unwrap()) {
            if rank(&name).is_some_and(|imported| imported > own) {
                wrong.push(format!("{}:{line}: {module} imports {name}, which is above it", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rows of the table in a module's documentation, top-down, each with its modules.
fn rows(module: &Path) -> Vec<Vec<String>> {
    let source = fs::read_to_string(module.join("mod.rs")).unwrap();
    let rows = source.lines().filter_map(|line| line.strip_prefix("//! | `"));
    rows.map(|row| {
        let names = row.split('|').next().unwrap();
        names.split(',').map(|name| name.trim().trim_matches('`').to_owned()).collect()
    })
    .collect()
}

/// The siblings that a file of a module names, by `super::` or by the module's own path, with their lines.
fn siblings(source: &str, depth: usize, path: &str) -> Vec<(usize, String)> {
    let code: Vec<&str> = source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let up = "super::".repeat(depth);
    let mut found = Vec::new();
    for prefix in [&*up, path] {
        for (at, _) in code.match_indices(prefix).filter(|&(at, _)| !code[..at].ends_with("super::")) {
            let line = 1 + code[..at].matches('\n').count();
            let rest = &code[at + prefix.len()..];
            let paths = if rest.starts_with('{') { list(rest) } else { vec![rest] };
            for path in paths {
                let name: String = path.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                found.push((line, name));
            }
        }
    }
    // `use crate::{kernels::{…}}`
    let head = path.trim_start_matches("crate::").trim_end_matches("::");
    for (at, _) in code.match_indices("use crate::{") {
        for path in list(&code[at + "use crate::".len()..]) {
            let Some(rest) = path.trim().strip_prefix(head).and_then(|rest| rest.strip_prefix("::")) else { continue };
            for path in if rest.starts_with('{') { list(rest) } else { vec![rest] } {
                let name: String = path.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                found.push((1 + code[..at].matches('\n').count(), name));
            }
        }
    }
    found
}

/// Inside `nn` and the kernels each module imports only from the rows above its own: what several operations share lies
/// above them, and no operation imports another.
#[test]
fn rooms_import_from_those_above_them() {
    for parent in ["kernels", "nn"] {
        let root = Path::new("src").join(parent);
        let path = format!("crate::{parent}::");
        let rows = rows(&root);
        let rank = |room: &str| rows.iter().position(|row| row.iter().any(|name| name == room));
        let mut files = Vec::new();
        sources(&root, &mut files);
        let mut wrong = Vec::new();
        let mut seen = 0;
        for file in files {
            let inside: Vec<&str> =
                file.strip_prefix(&root).unwrap().iter().map(|part| part.to_str().unwrap()).collect();
            let room = inside[0].trim_end_matches(".rs");
            if room == "mod" {
                continue;
            }
            let Some(own) = rank(room) else {
                wrong.push(format!("{}: {room} is not in the table of {}/mod.rs", file.display(), root.display()));
                continue;
            };
            // From `kernels/a.rs` or `kernels/a/mod.rs` the siblings are one step up.
            let depth = inside.iter().filter(|part| **part != "mod.rs").count();
            for (line, name) in siblings(&fs::read_to_string(&file).unwrap(), depth, &path) {
                let Some(imported) = rank(&name) else { continue };
                seen += 1;
                if name != room && imported >= own {
                    wrong.push(format!("{}:{line}: {room} imports {name}, which is not above it", file.display()));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(seen > 20, "only {seen} imports were seen in {}", root.display());
    }
}

/// A kind of layer is named in its room and in the macro: whatever else reads a network reads specifications.
#[test]
fn kinds_of_layers_are_named_in_their_rooms() {
    let table = fs::read_to_string("src/nn/layers/mod.rs").unwrap();
    let table = table.split_once("const KINDS: &[&str] = &[").unwrap().1.split_once(']').unwrap().0;
    let kinds: Vec<&str> = table.split('"').skip(1).step_by(2).collect();
    assert!(kinds.len() > 20, "only {kinds:?}");
    let mut files = Vec::new();
    sources(Path::new("src/nn"), &mut files);
    files.retain(|file| !file.starts_with("src/nn/layers") && !file.ends_with("declare/macros.rs"));
    for file in files {
        let source = fs::read_to_string(&file).unwrap();
        // Unit tests declare networks.
        let code = source.split("#[cfg(test)]\nmod ").next().unwrap();
        for (at, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            let named = kinds.iter().find(|kind| line.contains(&format!("\"{kind}\"")));
            let room = line
                .match_indices("layers::")
                .find(|(at, found)| line[at + found.len()..].starts_with(char::is_uppercase));
            assert!(
                named.is_none() && room.is_none(),
                "{}:{}: a kind of layer outside its room: {}",
                file.display(),
                at + 1,
                line.trim()
            );
        }
    }
}

#[test]
fn the_reader_of_sources_sees_siblings() {
    let source = "use super::super::{tile, ShapeError};\nuse crate::{\n    kernels::{map, dense::{a, b}},\n    simd,\n};\nuse crate::kernels::loss::f;\nsuper::own();";
    let seen = siblings(source, 2, "crate::kernels::");
    let names: Vec<&str> = seen.iter().map(|(_, name)| &**name).filter(|name| !name.is_empty()).collect();
    assert_eq!(names, ["tile", "ShapeError", "loss", "map", "dense"]);
}

#[test]
fn the_reader_of_sources_sees_imports() {
    let source = "use crate::simd::Level;\nuse crate::{\n    shape::{Dims, nn}, math,\n};\n//! [x](crate::nn)\ncrate::optim::f();\n";
    let seen: Vec<String> = imports(source).into_iter().map(|(line, name)| format!("{line} {name}")).collect();
    assert_eq!(seen, ["1 simd", "2 shape", "2 math", "2 ", "6 optim"]);
}
