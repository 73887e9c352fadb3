#!/usr/bin/env bash
# The same bits everywhere: builds kernlet for targets that are not this machine,
# runs the parity program on all of them, and compares what they print.
#
#   tests/portable.sh                # everything
#   tests/portable.sh parity neon    # some parts
#
# | part | what it does |
# |---|---|
# | parity | the parity program: this machine at every level, bare x86-64, aarch64, RISC-V with and without FPU, Cortex-M0 to M33 |
# | wasm | the parity program with and without simd128, and the ratio of their speeds |
# | neon | the parity program and the crate's tests built for aarch64, under an emulator |
# | firmware | trains, in 256 KB and in 32 KB, infers, listens and adapts a model on a Cortex-M4; instructions per multiply-accumulate |
# | models | TensorFlow Lite's models on a Cortex-M4 and M0: outputs, and instructions per multiply-accumulate; MLPerf Tiny's where ../shared/tflite/models is, three of our own in any case |
# | panic | training steps for Cortex-M, of every kind of layer too, and a model's inference have no panic in their symbols |
# | tree | what the core depends on |
#
# A part whose tools are missing says which and how to get them. That is a failure
# where CI is set; elsewhere the other parts still run.
set -uo pipefail
cd "$(dirname "$0")/.."
. tests/toolchains.sh

passed=0 failed=0 skipped=0
ok() { passed=$((passed + 1)); say "ok    $*"; }
bad() { failed=$((failed + 1)); say "FAIL  $*"; }
skip() {
    if [ -n "${CI:-}" ]; then bad "$*"; else skipped=$((skipped + 1)); say "skip  $*"; fi
}

firmware=thumbv7em-none-eabihf

# in_dir FOLDER COMMAND...: quiet unless it fails.
in_dir() {
    local log folder=$1
    shift
    log=$(mktemp)
    if (cd "$folder" && "$@") >"$log" 2>&1; then rm "$log"; return 0; fi
    tail -40 "$log" >&2
    rm "$log"
    return 1
}

# emulate MACHINE ELF [OPTION...]: runs it on a machine of the emulator; one instruction takes one nanosecond.
emulate() {
    local machine=$1 elf=$2
    shift 2
    timeout "${TIMEOUT:-300}" qemu-system-arm -nographic -monitor none -serial none -icount shift=0 \
        -semihosting-config enable=on,target=native -machine "$machine" -kernel "$elf" "$@" </dev/null
}

# same NAME FINGERPRINT: compares with the host's.
same() {
    if [ "$2" = "$reference" ]; then ok "$1 $2"; else bad "$1 ${2:-nothing} instead of $reference"; fi
}

# The crate's own code as fast as elsewhere, what it only tests with as fast to build as may be.
on_aarch64() {
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" \
        cargo_for aarch64-unknown-linux-gnu "$@" --config 'profile.dev.package."*".opt-level=1'
}

# What the host's parity program says: `levels`, and the fingerprints that all others must have.
host_levels() {
    [ -n "${levels:-}" ] && return
    levels=$(cargo run -q --example parity) || { bad "the host's parity program"; return 1; }
    reference=$(say "$levels" | awk '$1 == "portable," && $2 == "strict" { print $3, $4, $5 }')
    fused=$(say "$levels" | awk '$2 == "fused" { print $3, $4, $5; exit }')
}

parity() {
    local target machine
    host_levels || return
    while read -r isa rounding fingerprint; do
        if [ "$rounding" = strict ]; then same "host, ${isa%,}" "$fingerprint"; fi
        if [ "$rounding" = fused ]; then reference=$fused same "host, ${isa%,} fused" "$fingerprint"; fi
    done <<<"$levels"

    while read -r target run; do
        have_target "$target" && { [ -z "$run" ] || need "$run" qemu-user; } || { skip "$target"; continue; }
        for features in "" alloc; do
            # Nothing applies relocations to a bare process.
            RUSTFLAGS="-C relocation-model=static" in_dir examples/bare cargo_for "$target" build --release --features "$features" ||
                { bad "$target [$features] does not build"; continue; }
            same "$target [$features]" "$($run "$(built_for "$target")/release/kernlet-bare")"
        done
    done <<-END
	x86_64-unknown-none
	aarch64-unknown-none qemu-aarch64
	riscv32imac-unknown-none-elf qemu-riscv32
	riscv32imafc-unknown-none-elf qemu-riscv32
	END

    while read -r target machine features; do
        have_target "$target" && need qemu-system-arm qemu-system-arm && have_defmt_print || { skip "$target"; continue; }
        MACHINE=$machine in_dir examples/firmware cargo_for "$target" build --release --bin parity --features "$features" ||
            { bad "$target [$features] does not build"; continue; }
        elf=$(built_for "$target")/release/parity
        same "$target on $machine [$features]" "$(emulate "$machine" "$elf" | defmt_print "$elf")"
    done <<-END
	thumbv6m-none-eabi mps2-an385
	thumbv6m-none-eabi mps2-an385 alloc
	thumbv7em-none-eabihf mps2-an386
	thumbv7em-none-eabihf mps2-an386 alloc
	thumbv7em-none-eabihf mps2-an500
	thumbv8m.main-none-eabihf mps2-an505
	thumbv8m.main-none-eabihf mps2-an505 alloc
	END
}

