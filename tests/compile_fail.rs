//! Wrong networks do not compile, and the message names the layer and the sizes.
//!
//! Each file in `tests/compile_fail/` is checked by cargo in a package of its own. A line
//! `//~ text` says what the compiler must print. (Whole messages are not compared: their frame
//! changes from one compiler to the next.)

use std::{env, fs, path::Path, process::Command};

#[test]
fn wrong_networks_do_not_compile() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_fail");
    let sources = package.join("src/bin");
    fs::create_dir_all(&sources).unwrap();
    let manifest = format!(
        "[package]\nname = \"compile_fail\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\nkernlet = {{ path = {root:?}, default-features = false }}\n"
    );
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    fs::copy(root.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    // A right network first: if this fails, the others fail for the wrong reason.
    fs::write(
        sources.join("right.rs"),
        "kernlet::network! { struct Right([8]) { fc1: dense(4) } }\nfn main() { let _ = Right::PARAMETERS; }\n",
    )
    .unwrap();
    let check = |name: &str| {
        let output = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
            .args(["check", "--quiet", "--offline", "--color", "never", "--bin", name])
            .current_dir(&package)
            .env("CARGO_TARGET_DIR", package.join("target"))
            .env_remove("RUSTFLAGS")
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (compiles, said) = check("right");
    assert!(compiles, "a right network does not compile:\n{said}");

    let mut cases = 0;
    for entry in fs::read_dir(root.join("tests/compile_fail")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let source = fs::read_to_string(&path).unwrap();
        fs::write(sources.join(format!("{name}.rs")), &source).unwrap();
        let (compiles, said) = check(name);
        assert!(!compiles, "{name} compiles");
        let expected: Vec<&str> = source.lines().filter_map(|line| line.strip_prefix("//~ ")).collect();
        assert!(!expected.is_empty(), "{name} does not say what to expect");
        for text in expected {
            assert!(said.contains(text), "{name}: expected the compiler to say\n  {text}\nfound\n{said}");
        }
        cases += 1;
    }
    assert!(cases >= 8, "{cases} cases");
}
