//! The example `mnist` as its users meet it: short runs, and everything that can be wrong with what it is given.
#![cfg(all(feature = "std", feature = "counting"))]

mod example;

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use kernlet::simd::{InstructionSet, Level, Rounding};
use serde_json::Value;

/// The example, built as this test was.
fn program() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| example::program("mnist"))
}

fn mnist(args: &[&str]) -> Output {
    Command::new(program()).args(args).output().unwrap()
}

/// A run that must succeed: what it printed.
fn succeed(args: &[&str]) -> String {
    let output = mnist(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A run that must fail: one line on standard error, and no success.
fn fail(args: &[&str]) -> String {
    let output = mnist(args);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(matches!(output.status.code(), Some(1 | 2)), "{args:?}: {:?} {message}", output.status);
    assert!(message.starts_with("error: "), "{args:?}: {message}");
    assert_eq!(message.trim_end().lines().count(), 1, "{args:?}: {message}");
    assert!(!message.contains("panicked"), "{args:?}: {message}");
    message
}

fn fingerprint(args: &[&str]) -> String {
    let printed = succeed(args);
    let line = printed.lines().find_map(|line| line.strip_prefix("Parameters fingerprint: ")).unwrap();
    assert!(line.len() == 16 && line.chars().all(|c| c.is_ascii_hexdigit()), "{line}");
    line.to_owned()
}

/// Options that name a file to be written.
const WRITTEN: &[&str] = if cfg!(feature = "int8") {
    &["--save", "--json", "--report", "--quantize"]
} else {
    &["--save", "--json", "--report"]
};

const FILES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// The unpacked bytes of a bundled file, with the first `count` records alone.
fn first(name: &str, count: u32) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/data/{name}.gz"));
    let mut bytes = Vec::new();
    GzDecoder::new(fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    let (header, record) = if name.contains("images") { (16, 784) } else { (8, 1) };
    bytes[4..8].copy_from_slice(&count.to_be_bytes());
    bytes.truncate(header + count as usize * record);
    bytes
}

/// A folder with 60 training and 40 test digits, not gzipped.
struct Small(tempfile::TempDir);

impl Small {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for name in FILES {
            fs::write(folder.join(name), first(name, if name.starts_with("train") { 60 } else { 40 })).unwrap();
        }
        folder
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.join(name).to_str().unwrap().to_owned()
    }

    /// Options for this folder, with batches that do not divide an epoch, then `more`.
    fn options<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let mut options = vec!["--data", self.0.path().to_str().unwrap(), "--batch", "16"];
        options.extend(more);
        options
    }
}

#[test]
fn a_run_prints_what_it_did_and_no_bar_codes() {
    let folder = Small::new();
    let output = mnist(&folder.options(&["--epochs", "2"]));
    assert!(output.status.success());
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(!printed.contains(['\r', '\x1b', '\x08']), "{printed}");
    for part in [
        "60 training images, 40 test images",
        "conv1 (conv2d)           26×26×32          320        1,280",
        "1,199,882    4,799,528",
        "epoch  1/2  loss ",
        "epoch  2/2  loss ",
        "\nTest loss: ",
        "\nTest accuracy: ",
        "\nParameters fingerprint: ",
    ] {
        assert!(printed.contains(part), "{part} is not in\n{printed}");
    }
}

#[test]
fn gzipped_files_are_the_same_files() {
    let (plain, packed) = (Small::new(), Small::new());
    for name in FILES {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&fs::read(packed.join(name)).unwrap()).unwrap();
        fs::write(packed.join(&format!("{name}.gz")), encoder.finish().unwrap()).unwrap();
        fs::remove_file(packed.join(name)).unwrap();
    }
    let steps = ["--steps", "2"];
    assert_eq!(fingerprint(&plain.options(&steps)), fingerprint(&packed.options(&steps)));
}

#[test]
fn it_learns_until_the_loss_is_reached() {
    let folder = Small::new();
    let json = folder.text("figures.json");
    let printed =
        succeed(&folder.options(&["--optimizer", "adam", "--epochs", "60", "--target-loss", "0.2", "--json", &json]));
    assert!(printed.contains("The training loss is at most 0.2: done."), "{printed}");
    let figures: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let epochs = figures["epochs"].as_array().unwrap();
    let loss = |epoch: &Value| epoch["loss"].as_f64().unwrap();
    assert!(epochs.len() < 60 && loss(epochs.last().unwrap()) <= 0.2);
    assert!(epochs[..epochs.len() - 1].iter().all(|epoch| loss(epoch) > 0.2));
}

