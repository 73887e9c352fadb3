//! What every error says: what was wrong, where, and what would have been right. Somebody far from the
//! device reads it in a log.

use std::{error::Error, io};

use kernlet::{
    data::{
        cifar::CifarError,
        idx::{Element, IdxError},
    },
    kernels::{ShapeError, loss::LossError},
    nn, shape,
    simd::InstructionSet,
    snapshot::{Label, SnapshotError, TensorInfo, WriteError},
    tensor::ViewError,
};

#[track_caller]
fn says(error: impl Error, text: &str) {
    assert_eq!(error.to_string(), text);
}

fn disk_full() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "no room")
}

#[test]
fn of_kernels_and_tensors() {
    let shape = ShapeError::new("conv2d", "w", 288, 287);
    says(shape, "conv2d: w: expected 288, found 287");
    says(LossError::Shape(shape), "conv2d: w: expected 288, found 287");
    assert!(LossError::Shape(shape).source().is_some_and(|source| source.is::<ShapeError>()));
    let label = LossError::Label { row: 3, label: 10, classes: 10 };
    says(label, "row 3: label 10 is not below the number of classes, 10");
    assert!(label.source().is_none());
    says(ViewError::Length { expected: 16, found: 12 }, "expected 16 bytes for the tensor, found 12");
    says(ViewError::Alignment { expected: 4 }, "expected bytes aligned to 4");
    says("sse9".parse::<InstructionSet>().unwrap_err(), "expected one of: portable, avx2, avx512");
}

#[test]
fn of_passes() {
    use nn::Error::*;
    says(Memory { expected: 100, found: 99 }, "memory: expected 100 floats or more, found 99");
    says(Parameters { expected: 51, found: 50 }, "parameters: expected 51, found 50");
    says(Inputs { input: 784, found: 785 }, "inputs: expected a multiple of 784 numbers, found 785");
    says(Gradient { expected: 784, found: 783 }, "gradient: expected 784 floats, found 783");
    says(Class { classes: 10, found: 10 }, "class: expected less than 10, found 10");
    says(Batch { expected: 32, found: 33 }, "batch: expected 1 to 32 samples, found 33");
    says(Targets { expected: 32, found: 31 }, "targets: expected 32, found 31");
    says(Outputs { expected: 320, found: 310 }, "outputs: expected 320, found 310");
    says(
        Applied { batch: 32, piece: 8 },
        "gradients applied as they appear need a batch of one piece and no clipping, found 32 samples in pieces of 8",
    );
    let label = LossError::Label { row: 3, label: 10, classes: 10 };
    says(Loss(label), "row 3: label 10 is not below the number of classes, 10");
    says(Shape(ShapeError::new("dense", "x", 6, 5)), "dense: x: expected 6, found 5");
    assert!(Shape(ShapeError::new("dense", "x", 6, 5)).source().is_some_and(|source| source.is::<ShapeError>()));
    assert!(Loss(label).source().is_some_and(|source| source.is::<LossError>()) && Plan.source().is_none());
    says(OneRow { layer: "norm" }, "batch: layer `norm` normalises over the batch and cannot learn from one sample");
    says(Epochs, "epochs: none in the training's configuration");
    says(NoSamples { found: 1, held_out: 1 }, "samples: none to learn from, found 1 of which 1 are held out");
    says(Position { position: 60, samples: 50 }, "samples: found 50, but training stopped 60 samples into an epoch");
    says(Sample { index: 7 }, "samples: sample 7 could not be read");
    says(Plan, "the plan of the pass does not fit its memory");
}

#[test]
fn of_data_files() {
    use IdxError::*;
    says(Truncated { expected: 16, found: 15 }, "IDX file is cut off: expected 16 bytes, found 15");
    says(Trailing { expected: 16, found: 17 }, "IDX file is too long: expected 16 bytes, found 17");
    says(Magic { found: 0x504B_0304 }, "not an IDX file: it begins with 0x504b0304, expected 0x0000....");
    says(Code { found: 10 }, "unknown IDX element type 0x0a");
    says(Element { found: self::Element::F32, expected: self::Element::U8 }, "IDX elements are F32, expected U8");
    says(Rank { found: 1, expected: 3 }, "IDX file has 1 axes, expected 3");
    says(Overflow, "the sizes in the IDX file multiply to more than can be addressed");
    says(Counts { images: 60_000, labels: 10_000 }, "60000 images, but 10000 labels");
    says(Label { index: 7, found: 10, classes: 10 }, "label 7 is 10, expected less than 10");
    says(
        FromOne { classes: 26 },
        "labels are 1 to 26, not from 0 on, as those of EMNIST's letters: say that the first is 1",
    );
    says(Below { index: 7, found: 0, first: 1 }, "label 7 is 0, expected 1 or more");
    says(
        CifarError::Length { found: 3072 },
        "CIFAR file is not a multiple of 3073 bytes (CIFAR-10) or 3074 (CIFAR-100): found 3072",
    );
    says(CifarError::Label { index: 7, found: 10 }, "image 7 has label 10, which is no class");
    says(
        CifarError::OtherFormat { expected: 10, found: 100 },
        "the file's length is that of CIFAR-100, expected CIFAR-10: read it as that",
    );
}

