//! The first frame: what both ends must have in common.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::{Error, Kind, LEAF, frame::Payload};
use crate::{
    kernels::loss::Outputs,
    nn::{Loss, Network},
    random::Stream,
    shape::Shape,
    simd::Level,
    snapshot::{Described, Hash64},
};

/// The version of the frames.
const VERSION: u32 = 1;

/// What both ends must have in common, or their numbers would mean other things.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Hello {
    version: u32,
    leaf: u32,
    /// Identity of the network: its layers and shapes, and what changes what they compute.
    id: u64,
    parameters: u64,
    /// Number of parameters that are trained.
    gradients: u64,
    record: u64,
    /// Identity of the loss: its results for some outputs.
    loss: u64,
    /// `strict` or `fused`.
    rounding: String,
    /// The version of this crate: another one may add in another order.
    release: String,
    network: String,
}

impl Hello {
    pub(super) fn of<N: Network, L: Loss>(level: Level, loss: &L, gradients: usize, record: usize) -> Self {
        Self {
            version: VERSION,
            leaf: LEAF as u32,
            id: id::<N>(),
            parameters: N::PARAMETERS as u64,
            gradients: gradients as u64,
            record: record as u64,
            loss: loss_id::<N, L>(level, loss),
            rounding: level.rounding().to_string(),
            release: env!("CARGO_PKG_VERSION").to_string(),
            network: N::NAME.to_string(),
        }
    }

    pub(super) fn payload(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(self.version.to_le_bytes());
        out.extend(self.leaf.to_le_bytes());
        for number in [self.id, self.parameters, self.gradients, self.record, self.loss] {
            out.extend(number.to_le_bytes());
        }
        for text in [&self.rounding, &self.release, &self.network] {
            out.extend((text.len() as u32).to_le_bytes());
            out.extend(text.as_bytes());
        }
        out
    }

    /// Reads it; after a version that is not ours, anything may follow.
    pub(super) fn read(payload: &[u8]) -> Result<Self, Error> {
        let mut from = Payload(payload);
        let version = from.u32().ok_or(Error::Payload { kind: Kind::HELLO, what: "it has no version" })?;
        if version != VERSION {
            let empty = || String::new();
            return Ok(Self {
                version,
                leaf: 0,
                id: 0,
                parameters: 0,
                gradients: 0,
                record: 0,
                loss: 0,
                rounding: empty(),
                release: empty(),
                network: empty(),
            });
        }
        let mut read = || {
            let leaf = from.u32()?;
            let [id, parameters, gradients, record, loss] =
                [from.u64()?, from.u64()?, from.u64()?, from.u64()?, from.u64()?];
            let mut text = || {
                let len = from.u32()? as usize;
                Some(String::from_utf8_lossy(from.bytes(len)?).into_owned())
            };
            let (rounding, release, network) = (text()?, text()?, text()?);
            Some(Self { version, leaf, id, parameters, gradients, record, loss, rounding, release, network })
        };
        read().ok_or(Error::Payload { kind: Kind::HELLO, what: "it is too short" })
    }

    /// A hash of all of it, which stands for it in every answer.
    pub(super) fn session(&self) -> u64 {
        Hash64::new().bytes(&self.payload()).finish()
    }

    /// Whether this driver and that worker can work together.
    pub(super) fn agree(driver: &Self, worker: &Self) -> Result<(), Error> {
        let named = |hello: &Self| format!("{} ({:016x})", hello.network, hello.id);
        let facts = [
            ("version of frames", driver.version.to_string(), worker.version.to_string()),
            ("version of kernlet", driver.release.clone(), worker.release.clone()),
            ("network", named(driver), named(worker)),
            ("number of parameters", driver.parameters.to_string(), worker.parameters.to_string()),
            ("number of trained parameters", driver.gradients.to_string(), worker.gradients.to_string()),
            ("length of a record", driver.record.to_string(), worker.record.to_string()),
            ("length of a leaf", driver.leaf.to_string(), worker.leaf.to_string()),
            ("rounding", driver.rounding.clone(), worker.rounding.clone()),
            ("identity of the loss", format!("{:016x}", driver.loss), format!("{:016x}", worker.loss)),
        ];
        match facts.into_iter().find(|(_, driver, worker)| driver != worker) {
            Some((what, driver, worker)) => Err(Error::Differs { what, driver, worker }),
            None => Ok(()),
        }
    }
}

/// The identity of a network: what its snapshots are told apart by, and what its layers compute.
fn id<N: Network>() -> u64 {
    let hash = Hash64::new().word(N::INFO.id());
    N::ATTRIBUTES.iter().fold(hash, |hash, attribute| hash.bytes(format!("{attribute:?}").as_bytes())).finish()
}

/// The identity of a loss, its weights and smoothing included: the bits of its results for drawn outputs of two
/// samples, one with each of the first labels, the other with label 0, or for targets whose bytes are small. They are
/// the same on every machine, except for those of NaN.
fn loss_id<N: Network, L: Loss>(level: Level, loss: &L) -> u64 {
    let Some(last) = N::LAYERS.last() else { return 0 };
    let stream = Stream::new(0x6c6f_7373, 0);
    let y: Vec<f32> = (0..2 * N::Output::LEN as u64).map(|i| 0.9 * stream.f32_at(i) + 0.05).collect();
    let mut dy = vec![0.0; y.len()];
    let mut targets: Vec<L::Target> = vec![bytemuck::Zeroable::zeroed(); 2 * L::TARGETS.count(&last.output)];
    let word = |x: f32| u64::from(if x.is_nan() { f32::NAN } else { x }.to_bits());
    let mut hash = Hash64::new();
    for label in 0..=u8::MAX {
        for all in [false, true] {
            let half = targets.len() / 2;
            for target in targets.iter_mut().take(half) {
                let bytes = bytemuck::bytes_of_mut(target);
                bytes.fill(if all { label } else { 0 });
                bytes.iter_mut().take(1).for_each(|byte| *byte = label);
            }
            dy.fill(0.0);
            match loss.evaluate(level, &y, &last.output, &targets, Outputs::of(&mut dy)) {
                Ok(metrics) => {
                    hash = dy.iter().fold(hash.word(word(metrics.loss)), |hash, &dy| hash.word(word(dy)));
                }
                Err(_) => hash = hash.word(u64::MAX),
            }
        }
        if usize::from(label) > N::Output::LEN {
            break;
        }
    }
    hash.finish()
}