#[test]
fn every_optimizer_runs_and_differs() {
    let folder = Small::new();
    let names = ["adadelta", "adagrad", "adam", "adamw", "rmsprop", "sgd", "momentum"];
    let mut seen: Vec<String> =
        names.iter().map(|name| fingerprint(&folder.options(&["--steps", "3", "--optimizer", name]))).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), names.len());
}

#[test]
fn seed_augmentation_and_rate_change_the_result_and_nothing_else_does() {
    let folder = Small::new();
    let run = |more: &[&str]| fingerprint(&folder.options(&[&["--steps", "5"], more].concat()));
    let plain = run(&[]);
    assert_eq!(plain, run(&["--seed", "1"]));
    assert_eq!(plain, run(&["--lr", "1.0", "--optimizer", "adadelta"]));
    assert_eq!(plain, run(&["--threads", "1"]));
    assert_eq!(plain, run(&["--augment=off"]));
    assert_eq!(plain, run(&["--threads", "3"]));
    assert_ne!(plain, run(&["--seed", "2"]));
    assert_ne!(plain, run(&["--lr", "0.5"]));
    let augmented = run(&["--augment", "--threads", "1"]);
    assert_ne!(plain, augmented);
    assert_eq!(augmented, run(&["--augment", "--threads", "3"]));
}

/// How many threads there may be; a build without rayon has one.
const THREADS: &[&str] = if cfg!(feature = "rayon") { &["1", "2", "3"] } else { &["1"] };

/// Law 3: for one rounding, every instruction set and number of threads gives the same bits.
#[test]
fn the_bits_depend_on_the_rounding_alone() {
    let folder = Small::new();
    for rounding in [Rounding::Strict, Rounding::Fused] {
        let mut seen: Vec<(String, String)> = Vec::new();
        for isa in InstructionSet::ALL.into_iter().filter(|&isa| Level::new(isa, rounding).is_some()) {
            for &threads in THREADS {
                let (level, rounding) = (isa.name(), rounding.name());
                let more = ["--steps", "4", "--level", level, "--rounding", rounding, "--threads", threads];
                seen.push((format!("{level}, {threads} threads"), fingerprint(&folder.options(&more))));
            }
        }
        assert!(seen.iter().all(|(_, bits)| bits == &seen[0].1), "{rounding}: {seen:?}");
    }
}

/// Gradients as a MapReduce: the sum is a tree over groups of images, not over shards.
#[test]
fn shards_and_threads_do_not_change_the_bits() {
    let folder = Small::new();
    // All 60 images, in groups of 16, 16, 16 and 12.
    let whole = ["--data", folder.0.path().to_str().unwrap(), "--batch", "60", "--steps", "4"];
    let run = |shards: &str, threads: &str, more: &[&str]| {
        fingerprint(&[&whole[..], &["--map-reduce", shards, "--threads", threads], more].concat())
    };
    let one = run("1", "1", &[]);
    for (shards, threads) in [("1", "2"), ("2", "2"), ("3", "1"), ("4", "3"), ("7", "2")] {
        assert_eq!(run(shards, threads, &[]), one, "{shards} shards on {threads} threads");
    }
    assert_ne!(run("2", "2", &["--seed", "2"]), one);
    assert_ne!(fingerprint(&whole), one, "another sum, other bits");
    assert!(fail(&["--map-reduce", "0"]).contains("expected a whole number from 1 to 256"));
    // It is the same gradient but for its rounding. Without the right noise or the right share for
    // each group, the losses of later steps would differ in their second digit.
    let loss = |more: &[&str]| {
        let path = folder.text("figures.json");
        succeed(&[&whole[..], &["--json", &path], more].concat());
        let figures: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let epochs = figures["epochs"].as_array().unwrap();
        epochs.iter().map(|epoch| epoch["loss"].as_f64().unwrap()).collect::<Vec<_>>()
    };
    let (plain, reduced) = (loss(&[]), loss(&["--map-reduce", "2"]));
    assert_eq!(plain.len(), 4);
    for (plain, reduced) in plain.iter().zip(&reduced) {
        assert!((plain - reduced).abs() <= 1e-5 * plain, "{plain} {reduced}");
    }
}

