#!/usr/bin/env bash
# What a program with kernlet costs in flash and RAM.
#
#   tests/sizes.sh           # prints the table
#   tests/sizes.sh update    # writes it into docs/firmware.md
#   tests/sizes.sh check     # fails where a size is more than 5 % above that table
#
# The programs are examples/firmware's `forward`, `forward_static`, `forward_listen` and `step`, which have
# no logger, for a Cortex-M4F, and examples/wasm. Flash is the vector table, code and
# constants without weights, RAM is what the linker placed; the stack is measured in the
# emulator. Inference at opt-level s may have 16 KiB of code and constants.
# A second table is of MLPerf Tiny's models in `forward_model`, which may have no larger arena than TensorFlow Lite
# Micro. They are measured where ../shared/tflite/models is; elsewhere that table stays as it is.
set -euo pipefail
cd "$(dirname "$0")/.."
# One compiler, so that sizes can be compared; KERNLET_TOOLCHAIN=rustup takes another.
: "${KERNLET_TOOLCHAIN:=debian}"
. tests/toolchains.sh

firmware=thumbv7em-none-eabihf
weights=$(stat -c %s examples/firmware/digits.knl)
listener=$(stat -c %s examples/parity/listener.knl)
most_inference=$((16 * 1024))
vectors=1024

have_target $firmware && have_target wasm32-unknown-unknown && need qemu-system-arm qemu-system-arm || {
    [ -z "${CI:-}" ] || exit 1
    say "skip  sizes"
    exit
}

# row NAME ELF WEIGHTS [ARENA]: flash without weights, RAM or the arena alone, stack.
row() {
    local stack
    stack=$(timeout 60 qemu-system-arm -nographic -monitor none -serial none -machine mps2-an386 \
        -semihosting-config enable=on,target=native -kernel "$2" </dev/null 2>&1) || die "$2 fails: $stack"
    size -A "$2" | awk -v name="$1" -v weights="$3" -v stack="${stack//[^0-9]/}" -v arena="${4:-}" '
        $1 ~ /^\.(vector_table|text|rodata|data)$/ { flash += $2 }
        $1 ~ /^\.(data|bss|uninit)$/ { ram += $2 }
        END { printf "| %s | %d | %d | %d |\n", name, flash - weights, arena == "" ? ram : arena, stack }'
}

table() {
    local level folder
    printf '| program | flash | RAM | stack |\n|---|---|---|---|\n'
    folder=$(built_for $firmware)/release
    for level in s 3; do
        (cd examples/firmware && CARGO_PROFILE_RELEASE_OPT_LEVEL=$level \
            cargo_for $firmware build --quiet --release --bin forward --bin forward_static --bin forward_listen --bin step) >&2
        row "inference, opt-level $level" "$folder/forward" 0
        row "inference with static weights, opt-level $level" "$folder/forward_static" "$weights"
        row "listening, opt-level $level" "$folder/forward_listen" "$listener"
        row "training, opt-level $level" "$folder/step" 0
    done
    for flags in "" "-C target-feature=+simd128"; do
        (cd examples/wasm && RUSTFLAGS=$flags cargo_for wasm32-unknown-unknown build --quiet --release) >&2
        printf '| WASM module%s | %d | | |\n' "${flags:+ with simd128}" \
            "$(stat -c %s "$(built_for wasm32-unknown-unknown)/release/kernlet_wasm.wasm")"
    done
}

# The models, and the head of the arena that TensorFlow Lite Micro needs for each.
models=../shared/tflite/models
model_heads() {
    cat <<-END
	keywords kws_ref_model 16000
	person vww_96_int8 73728
	CIFAR-10 pretrainedResnet_quant 49152
	autoencoder ad01_int8 768
	END
}

model_table() {
    local name file head elf arena
    printf '| model | flash | arena | stack |\n|---|---|---|---|\n'
    elf=$(built_for $firmware)/release/forward_model
    while read -r name file head; do
        (cd examples/firmware && MODEL=$(realpath "../../$models/$file.tflite") CARGO_PROFILE_RELEASE_OPT_LEVEL=s \
            cargo_for $firmware build --quiet --release --bin forward_model) >&2 || return
        arena=$((16#$(nm -S "$elf" | awk '$4 ~ /forward_model.*ARENA/ { print $2 }')))
        [ "$arena" -le "$head" ] || { say "error: $name: an arena of $arena bytes, TensorFlow Lite Micro has $head" >&2; return 1; }
        row "$name, opt-level s" "$elf" "$(stat -c %s "$models/$file.tflite")" "$arena" || return
    done < <(model_heads)
}

# into_docs MARK TABLE: in place of what stands between the mark and its end.
into_docs() {
    awk -v mark="$1" -v table="$2" '$0 == "<!-- " mark " -->" { print; print table; skip = 1; next }
        $0 == "<!-- end of " mark " -->" { skip = 0 } !skip' docs/firmware.md >"$portable_target/firmware.md"
    cp "$portable_target/firmware.md" docs/firmware.md
}

sizes=$(table)
say "$sizes"
sizes_of_models=
if [ -d $models ]; then
    sizes_of_models=$(model_table)
    say "$sizes_of_models"
else
    say "MLPerf Tiny's models are not measured: no $models"
fi
awk -F'|' -v most=$((most_inference + vectors)) '/inference.* s / && $3 > most { print "error:" $2 "takes more than " most " bytes"; bad = 1 } END { exit bad }' \
    <<<"$sizes" >&2

case ${1:-} in
    update)
        into_docs sizes "$sizes"
        [ -z "$sizes_of_models" ] || into_docs "sizes of models" "$sizes_of_models"
        ;;
    check)
        awk -F' *[|] *' '
            NR == FNR { for (i = 3; i <= 5; i++) old[$2, i] = $i; next }
            $2 == "" || $2 == "program" || $2 == "model" || $2 ~ /^-/ { next }
            !(($2, 3) in old) { print "error: not in docs/firmware.md: " $2; bad = 1; next }
            { for (i = 3; i <= 5; i++) if ($i > old[$2, i] * 1.05) { print "error: " $2 ": " $i " bytes, in docs/firmware.md " old[$2, i]; bad = 1 } }
            END { exit bad }' <(sed -n '/^<!-- sizes/,/^<!-- end of sizes/p' docs/firmware.md) <(say "$sizes" "$sizes_of_models") >&2
        ;;
esac
