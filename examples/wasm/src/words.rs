//! Two words learnt on a model that Node brings: the firmware's `adapt`.

use core::cell::UnsafeCell;

use kernlet::simd::Level;

#[path = "../../parity/adapt.rs"]
mod adapt;
#[path = "../../parity/sounds.rs"]
mod sounds;

/// What [`adapt_words`] reads, and where its model runs.
struct Words {
    bytes: [u8; 4 << 20],
    arena: [u8; 64 << 10],
    workspace: adapt::Workspace,
}

struct Adapting(UnsafeCell<Words>);

// SAFETY: the module is built without threads.
unsafe impl Sync for Adapting {}

static ADAPTING: Adapting =
    Adapting(UnsafeCell::new(Words { bytes: [0; 4 << 20], arena: [0; 64 << 10], workspace: adapt::Workspace::new() }));

/// Where a model goes, then sounds to learn from, then sounds to hear: 4 MiB in all.
#[unsafe(no_mangle)]
pub extern "C" fn words() -> *mut u8 {
    // SAFETY: there is one thread, and nothing else holds a reference while this runs.
    unsafe { &mut *ADAPTING.0.get() }.bytes.as_mut_ptr()
}

/// Learns two words on the model in [`words`], and hears others: the firmware's `adapt`. The fingerprint, 0 on an error.
#[unsafe(no_mangle)]
pub extern "C" fn adapt_words(model: usize, learnt: usize, tested: usize) -> u64 {
    // SAFETY: there is one thread, and this function does not call itself.
    let Words { bytes, arena, workspace } = unsafe { &mut *ADAPTING.0.get() };
    let mut adapted = || {
        let (file, rest) = bytes.split_at_checked(model)?;
        let (learnt, rest) = rest.split_at_checked(learnt)?;
        let level = Level::detect_strict();
        let model = kernlet::tflite::Model::parse(file).ok()?.up_to(adapt::LAST).ok()?;
        let mut backbone = model.runner(level, arena).ok()?;
        workspace.learn(level, &mut backbone, learnt).ok()?;
        Some(workspace.test(level, &mut backbone, rest.get(..tested)?).ok()?.1)
    };
    adapted().unwrap_or(0)
}