# Two words that a model is to learn: a line for each model, with the fingerprint that all levels of the host have.
adapted() {
    local words shared=../shared folder=$portable_target/words
    cargo run -q --example parity words "$folder/house" || return
    if [ -e "$shared/tflite/models/kws_ref_model.tflite" ] && [ -e "$shared/spoken/fsdd.tar.xz" ]; then
        python3 examples/firmware/words.py "$shared/tflite/models/kws_ref_model.tflite" "$shared/spoken/fsdd.tar.xz" "$folder/spoken" || return
    fi
    for words in house spoken; do
        [ -e "$folder/$words" ] || continue
        say "$words $(cargo run -q --example parity adapt "$folder/$words" 2>/dev/null | awk '$2 == "strict" { print $3 }' | sort -u)"
    done
}

wasm() {
    local flags words fingerprint
    host_levels || return
    if have_target wasm32-unknown-unknown && need node nodejs; then
        for flags in "" "-C target-feature=+simd128"; do
            RUSTFLAGS=$flags in_dir examples/wasm cargo_for wasm32-unknown-unknown build --release --features zoo ||
                { bad "wasm32 $flags does not build"; continue; }
            cp "$(built_for wasm32-unknown-unknown)/release/kernlet_wasm.wasm" "$portable_target/$(wasm_name "$flags").wasm"
            same "$(wasm_name "$flags")" "$(node examples/wasm/run.mjs parity "$portable_target/$(wasm_name "$flags").wasm")"
            while read -r words fingerprint; do
                reference=$fingerprint same "two words learnt ($words) on $(wasm_name "$flags")" \
                    "$(node examples/wasm/run.mjs adapt "$portable_target/$(wasm_name "$flags").wasm" "$portable_target/words/$words")"
            done < <(adapted)
        done
        if node examples/wasm/run.mjs speed "$portable_target/wasm32.wasm" "$portable_target/wasm32-simd128.wasm"; then
            ok "wasm32-simd128 against wasm32, a training step"
        else
            bad "wasm32-simd128 is too slow"
        fi
    else
        skip wasm32-unknown-unknown
    fi
}

wasm_name() { if [ -n "$1" ]; then say wasm32-simd128; else say wasm32; fi; }

neon() {
    local target=aarch64-unknown-linux-gnu
    have_target $target && need qemu-aarch64 qemu-user || { skip $target; return; }
    host_levels || return
    while read -r isa rounding fingerprint; do
        if [ "$rounding" = strict ]; then same "$target, ${isa%,}" "$fingerprint"; fi
        if [ "$rounding" = fused ]; then reference=$fused same "$target, ${isa%,} fused" "$fingerprint"; fi
    done < <(on_aarch64 run -q --example parity)
    # Under the emulator go those tests that reach vectors or how numbers lie in memory. The others
    # start programs of this machine, read sources, or count with integers for minutes.
    local test tests=()
    for test in activation batch_norm conv2d data dense dropout elementwise int8 loss math network no_allocation optim \
        pool2d reduce snapshot softmax; do
        tests+=(--test "$test")
    done
    if on_aarch64 test -q --lib "${tests[@]}"; then
        ok "the crate's tests on aarch64"
    else
        bad "the crate's tests on aarch64"
    fi
}

# run_firmware BIN MACHINE: builds it for the machine, runs it, shows what it says.
run_firmware() {
    local elf status
    MACHINE=$2 in_dir examples/firmware cargo_for $firmware build --release --bin "$1" || { bad "$1 does not build"; return; }
    elf=$(built_for $firmware)/release/$1
    emulate "${2%-32k}" "$elf" >"$portable_target/$1.defmt"
    status=$?
    defmt_print "$elf" <"$portable_target/$1.defmt" | tee "$portable_target/$1.log" | sed 's/^/      /'
    if [ $status = 0 ]; then ok "$1 on $2"; else bad "$1 on $2 ends with $status"; fi
}