#[test]
fn a_resumed_run_ends_as_an_uninterrupted_one() {
    let folder = Small::new();
    let model = folder.text("model.knl");
    // 60 images in batches of 16 are four steps, so these stop within an epoch and at its end.
    for (optimizer, stop) in [("adadelta", "6"), ("adam", "8"), ("momentum", "1"), ("sgd", "7")] {
        let whole =
            fingerprint(&folder.options(&["--optimizer", optimizer, "--augment", "--seed", "9", "--steps", "11"]));
        let begin = ["--optimizer", optimizer, "--augment", "--seed", "9", "--steps", stop, "--save", &model];
        assert_ne!(fingerprint(&folder.options(&begin)), whole);
        let go_on = ["--optimizer", optimizer, "--augment", "--steps", "11", "--resume", &model];
        assert_eq!(fingerprint(&folder.options(&go_on)), whole, "{optimizer}, stopped at {stop}");
    }
    // The last file is of sgd, seed 9, step 7.
    assert!(fail(&folder.options(&["--resume", &model])).contains("of another optimizer: sgd"));
    let other_seed = ["--optimizer", "sgd", "--seed", "8", "--resume", &model];
    assert!(fail(&folder.options(&other_seed)).contains("trained with seed 9"));
    // Nothing left to do is said, and the parameters are those of the file.
    let done = ["--optimizer", "sgd", "--steps", "7", "--resume", &model];
    let saved = fingerprint(&folder.options(&["--optimizer", "sgd", "--augment", "--seed", "9", "--steps", "7"]));
    assert_eq!(fingerprint(&folder.options(&done)), saved);
    let nothing = "\nNothing left to learn: 1 epoch and 7 steps are done, --epochs or --steps asks for no more.\n";
    for asked in [["--steps", "7"], ["--epochs", "1"]] {
        let printed = succeed(&folder.options(&[&asked[..], &["--optimizer", "sgd", "--resume", &model]].concat()));
        assert!(printed.contains(nothing), "{printed}");
    }
    let more = succeed(&folder.options(&["--optimizer", "sgd", "--steps", "8", "--resume", &model]));
    assert!(!more.contains("Nothing left"), "{more}");
}

#[test]
fn a_wrong_model_file_is_an_error() {
    let folder = Small::new();
    let model = folder.text("model.knl");
    succeed(&folder.options(&["--steps", "1", "--save", &model]));
    let good = fs::read(&model).unwrap();
    let resume = |bytes: &[u8]| {
        fs::write(&model, bytes).unwrap();
        let message = fail(&folder.options(&["--resume", &model]));
        assert!(message.contains(&model), "{message}");
        message
    };
    assert!(resume(b"").contains("cut off"));
    assert!(resume(&good[..good.len() - 1]).contains("cut off: expected "));
    assert!(resume(&good[4..]).contains("not a kernlet snapshot"));
    let mut damaged = good.clone();
    damaged[good.len() / 2] ^= 4;
    assert!(resume(&damaged).contains("numbers are damaged"));
    let foreign = include_bytes!("data/snapshot_v2.knl");
    assert!(resume(foreign).contains("another number of tensors: expected 8, found 2"));
    assert!(fail(&folder.options(&["--resume", &folder.text("none.knl")])).contains("none.knl: "));
}

#[test]
fn the_figures_are_written_as_json() {
    let folder = Small::new();
    let path = folder.text("figures.json");
    let printed = succeed(&folder.options(&["--epochs", "2", "--threads", "2", "--json", &path]));
    let figures: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (key, decimals) in [("test_loss", "Test loss: "), ("test_accuracy", "Test accuracy: ")] {
        let line = format!("{decimals}{:.4}", figures[key].as_f64().unwrap());
        assert!(printed.contains(&line), "{line}\n{printed}");
    }
    let bits = figures["fingerprint"].as_str().unwrap();
    assert!(printed.contains(&format!("Parameters fingerprint: {bits}")));
    assert!(figures["step_ms_median"].as_f64().unwrap() > 0.0);
    assert!(figures["images_per_second"].as_f64().unwrap() > 0.0);
    assert_eq!(figures["level"], Level::detect().instruction_set().name());
    assert_eq!(figures["rounding"], Level::detect().rounding().name());
    assert_eq!(figures["threads"], if cfg!(feature = "rayon") { 2 } else { 1 });
    assert_eq!(figures["seed"], 1);
    assert_eq!(figures["parameters"], 1_199_882);
    let epochs = figures["epochs"].as_array().unwrap();
    assert_eq!(epochs.len(), 2);
    assert_eq!(figures["map_reduce"], Value::Null);
    for key in ["loss", "accuracy", "validation_loss", "validation_accuracy", "seconds"] {
        assert!(epochs.iter().all(|epoch| epoch[key].is_f64()), "{key}");
    }
}

