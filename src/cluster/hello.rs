//! The first frame: what both ends must have in common.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{Error, Kind, LEAF, frame::Payload};
use crate::{
    nn::Network,
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
    /// Of the network: its layers and shapes, and what changes what they compute.
    id: u64,
    parameters: u64,
    /// Of the parameters that are trained.
    gradients: u64,
    record: u64,
    /// `strict` or `fused`.
    rounding: String,
    /// The version of this crate: another may add in another order.
    release: String,
    network: String,
}

impl Hello {
    pub(super) fn of<N: Network>(level: Level, gradients: usize, record: usize) -> Self {
        Self {
            version: VERSION,
            leaf: LEAF as u32,
            id: id::<N>(),
            parameters: N::PARAMETERS as u64,
            gradients: gradients as u64,
            record: record as u64,
            rounding: level.rounding().to_string(),
            release: env!("CARGO_PKG_VERSION").to_string(),
            network: N::NAME.to_string(),
        }
    }

    pub(super) fn payload(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(self.version.to_le_bytes());
        out.extend(self.leaf.to_le_bytes());
        for number in [self.id, self.parameters, self.gradients, self.record] {
            out.extend(number.to_le_bytes());
        }
        for text in [&self.rounding, &self.release, &self.network] {
            out.extend((text.len() as u32).to_le_bytes());
            out.extend(text.as_bytes());
        }
        out
    }

    /// A version that is not ours may have anything behind it.
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
                rounding: empty(),
                release: empty(),
                network: empty(),
            });
        }
        let mut read = || {
            let leaf = from.u32()?;
            let [id, parameters, gradients, record] = [from.u64()?, from.u64()?, from.u64()?, from.u64()?];
            let mut text = || {
                let len = from.u32()? as usize;
                Some(String::from_utf8_lossy(from.bytes(len)?).into_owned())
            };
            let (rounding, release, network) = (text()?, text()?, text()?);
            Some(Self { version, leaf, id, parameters, gradients, record, rounding, release, network })
        };
        read().ok_or(Error::Payload { kind: Kind::HELLO, what: "it is too short" })
    }

    /// Stands for all of it in every answer.
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