static KERNEL: TensorInfo<'static> =
    TensorInfo { layer: "conv", name: "kernel", dims: shape::Dims::new(&[3, 3, 1, 8]), offset: 0 };

#[test]
fn of_snapshots() {
    use SnapshotError::*;
    says(Magic { found: 0x504B }, "not a kernlet snapshot: it begins with 000000000000504b");
    says(Version { expected: 1, found: 2 }, "the snapshot is of another version of the format: expected 1, found 2");
    says(Truncated { expected: 136, found: 9 }, "the snapshot is cut off: expected 136 bytes, found 9");
    says(Trailing { expected: 136, found: 137 }, "there are bytes after the snapshot: expected 136 bytes, found 137");
    says(
        HeaderChecksum { expected: 1, found: 0xFF },
        "the snapshot's header is damaged: expected CRC-32 00000001, found 000000ff",
    );
    says(
        PayloadChecksum { expected: 1, found: 0xFF },
        "the snapshot's numbers are damaged: expected CRC-32 00000001, found 000000ff",
    );
    says(
        Header { what: "the number of parameters", found: 9 },
        "the snapshot's header contradicts itself: the number of parameters is 9",
    );
    let network = Network { expected: "A", expected_id: 1, found: Label::new("B"), found_id: 2 };
    says(network, "the snapshot is of another network: expected A (0000000000000001), found B (0000000000000002)");
    says(Tensors { expected: 4, found: 2 }, "the snapshot has another number of tensors: expected 4, found 2");
    says(
        Tensor { expected: &KERNEL, name: Label::new("conv/k"), found: shape::Dims::new(&[9]) },
        "a tensor in the snapshot has another name or shape: expected conv/kernel of 3×3×1×8, found conv/k of 9",
    );
    says(
        Length { expected: 4, found: 2 },
        "the slice has another length than the snapshot's numbers: expected 4, found 2",
    );
    says(
        NotInPlace,
        "the snapshot's numbers cannot be used where they lie: they must be aligned to 4 bytes, on a little-endian machine",
    );
    let rate = Hyperparameter { name: "lr", expected: 0.5, found: Some(0.25) };
    let told =
        "the snapshot's training was with another hyper-parameter of the optimizer: lr: expected 0.5, found 0.25";
    says(rate, told);
    says(NoTraining, "the snapshot has no training state");
    says(Optimizer { found: Label::new("adam") }, "the snapshot's training state is of another optimizer: adam");
    let long = "ä".repeat(40);
    assert_eq!(Label::new(&long).as_str(), "ä".repeat(16));
    assert_eq!(format!("{:?}", Label::new("adam")), "\"adam\"");

    type Write = WriteError<io::Error>;
    says(Write::Length { expected: 51, found: 50 }, "the network has 51 parameters, found 50");
    let name = Write::Name { what: "an optimizer", found: 256 };
    says(name, "the name of an optimizer has 1 to 255 bytes, found 256");
    says(Write::Sections { most: 7, found: 8 }, "at most 7 sections, found 8");
    assert!(Write::Sink(disk_full()).source().is_some_and(|source| source.is::<io::Error>()));
    says(Write::Sink(disk_full()), "no room");
}

#[cfg(feature = "safetensors")]
#[test]
fn of_safetensors() {
    use kernlet::snapshot::safetensors::SafetensorsError::*;
    let name = || String::from("conv/kernel");
    says(File("invalid header".into()), "not a safetensors file: invalid header");
    let found = vec!["a.weight".into(), "a.bias".into()];
    says(Missing { name: name(), found }, "tensor conv/kernel is missing; the file has a.weight, a.bias");
    let many = (0..14).map(|i| i.to_string()).collect();
    let told = "tensor conv/kernel is missing; the file has 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more";
    says(Missing { name: name(), found: many }, told);
    says(Missing { name: name(), found: vec![] }, "tensor conv/kernel is missing; the file has none");
    says(
        Unexpected { name: name(), shape: vec![9], expected: vec!["fc/bias".into()] },
        "tensor conv/kernel of shape [9] is not of this network, which has fc/bias",
    );
    says(Twice { names: [name(), name() + ":0"] }, "tensors conv/kernel and conv/kernel:0 are the same of the network");
    says(
        Prefixes { found: vec!["\"a/\"".into(), "\"b/\"".into()] },
        "the network's tensors are there with several prefixes, choose one: \"a/\", \"b/\"",
    );
    says(
        Hyperparameter { name: "bn.epsilon".into(), expected: "0.001".into(), found: "0.00001".into() },
        "bn.epsilon is 0.00001 for these weights, and 0.001 in the network",
    );
    says(
        Unstated { name: "bn.epsilon".into(), expected: "0.001".into() },
        "the file does not say bn.epsilon, which the network has as 0.001: say what it was when the weights were trained",
    );
    says(Unsupported { name: name() }, "tensor conv/kernel: the layouts of PyTorch and of this layer differ");
    says(Type { name: name(), found: "I8".into() }, "tensor conv/kernel holds I8, expected F32, F16, BF16 or F64");
    says(
        Shape { name: name(), expected: vec![3, 3], found: vec![9] },
        "tensor conv/kernel has shape [9], expected [3, 3]",
    );
    says(Length { expected: 51, found: 50 }, "the network has 51 parameters, found 50");
}