#[test]
fn the_report_stands_by_itself() {
    let folder = Small::new();
    let path = folder.text("report.html");
    succeed(&folder.options(&["--epochs", "2", "--report", &path]));
    let page = fs::read_to_string(&path).unwrap();
    for part in ["Loss", "Accuracy", "What was taken for what", "Most wrong", "First-layer filters", "What it looks at"]
    {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.ends_with("</html>\n"));
    assert_eq!(page.matches(r#"class="filter""#).count(), 32);
    assert!(page.contains("<polyline"));
    for outside in ["http://", "https://", "<script", "<link", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.matches("src=").count() == page.matches("src=\"data:image/png;base64,").count());
}

#[test]
fn each_bad_data_file_is_named_with_what_is_wrong() {
    let [images, labels, test_images, _] = FILES;
    let with = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let folder = Small::new();
        let mut bytes = fs::read(folder.join(name)).unwrap();
        change(&mut bytes);
        fs::write(folder.join(name), bytes).unwrap();
        let message = fail(&folder.options(&[]));
        assert!(message.contains(&folder.text(name)), "{message}");
        message
    };
    assert!(with(images, &|bytes| bytes.clear()).contains("cut off: expected 4 bytes, found 0"));
    assert!(with(images, &|bytes| bytes.truncate(1000)).contains("cut off: expected 47056 bytes, found 1000"));
    assert!(with(images, &|bytes| bytes.push(0)).contains("too long: expected 47056 bytes, found 47057"));
    assert!(with(images, &|bytes| bytes[0] = 1).contains("not an IDX file"));
    assert!(with(images, &|bytes| bytes[2] = 0x0D).contains("cut off: expected 188176 bytes"));
    assert!(with(images, &|bytes| bytes[2] = 0x77).contains("unknown IDX element type 0x77"));
    assert!(with(labels, &|bytes| *bytes = first(labels, 59)).contains("60 images, but 59 labels"));
    assert!(with(labels, &|bytes| bytes[8 + 17] = 10).contains("label 17 is 10, expected less than 10"));
    assert!(with(labels, &|bytes| *bytes = first(images, 60)).contains("3 axes, expected 1"));
    assert!(with(test_images, &|bytes| *bytes = first(labels, 40)).contains("1 axes, expected 3"));
    assert!(
        with(images, &|bytes| bytes[8..16].copy_from_slice(&[0, 0, 0, 14, 0, 0, 0, 56])).contains("images are 14 × 56")
    );
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&first(images, 60)).unwrap();
    let packed = encoder.finish().unwrap();
    assert!(with(images, &|bytes| *bytes = packed[..packed.len() / 2].to_vec()).contains("broken gzip file"));

    let folder = Small::new();
    fs::remove_file(folder.join(test_images)).unwrap();
    assert!(fail(&folder.options(&[])).contains("no such file, with or without .gz"));
    assert!(fail(&["--data", &folder.text("nowhere")]).contains("no such file"));
    for (name, bytes) in [(images, first(images, 0)), (labels, first(labels, 0)), (test_images, first(test_images, 40))]
    {
        fs::write(folder.join(name), bytes).unwrap();
    }
    assert!(fail(&folder.options(&[])).contains("there are no images in it"));
}

