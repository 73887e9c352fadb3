//! The modules import one way: each only from those listed above it in `lib.rs`.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The module table of `lib.rs`, top-down.
fn order() -> Vec<String> {
    let lib = fs::read_to_string("src/lib.rs").unwrap();
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | [`"));
    rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned())).collect()
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
                wrong.push(format!("{}:{line}: {module} imports {name}, which is below it", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_sources_sees_imports() {
    let source = "use crate::simd::Level;\nuse crate::{\n    shape::{Dims, nn}, math,\n};\n//! [x](crate::nn)\ncrate::optim::f();\n";
    let seen: Vec<String> = imports(source).into_iter().map(|(line, name)| format!("{line} {name}")).collect();
    assert_eq!(seen, ["1 simd", "2 shape", "2 math", "2 ", "6 optim"]);
}