/// Errors of counting.
#[cfg(feature = "counting")]
mod counting {
    use super::*;
    use kernlet::{
        mapreduce::{self, MemoryStore, ReduceError, Rejected, Stack, Store, TopKFull},
        sketch,
    };

    #[test]
    fn of_jobs() {
        use mapreduce::Error::*;
        type Any = mapreduce::Error<io::Error>;
        says(
            Any::BudgetTooSmall { given: 100, least: 2000 },
            "a budget of 100 bytes is too small: at least 2000 are needed",
        );
        says(
            Any::PairTooLong { key: 300, value: 8, most: 200 },
            "a key of 300 bytes with a value of 8 does not fit: the budget allows 200 for both",
        );
        says(Any::Full { entries: 12 }, "the table is full at 12 entries and there is no store");
        says(
            Any::StoreFull { capacity: 4096, used: 4000 },
            "the store is full: 4000 of 4096 bytes hold runs still needed",
        );
        says(
            Any::Corrupt { at: 512, expected: 1, found: 0xFF },
            "the block at byte 512 of the store is corrupt: checksum 000000ff, not 00000001",
        );
        says(Any::Undecodable { key: 3 }, "a record with a key of 3 bytes cannot be decoded");
        says(Any::Poisoned, "an earlier error ended this job");
        assert!(Any::Poisoned.source().is_none());
        let store = Store(disk_full());
        assert!(store.source().is_some_and(|source| source.is::<io::Error>()));
        says(store, "the store failed: no room");

        let rejected = Rejected { item: "line", taken: 2, error: Any::Full { entries: 12 } };
        assert!(rejected.source().is_some_and(|source| source.is::<Any>()));
        says(rejected, "item rejected after 2 of its pairs: the table is full at 12 entries and there is no store");

        type Reduce = ReduceError<Any, io::Error>;
        let (read, emit) = (Reduce::Read(Any::Poisoned), Reduce::Emit(disk_full()));
        assert!(read.source().is_some_and(|source| source.is::<Any>()));
        assert!(emit.source().is_some_and(|source| source.is::<io::Error>()));
        says(read, "the job failed: an earlier error ended this job");
        says(emit, "the output failed: no room");

        says(TopKFull { given: 80, least: 808 }, "80 bytes do not hold the first keys: at least 808 are needed");
        let outside = MemoryStore::new([0; 8]).read(Stack::Odd, 4, &mut [0; 8]).unwrap_err();
        says(outside, "8 bytes at 4 are not within a store of 8 bytes");
    }

    #[cfg(feature = "std")]
    #[test]
    fn of_lines() {
        use mapreduce::StreamError::*;
        let read = Read { line: 7, error: disk_full() };
        assert!(read.source().is_some_and(|source| source.is::<io::Error>()));
        says(read, "reading line 7 failed: no room");
        let write = Write(disk_full());
        assert!(write.source().is_some_and(|source| source.is::<io::Error>()));
        says(write, "writing failed: no room");
        says(Job(mapreduce::Error::Poisoned), "an earlier error ended this job");
        says(LineTooLong { line: 7, most: 99 }, "line 7 has more than the 99 bytes that the budget allows");
        says(NoValue { line: 7 }, "line 7 has no tab between a key and a value");
        says(Field { line: 7 }, "the key or the value in line 7 is not of the expected type");
        says(Order { line: 7 }, "the key in line 7 comes after a greater one: the input is not sorted by bytes");
        says(Separator { byte: b'\t' }, "a field has the byte 0x09, which separates fields or lines");
        assert!(Separator { byte: b'\t' }.source().is_none());
    }

    #[test]
    fn of_summaries() {
        use sketch::Error::*;
        says(KeyTooLong { key: 40, most: 32 }, "a key of 40 bytes is too long: 32 are allowed");
        says(Undecodable { key: 3 }, "a key of 3 bytes cannot be decoded");
        says(
            Seed { own: 1, other: 0x2A },
            "summaries with seeds 0x1 and 0x2a cannot be merged: the seeds must be the same",
        );
        says(Position { both: 9 }, "both samples have an item at position 9: they overlap");
        says(Length { given: 4, needed: 24 }, "4 bytes for a summary that needs 24");
        says(
            Foreign { found: *b"PK\x03\x04....", expected: *b"klsk\x01\0\x05\0" },
            "no summary of this kind and version begins with [50, 4b, 03, 04, 2e, 2e, 2e, 2e], but with [6b, 6c, 73, 6b, 01, 00, 05, 00]",
        );
        says(Size { found: [1, 2, 3], expected: [4, 5, 6] }, "a summary of size [1, 2, 3] where [4, 5, 6] is expected");
        says(Checksum { expected: 1, found: 0xFF }, "the summary is corrupt: checksum 000000ff, not 00000001");
        says(Contents { at: 30 }, "the contents before byte 30 are those of no summary");
    }
}
