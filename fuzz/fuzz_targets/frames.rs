//! Frames that were changed, cut or made up, read in pieces: the layout read a second time, and a worker that survives.
#![no_main]

use std::io::{self, Read};

use arbitrary::Arbitrary;
use kernlet::{
    cluster::{Error, Frames, Kind, Worker},
    snapshot::crc32,
};
use libfuzzer_sys::fuzz_target;

kernlet::network! { struct Tiny([1]) { dense(2), softmax } }

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    frames: Vec<([u8; 4], &'a [u8])>,
    edits: Vec<(u16, u8)>,
    mended: bool,
    len: Option<u16>,
    most: u16,
    pieces: Vec<u8>,
    requests: Vec<(u8, &'a [u8])>,
}

/// Gives out a few bytes at a time.
struct Pieces<'a> {
    bytes: &'a [u8],
    pieces: &'a [u8],
    at: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let piece = self.pieces.get(self.at % self.pieces.len().max(1)).copied().unwrap_or(u8::MAX);
        self.at += 1;
        let len = usize::from(piece).max(1).min(out.len()).min(self.bytes.len());
        out[..len].copy_from_slice(&self.bytes[..len]);
        self.bytes = &self.bytes[len..];
        Ok(len)
    }
}

/// The next frame by the layout, and how long it is; which error it must be otherwise.
fn next(bytes: &[u8], most: u64) -> Result<Option<(Kind, &[u8], usize)>, &'static str> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let header = bytes.get(..20).ok_or("cut")?;
    if &header[..4] != b"KNLF" {
        return Err("magic");
    }
    let len = u64::from_le_bytes(header[8..16].try_into().unwrap());
    if len > most {
        return Err("long");
    }
    let payload = bytes[20..].get(..len as usize).ok_or("cut")?;
    if u32::from_le_bytes(header[16..20].try_into().unwrap()) != crc32(crc32(0, &header[4..16]), payload) {
        return Err("sum");
    }
    Ok(Some((Kind(header[4..8].try_into().unwrap()), payload, 20 + len as usize)))
}

fuzz_target!(|case: Case| {
    let mut wire = Vec::new();
    for (kind, payload) in &case.frames {
        Frames::new(io::empty(), &mut wire).write(Kind(*kind), &[payload]).unwrap();
    }
    for (at, byte) in &case.edits {
        let at = usize::from(*at) % wire.len().max(1);
        if let Some(slot) = wire.get_mut(at) {
            *slot ^= byte;
        }
    }
    if let Some(len) = case.len {
        wire.truncate(usize::from(len));
    }
    if case.mended && wire.len() >= 20 {
        let len = u64::from_le_bytes(wire[8..16].try_into().unwrap());
        if let Some(payload) = usize::try_from(len).ok().and_then(|len| wire[20..].get(..len)) {
            let sum = crc32(crc32(0, &wire[4..16]), payload);
            wire[16..20].copy_from_slice(&sum.to_le_bytes());
        }
    }
    let most = u64::from(case.most);
    let mut frames = Frames::new(Pieces { bytes: &wire, pieces: &case.pieces, at: 0 }, io::sink()).at_most(most);
    let mut rest = &wire[..];
    loop {
        match (next(rest, most), frames.read()) {
            (Ok(None), Ok(None)) => break,
            (Ok(Some((kind, payload, len))), Ok(found)) => {
                assert_eq!(found, Some((kind, payload)));
                rest = &rest[len..];
            }
            (Err("cut"), Err(Error::Cut { .. }))
            | (Err("magic"), Err(Error::NoFrame { .. }))
            | (Err("long"), Err(Error::TooLong { .. }))
            | (Err("sum"), Err(Error::Checksum { .. })) => break,
            (expected, found) => panic!("{found:?} and not {expected:?}"),
        }
    }

    // A worker answers each request, whatever is in it, with one frame.
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    let kinds = [Kind::HELLO, Kind::LOAD, Kind::PARAMETERS, Kind::PART];
    for (kind, payload) in &case.requests {
        Frames::new(io::empty(), &mut asked).write(kinds[usize::from(*kind) % 4], &[payload]).unwrap();
    }
    let worker = Worker::<Tiny>::new(2, |_, record, input, targets| {
        (input[0], targets[0]) = (f32::from(record[0]), record[1]);
        Ok(())
    });
    worker.serve(&asked[..], &mut answered).unwrap();
    let mut frames = Frames::new(&answered[..], io::sink());
    for _ in &case.requests {
        assert!(frames.read().unwrap().is_some());
    }
    assert!(frames.read().unwrap().is_none());
});