#[test]
fn each_bad_option_is_one_line() {
    assert!(fail(&["--speed", "9"]).contains("'--speed'"));
    assert!(fail(&["digits"]).contains("'digits'"));
    assert!(fail(&["--augment=maybe"]).contains("expected on or off"));
    assert!(fail(&["--batch", "0"]).contains("expected a whole number from 1 to 65536"));
    assert!(fail(&["--epochs", "-1"]).contains("-1"));
    assert!(fail(&["--epochs"]).contains("--epochs"));
    for rate in ["nan", "0", "-1", "1e39", "1e-46"] {
        assert!(fail(&["--lr", rate]).contains("expected a number above 0, from 1.5e-45 to 3.4e38"), "{rate}");
    }
    assert!(fail(&["--target-loss", "-1"]).contains("expected a number from 0 to 3.4e38"));
    assert!(fail(&["--steps", "4294967296"]).contains("expected a whole number from 0 to 4294967295"));
    assert!(fail(&["--threads", "0"]).contains("expected a whole number from 1 to 256"));
    assert!(fail(&["--optimizer", "lion"]).contains("lion"));
    assert!(fail(&["--rounding", "exact"]).contains("expected one of: strict, fused"));
    assert!(fail(&["--level", "sse9"]).contains("expected one of: portable, avx2, avx512"));
    if Level::new(InstructionSet::Portable, Rounding::Fused).is_none() {
        let message = fail(&["--level", "portable", "--rounding", "fused"]);
        let expected = "--rounding fused: portable has no fused rounding in this build, expected one of: ";
        assert!(message.contains(expected) && message.contains("portable, strict"), "{message}");
    }
    for option in WRITTEN {
        assert!(fail(&[option, "no/such/folder/file"]).contains("no/such/folder: there is no such folder"));
        assert!(fail(&[option, "."]).contains("is a folder"));
    }
    let numbers =
        "--epochs --batch --lr --map-reduce --target-loss --driver --budget --seed --threads --steps --quantize-aware";
    example::ranges_are_said(program(), &[], &numbers.split(' ').collect::<Vec<_>>());
    let help = succeed(&["--help"]);
    for option in
        "--data --epochs --batch --optimizer --lr --seed --threads --map-reduce --rounding --level --augment --target-loss --steps --save --resume --json --report --quantize"
            .split(' ')
    {
        assert!(help.contains(option), "{option}");
    }
    assert!(help.contains("80 %"), "the help says why 1.0 is the default");
}

#[test]
fn an_option_that_would_not_be_used_is_refused_by_name() {
    let refused = |part: &[&str], option: &[&str]| {
        let message = fail(&[part, option].concat());
        let named = [part[0], option[0]].iter().all(|name| message.contains(&format!("'{name}")));
        assert!(named && message.contains("cannot be used with"), "{part:?} {option:?}: {message}");
    };
    let parts: [&[&str]; 3] = [&["--records", "out"], &["--worker"], &["--driver", "2"]];
    for part in parts {
        for option in [
            &["--map-reduce", "2"][..],
            &["--target-loss", "1"],
            &["--weights", "w"],
            &["--quantize", "q"],
            &["--quantize-aware", "1"],
            &["--json", "j"],
            &["--report", "r"],
        ] {
            refused(part, option);
        }
    }
    for option in [
        &["--network", "small"][..],
        &["--winograd"],
        &["--epochs", "1"],
        &["--batch", "8"],
        &["--optimizer", "sgd"],
        &["--lr", "1"],
        &["--augment"],
        &["--budget", "1"],
        &["--seed", "1"],
        &["--threads", "1"],
        &["--rounding", "strict"],
        &["--level", "portable"],
        &["--steps", "1"],
        &["--save", "s"],
        &["--resume", "r"],
    ] {
        refused(&["--records", "out"], option);
    }
    assert!(!Path::new("out").exists());
    if cfg!(feature = "int8") {
        let message = fail(&["--quantize-aware", "3", "--epochs", "2"]);
        assert!(message.contains("--quantize-aware 3: expected as many epochs or more, found --epochs 2"), "{message}");
        let message = fail(&["--quantize-aware", "3", "--steps", "2"]);
        assert!(message.contains("found no --epochs"), "{message}");
    }
}

/// Nothing half-written: a device that is full is an error, whatever is to be written to it.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let folder = Small::new();
    for option in WRITTEN {
        let message = fail(&folder.options(&["--steps", "1", option, "/dev/full"]));
        assert!(message.contains("/dev/full: No space left on device"), "{message}");
    }
    assert!(!fs::metadata("/dev/full").unwrap().is_file());
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(program()).args(folder.options(&["--steps", "1"])).stdout(full).output().unwrap();
    assert!(!output.status.success());
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
}