firmware() {
    local words fingerprint
    have_target $firmware && need qemu-system-arm qemu-system-arm && have_defmt_print || { skip $firmware; return; }
    run_firmware count mps2-an386
    run_firmware infer mps2-an386
    run_firmware model mps2-an386
    run_firmware train_last mps2-an386-32k
    run_firmware train mps2-an386
    trained=$(cargo run -q --example parity train 2>/dev/null)
    for machine in mps2-an386 mps2-an500; do
        [ $machine = mps2-an386 ] || run_firmware train $machine
        reference=$trained same "the whole training on $machine" "$(sed -n 's/^fingerprint //p' "$portable_target/train.log")"
    done
    listened=$(cargo run -q --example parity listen 2>/dev/null | awk '$1 == "portable," && $2 == "strict" { print $3 }')
    for machine in mps2-an386 mps2-an500; do
        run_firmware listen $machine
        reference=$listened same "listening on $machine" "$(sed -n 's/^fingerprint //p' "$portable_target/listen.log")"
    done
    while read -r words fingerprint; do
        ADAPT=$portable_target/words/$words run_firmware adapt mps2-an386
        reference=$fingerprint same "two words learnt ($words) on mps2-an386" "$(sed -n 's/^fingerprint //p' "$portable_target/adapt.log")"
    done < <(adapted)
}

# The models: of our own, and MLPerf Tiny's where their folder is; how many instructions a multiply-accumulate may take
# on a Cortex-M4, and on a Cortex-M0.
model_bounds() {
    local shared=../shared/tflite/models
    cat <<-END
	tests/data/tflite/digits.tflite 6 16
	tests/data/tflite/lstm.tflite 40 60
	tests/data/tflite/streaming.tflite 52 127
	END
    [ -d $shared ] || { say "      MLPerf Tiny's models are not measured: no $shared" >&2; return; }
    cat <<-END
	$shared/kws_ref_model.tflite 2.1 6.5
	$shared/vww_96_int8.tflite 2.1 6.5
	$shared/pretrainedResnet_quant.tflite 1.7 6
	$shared/ad01_int8.tflite 1.6 6
	END
}

# run_models TARGET MACHINE COLUMN: each model, read at run time, writes what it should, in no more instructions than that
# column of the bounds says.
run_models() {
    local target=$1 machine=$2 elf model bounds log each most
    have_target "$target" && need qemu-system-arm qemu-system-arm && need python3 python3 && have_defmt_print || { skip "$target"; return; }
    MACHINE=$machine in_dir examples/firmware cargo_for "$target" build --release --bin models || { bad "models for $target"; return; }
    elf=$(built_for "$target")/release/models
    while read -r model bounds; do
        most=$(say "$bounds" | cut -d' ' -f"$3")
        python3 examples/firmware/blob.py "$model" >"$portable_target/blob" || { bad "$model"; continue; }
        log=$(emulate "$machine" "$elf" -device loader,file="$portable_target/blob",addr=0x21000000,force-raw=on | defmt_print "$elf")
        each=$(say "$log" | sed -n 's/^all: .*, \(.*\) each$/\1/p')
        if ! say "$log" | grep -q '^outputs equal'; then
            bad "$(basename "$model") for $target: $log"
        elif awk "BEGIN { exit !($each <= $most) }"; then
            ok "$(basename "$model") for $target: $each instructions a multiply-accumulate, at most $most"
        else
            bad "$(basename "$model") for $target: $each instructions a multiply-accumulate instead of $most: $log"
        fi
    done < <(model_bounds)
}

models() {
    run_models $firmware mps2-an386 1
    # A Cortex-M3, which runs what is built for a Cortex-M0.
    run_models thumbv6m-none-eabi mps2-an385 2
}

# The names that a panic leaves in an ELF: the handler, what calls it, and what formats its message.
panics() { nm -C "$1" | grep -E 'rust_begin_unwind|panic|_fail\b|unwrap_failed|expect_failed|core::fmt'; }

panic() {
    have_target $firmware || { skip $firmware; return; }
    in_dir examples/firmware cargo_for $firmware build --release --bin step --bin step_zoo --bin forward_model ||
        { bad "step does not build"; return; }
    for bin in step step_zoo forward_model; do
        if panics "$(built_for $firmware)/release/$bin"; then bad "$bin can panic"; else ok "$bin: no panic in its symbols"; fi
    done
}

tree() {
    local direct
    direct=$(cargo tree -q -p kernlet --no-default-features -e normal --depth 1 --prefix none | awk 'NR > 1 { print $1 }' | sort | tr '\n' ' ')
    if [ "$direct" = "bytemuck heapless libm num-traits wide " ]; then ok "depends on $direct"; else bad "depends on $direct"; fi
    if cargo tree -q -p kernlet --no-default-features -e normal,build --prefix none | grep -E '^(cc|cmake|bindgen|pkg-config) '; then
        bad "a dependency wants a C compiler"
    else
        ok "no dependency wants a C compiler"
    fi
}

parts=${*:-tree panic parity wasm firmware models neon}
for part in $parts; do $part; done
say "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
