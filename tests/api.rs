//! Promises to whoever builds on the API: what may grow is `#[non_exhaustive]`, what can go wrong is an
//! `Error`, and `unsafe` stays where it is named.

use std::{fs, path::Path};

/// Public enums and structs with public fields that are complete as they are, each with its reason.
const COMPLETE: [(&str, &str); 31] = [
    ("Activation", "the specification of the naive twins, for tests"),
    ("AttributeInfo", "the frozen layout of a snapshot"),
    ("Augment", "options that a caller writes out over `NONE`"),
    ("Average", "a count and a sum that a caller may make of its own"),
    ("Contents", "the frozen layout of a snapshot"),
    ("Element", "the six types of the IDX format"),
    ("Huber", "the one number of a loss"),
    ("Leaves", "what a pass reads and writes is borrowed, and its caller writes it out"),
    ("Metrics", "sums that a caller may make of its own"),
    ("Padding", "no padding, TensorFlow's, any other"),
    ("Part", "hidden: what a thread has of the sequences"),
    ("Progress", "the frozen layout of a snapshot"),
    ("ReduceError", "a reducer has one input and one output"),
    ("Rejected", "an item that is given back is taken apart"),
    ("Rescaling", "TensorFlow Lite's two ways"),
    ("Rounding", "rounded once or twice"),
    ("Section", "the frozen layout of a snapshot"),
    ("SectionInfo", "the frozen layout of a snapshot"),
    ("Sizes", "hidden: between the macro and the plan"),
    ("SmoothedBinaryCrossEntropy", "the one number of a loss"),
    ("Space", "what a store of any kind answers"),
    ("Stack", "a store of any kind has two"),
    ("Step", "options that a caller writes out over `new`"),
    ("StoredTensor", "the frozen layout of a snapshot"),
    ("TensorInfo", "the frozen layout of a snapshot"),
    ("Tile", "the two tiles of Winograd's algorithm"),
    ("TopKFull", "what was given and what is needed"),
    ("Training", "the frozen layout of a snapshot"),
    ("WeightedBinaryCrossEntropy", "the two numbers of a loss"),
    ("Weights", "a layer's kernel and bias are taken apart"),
    ("Window", "an interval"),
];

/// Where `unsafe` may be: kernels and vectors, views of tensors, memory on the heap. Whoever reads a file, a stream or
/// a summary has none.
const UNSAFE: [&str; 5] = ["kernels/", "nn/network.rs", "nn/run/memory.rs", "simd/", "tensor.rs"];

/// `(path below src, text)` of every source, sorted.
fn sources() -> Vec<(String, String)> {
    fn collect(directory: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else {
                let name = path.strip_prefix("src").unwrap().to_string_lossy().replace('\\', "/");
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    collect(Path::new("src"), &mut found);
    found.sort();
    found
}

fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

/// `(name, attributes, body)` of public enums, and of public structs with named public fields.
fn open_types(text: &str) -> Vec<(&str, String, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    let mut at = 0;
    for (i, line) in lines.iter().enumerate() {
        let start = at;
        at += line.len() + 1;
        let Some(rest) = line.strip_prefix("pub enum ").or(line.strip_prefix("pub struct ")) else { continue };
        let body = &text[start..];
        let end = if line.ends_with('{') { body.find("\n}").unwrap_or(body.len()) } else { line.len() };
        let open = line.starts_with("pub enum") || body[..end].contains("    pub ");
        if open {
            let before = lines[..i].iter().rev().take_while(|line| line.starts_with(['#', '/']));
            found.push((word(rest), before.copied().collect(), &body[..end]));
        }
    }
    found
}

#[test]
fn what_may_grow_is_non_exhaustive() {
    let sources = sources();
    let (mut open, mut complete, mut wrong) = (0, Vec::new(), Vec::new());
    for (file, text) in &sources {
        for (name, attributes, _) in open_types(text) {
            if attributes.contains("#[non_exhaustive]") {
                open += 1;
            } else {
                // What a kernel reads and writes is borrowed, and its caller writes it out; so are the numbers of an
                // operator in eight bits. Shapes are built.
                let is = |end: &str| text.contains(&format!("pub struct {name}{end}"));
                let is_operand =
                    file.starts_with("kernels/") && is("<'") || file.starts_with("kernels/int8/") && is(" {");
                if !is_operand && !COMPLETE.iter().any(|(complete, _)| *complete == name) {
                    wrong.push(format!("{file}: {name}"));
                }
                complete.push(name);
            }
        }
    }
    assert!(wrong.is_empty(), "open to matches; #[non_exhaustive], or why not:\n{}", wrong.join("\n"));
    assert!(open >= 20, "only {open} found");
    for (name, _) in COMPLETE {
        assert!(complete.contains(&name), "{name} is listed but is not such a type");
    }
}

#[test]
fn every_error_is_an_error() {
    let sources = sources();
    let implemented: Vec<&str> = sources
        .iter()
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| line.strip_prefix("impl"))
        .filter_map(|line| line.split_once("error::Error for "))
        .map(|(_, name)| word(name))
        .collect();
    let mut errors = 0;
    for (file, text) in &sources {
        for name in text
            .lines()
            .filter_map(|line| line.strip_prefix("pub enum ").or(line.strip_prefix("pub struct ")).map(word))
        {
            // A squared error is a loss, and says so.
            let is_loss = text.contains(&format!("ElementLoss for {name} "));
            if name.ends_with("Error") && !is_loss || ["OutOfStore", "Rejected", "TopKFull"].contains(&name) {
                errors += 1;
                assert!(implemented.contains(&name), "{file}: {name} does not implement core::error::Error");
            }
        }
    }
    assert!(errors >= 15, "only {errors} found");
}

#[test]
fn unsafe_stays_in_its_places() {
    let mut found = 0;
    for (file, text) in &sources() {
        if text.contains("allow(unsafe_code") {
            found += 1;
            assert!(UNSAFE.iter().any(|place| file.starts_with(place)), "{file} must not have unsafe code");
        }
    }
    assert!(found >= 10, "only {found} found");
}

#[test]
fn the_reader_of_sources_sees_types() {
    let text = "/// A.\n#[derive(Debug)]\n#[non_exhaustive]\npub enum A {\n    B,\n}\n\npub struct C {\n    d: u8,\n}\n\npub struct E {\n    pub f: u8,\n}\npub struct G(pub u8);\n";
    let found = open_types(text);
    assert_eq!(found.iter().map(|(name, _, _)| *name).collect::<Vec<_>>(), ["A", "E"]);
    assert!(found[0].1.contains("#[non_exhaustive]") && !found[1].1.contains("non_exhaustive"));
    assert!(found[1].2.contains("pub f"));
}