/// A disk that fills up half way through a file: the old file stays, and nothing else does.
#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_leaves_the_old_file() {
    let folder = Small::new();
    for option in WRITTEN {
        let file = folder.text("file");
        fs::write(&file, "the old one").unwrap();
        let before = fs::read_dir(folder.0.path()).unwrap().count();
        // No file may grow beyond 512 bytes, and to try is an error, not a signal.
        let output = Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"])
            .arg(program())
            .args(folder.options(&["--steps", "1", option, &file]))
            .output()
            .unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{option}: {message}");
        assert!(message.starts_with(&format!("error: {file}: File too large")), "{option}: {message}");
        assert_eq!(message.lines().count(), 1, "{option}: {message}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "the old one", "{option}");
        assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), before, "{option} left something behind");
    }
}

#[test]
#[cfg(unix)]
fn outputs_have_names_of_their_own() {
    let folder = Small::new();
    let [file, other] = ["out", "./out"].map(|name| folder.text(name));
    let options = ["--steps", "1", "--json", &file, "--report", &other];
    assert!(fail(&folder.options(&options)).contains("out: two outputs have this name, expected one"));
    assert!(!folder.join("out").exists());

    // A link to what is not there yet is followed, and the place that it leads to is one.
    std::os::unix::fs::symlink("new", folder.join("link")).unwrap();
    let [link, new] = ["link", "new"].map(|name| folder.text(name));
    let options = ["--steps", "1", "--json", &link, "--report", &new];
    assert!(fail(&folder.options(&options)).contains("new: two outputs have this name, expected one"));
    succeed(&folder.options(&["--steps", "1", "--network", "small", "--json", &link]));
    assert!(folder.join("new").is_file() && fs::symlink_metadata(&link).unwrap().is_symlink());
    std::os::unix::fs::symlink("no/new", folder.join("astray")).unwrap();
    assert!(fail(&["--json", &folder.text("astray")]).contains("no: there is no such folder"));

    let log = fs::File::create(&file).unwrap();
    let mut command = Command::new(program());
    command.args(folder.options(&["--steps", "1", "--json", "/dev/stdout"])).stdout(log);
    let output = command.output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(message, "error: /dev/stdout: standard output is written to this file, expected another\n");
}

#[test]
fn winograd_is_another_sum_on_any_number_of_threads() {
    let folder = Small::new();
    let trained = |more: &[&str], steps| fingerprint(&folder.options(&[&["--steps", steps], more].concat()));
    let found = trained(&["--winograd", "--threads", "1"], "3");
    assert_ne!(found, trained(&[], "3"));
    assert_eq!(trained(&["--winograd", "--threads", "2"], "3"), found);
    let file = folder.text("winograd.knl");
    trained(&["--save", &file], "1");
    let message = fail(&folder.options(&["--winograd", "--resume", &file]));
    assert!(message.contains("conv2: winograd: expected 4×4, found none"), "{message}");
    trained(&["--winograd", "--save", &file], "1");
    let message = fail(&folder.options(&["--resume", &file]));
    assert!(message.contains("conv2: winograd: expected none, found 4×4"), "{message}");
    assert_eq!(trained(&["--winograd", "--resume", &file], "3"), found);
    assert!(fail(&folder.options(&["--winograd", "--network", "small"])).contains("expected --network keras"));
}

#[test]
fn a_loss_that_is_no_number_ends_the_run_and_saves_nothing() {
    let folder = Small::new();
    let model = folder.text("model.knl");
    let options = ["--optimizer", "sgd", "--lr", "1e30", "--epochs", "2", "--save", &model];
    assert!(fail(&folder.options(&options)).contains("a smaller --lr may help"));
    assert!(!folder.join("model.knl").exists());
}

#[cfg(feature = "safetensors")]
#[test]
fn parameters_go_out_and_come_back_as_safetensors() {
    let folder = Small::new();
    let model = folder.text("model.safetensors");
    let saved = fingerprint(&folder.options(&["--steps", "2", "--save", &model]));
    let bytes = fs::read(&model).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("conv2/kernel").unwrap().shape(), [3, 3, 32, 64]);
    assert_eq!(file.tensor("fc2/bias").unwrap().shape(), [10]);
    assert_eq!(fingerprint(&folder.options(&["--steps", "0", "--resume", &model])), saved);
    fs::write(&model, &bytes[..100]).unwrap();
    assert!(fail(&folder.options(&["--resume", &model])).contains("not a safetensors file"));
}

#[cfg(not(feature = "safetensors"))]
#[test]
fn safetensors_need_their_feature() {
    let folder = Small::new();
    let model = folder.text("model.safetensors");
    assert!(fail(&folder.options(&["--steps", "1", "--save", &model])).contains("--features safetensors"));
}

