//! Sounds of a house, a second each, made with whole numbers: the same bytes on every machine.
#![allow(dead_code)]

/// Samples of a sound, 16,000 a second.
pub const SAMPLES: usize = 16_000;
/// Bytes of a sound: two a sample, the low one first.
pub const SOUND: usize = 2 * SAMPLES;
/// What is heard.
pub const KINDS: [&str; 4] = ["alarm", "doorbell", "siren", "whistle"];
/// Two more, which nobody knows before: what a device learns to tell apart.
pub const NEW: [&str; 2] = ["cuckoo", "buzzer"];
/// Numbers of which there are sounds that a device learns from.
pub const LEARNT: usize = 4;
/// Those after them, with which it is tested.
pub const TESTED: usize = 6;
/// Bytes of the sounds of so many numbers.
pub const fn bytes(numbers: usize) -> usize {
    numbers * KINDS.len() * SOUND
}

/// Numbers that look random (Marsaglia 2003).
struct Random(u32);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 >> 8) % end
    }
}

/// A parabola for each half of a turn, from −32,768 to 32,768: nearly a sine, with some of its overtones.
fn wave(turn: u32) -> i32 {
    let x = (turn >> 16) as i32 - 32_768;
    (x * (32_768 - x.abs())) >> 13
}

/// Hertz and loudness (256 is the most) of a kind, so many samples after its beginning.
fn tone(kind: usize, t: u32) -> (u32, u32) {
    match kind {
        // Three beeps.
        0 => (2900, if t < 9600 && (t / 1600).is_multiple_of(2) { 256 } else { 0 }),
        // Two strokes that fade.
        1 if t < 6000 => (700, 256 - t / 32),
        1 => (560, 256_u32.saturating_sub((t - 6000) / 32)),
        // Up and down, twice.
        2 => (600 + (4000_u32.abs_diff(t % 8000)) / 5, 230),
        // Up, once.
        3 => (900 + t / 10, if t < 12_000 { 220 } else { 0 }),
        // High and low, twice.
        4 => (if t % 6000 < 3000 { 1050 } else { 830 }, if t < 12_000 && t % 3000 < 2400 { 240 } else { 0 }),
        // Low, all the time.
        _ => (240, 256),
    }
}

/// A sound of a kind. Those of different numbers begin, sound and rustle differently.
pub fn write(kind: usize, number: usize, to: &mut [u8]) {
    let mut random = Random(0x9e37_79b9_u32.wrapping_mul((number * KINDS.len() + kind + 1) as u32));
    let pitch = 208 + random.below(96);
    let start = random.below(2400);
    let loud = 60 + random.below(196) as i32;
    let rustle = 200 + random.below(2400);
    let mut turn = 0_u32;
    for (i, sample) in (0_u32..).zip(to.chunks_exact_mut(2)) {
        let (hertz, amplitude) = if i < start { (0, 0) } else { tone(kind, i - start) };
        // 2³² / 16,000 is a hertz.
        turn = turn.wrapping_add((hertz * pitch / 256).wrapping_mul(268_435));
        let noise = random.below(rustle) as i32 - (rustle / 2) as i32;
        let x = ((wave(turn) * amplitude as i32) >> 8) * loud / 384 + noise;
        sample.copy_from_slice(&(x.clamp(-32_768, 32_767) as i16).to_le_bytes());
    }
}

/// Fills a slice with sounds: of each number from `first` on, one of each kind.
pub fn fill(first: usize, to: &mut [u8]) {
    fill_with(0, KINDS.len(), first, to);
}

/// Fills a slice with sounds that nobody knows before.
pub fn fill_with_new(first: usize, to: &mut [u8]) {
    fill_with(KINDS.len(), NEW.len(), first, to);
}

fn fill_with(kind: usize, kinds: usize, first: usize, to: &mut [u8]) {
    for (i, sound) in to.chunks_exact_mut(SOUND).enumerate() {
        write(kind + i % kinds, first + i / kinds, sound);
    }
}