#[test]
fn the_small_network_learns_and_gives_its_weights_alone() {
    let folder = Small::new();
    let (weights, report) = (folder.text("small.knl"), folder.text("small.html"));
    let options = ["--network", "small", "--weights", &weights, "--report", &report];
    let printed = succeed(&folder.options(&[&options[..], &["--epochs", "1"]].concat()));
    assert!(printed.contains("conv1 (conv2d)            24×24×8 ") && printed.contains("14,538"), "{printed}");
    let bytes = fs::read(&weights).unwrap();
    let snapshot = kernlet::snapshot::Snapshot::parse(&bytes).unwrap();
    assert_eq!((snapshot.name(), snapshot.parameters().len()), ("SmallCnn", 14_538));
    assert!(snapshot.training().is_err(), "there is a state of training in it");
    let mut parameters = vec![0.0; 14_538];
    snapshot.parameters().copy_into(&mut parameters).unwrap();
    assert!(parameters.iter().all(|x: &f32| x.to_bits().trailing_zeros() >= 16), "they are not rounded");
    assert!(fs::read_to_string(&report).unwrap().contains("The 5 × 5 weights of the 8 filters of conv1"));
    // Those of the other network are refused.
    let message = fail(&folder.options(&["--resume", &weights, "--steps", "0"]));
    assert!(message.contains("expected conv1/kernel of 3×3×1×32, found conv1/kernel of 5×5×1×8"), "{message}");
}

#[cfg(feature = "int8")]
#[test]
fn eight_bits_are_written_compared_and_shown() {
    let folder = Small::new();
    let (file, check, report) = (folder.text("q.tflite"), folder.text("q.safetensors"), folder.text("q.html"));
    let options = ["--network", "small", "--steps", "8", "--quantize", &file, "--quantize-check", &check];
    let printed = succeed(&folder.options(&[&options[..], &["--report", &report]].concat()));
    let line =
        |start: &str| printed.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{printed}"));
    let accuracy = |line: &str| line.split(": ").nth(1).unwrap().split(' ').next().unwrap().parse::<f64>().unwrap();
    let [float, integers] = ["Accuracy in floats: ", "Accuracy in eight bits: "].map(|start| accuracy(line(start)));
    assert_eq!(float, accuracy(line("Test accuracy: ")));
    assert!((float - integers).abs() <= 0.1, "{printed}");
    for layer in ["conv1", "pool1", "conv2", "fc2", "softmax"] {
        assert!(printed.contains(layer) && printed.contains(" dB"), "{printed}");
    }

    // The file is the network: what it computes with a test image is what was written beside it.
    let bytes = fs::read(&file).unwrap();
    let model = kernlet::tflite::Model::parse(&bytes).unwrap();
    let values = fs::read(&check).unwrap();
    let values = safetensors::SafeTensors::deserialize(&values).unwrap();
    let [inputs, outputs] = ["input0", "output0"].map(|name| values.tensor(name).unwrap());
    assert_eq!((inputs.shape(), outputs.shape()), (&[40, 1, 28, 28, 1][..], &[40, 1, 10][..]));
    let mut arena = vec![0; model.arena_bytes().unwrap()];
    let mut runner = model.runner(Level::detect(), &mut arena).unwrap();
    for (input, output) in inputs.data().chunks(784).zip(outputs.data().chunks(10)) {
        runner.input_bytes(0).unwrap().copy_from_slice(input);
        runner.invoke().unwrap();
        assert_eq!(runner.output_bytes(0).unwrap(), output);
    }
    // Learning for eight bits is another way to learn, and not learning for them is none.
    let trained =
        |more: &[&str]| fingerprint(&folder.options(&[&["--network", "small", "--epochs", "2"], more].concat()));
    let float = trained(&[]);
    assert_eq!(trained(&["--quantize-aware", "0"]), float);
    let [one, two] = [trained(&["--quantize-aware", "1"]), trained(&["--quantize-aware", "2"])];
    assert!(one != float && two != float && one != two);
    assert_eq!(trained(&["--quantize-aware", "2", "--threads", "2"]), two);

    let page = fs::read_to_string(&report).unwrap();
    assert!(page.contains("What eight bits cost") && page.contains("FULLY_CONNECTED"), "{page}");
}
