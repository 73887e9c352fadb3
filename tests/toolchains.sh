# Compilers and emulators for the targets that are not this machine. Sourced, not run.
#
#   . tests/toolchains.sh
#   need qemu-system-arm qemu-system-arm           # a program, and the Debian package that has it
#   cargo_for thumbv7em-none-eabihf build --release # cargo, with a compiler that has that target
#
# A target that rustup has installed is used from there. Otherwise, on Debian 12,
# the compiler is the security archive's `rustc-web`, whose sources `rust-web-src`
# build `core` and `alloc` for any target; the linker is rustup's own `rust-lld`.
# What is missing is installed where CI is set (as root); elsewhere it is only named.
# KERNLET_TOOLCHAIN=debian passes over rustup's targets.

portable_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
portable_target=${CARGO_TARGET_DIR:-$portable_root/target}
portable_updated=

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Installs Debian packages in CI; elsewhere says how to. False if they are not there afterwards.
debian() {
    if [ -z "${CI:-}" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        say "missing: $* (apt-get install $*)" >&2
        return 1
    fi
    if [ -z "$portable_updated" ]; then
        apt-get -qq update >&2 || return 1
        portable_updated=1
    fi
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@" >/dev/null
}

# need PROGRAM PACKAGE: the program is there, installed if it may be.
need() { command -v "$1" >/dev/null || debian "$2"; }

# engine_tools: what the programs of Spark and Flink need, or all that is missing.
engine_tools() {
    local tool version missing=()
    for tool in cargo java python3 gzip; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    if command -v java >/dev/null; then
        version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -1)
        [ "${version:-0}" -ge 17 ] || missing+=("Java 17 or later (this is ${version:-unknown})")
    fi
    if command -v python3 >/dev/null; then
        python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=("python3's venv module")
    fi
    [ ${#missing[@]} = 0 ] || { printf 'missing: %s\n' "${missing[@]}" >&2; exit 2; }
}

# python_with VENV MODULES PACKAGE...: a virtual environment that can import the modules, made unless it is there.
python_with() {
    [ -x "$1/bin/python" ] || python3 -m venv "$1"
    "$1/bin/python" -c "import $2" 2>/dev/null || "$1/bin/pip" install -q "${@:3}"
}

# tflm_with VENV: that has TensorFlow Lite Micro, and LiteRT.
tflm_with() { python_with "$1" 'tflite_micro, ai_edge_litert' 'tflite-micro==0.dev20261023182759' 'ai-edge-litert>=2,<3'; }

# rustup_has TARGET: the default toolchain can build for it as it is.
rustup_has() {
    [ "${KERNLET_TOOLCHAIN:-}" != debian ] && ls "$(rustc --print target-libdir --target "$1")"/libcore-*.rlib >/dev/null 2>&1
}

# Debian's compiler with its library sources.
debian_rust() {
    [ -x /usr/bin/rustc ] && [ -e /usr/lib/rustlib/src/rust/library/core/Cargo.toml ] && return
    debian rustc-web rust-web-src
}

# rustup's linker, for targets whose own linker is lld.
rust_lld() {
    local lld
    lld=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/rust-lld
    [ -x "$lld" ] || die "no rust-lld beside rustc: install Rust with rustup"
    say "$lld"
}

# A sysroot with `std` for aarch64, from the package of the foreign architecture,
# which is only unpacked: dpkg is not told of another architecture.
aarch64_sysroot() {
    local version dir apt
    version=$(dpkg-query -W -f '${Version}' rustc-web) || return 1
    dir=$portable_target/sysroot-aarch64-$version
    if [ ! -e "$dir/complete" ]; then
        mkdir -p "$dir/apt/lists/partial" "$dir/lib/rustlib"
        apt="-qq -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 -o APT::Sandbox::User=root
            -o Dir::State::Lists=$dir/apt/lists -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache="
        (cd "$dir/apt" && apt-get $apt update && apt-get $apt download "libstd-rust-web-dev:arm64=$version") >&2 || return 1
        dpkg-deb -x "$dir"/apt/libstd-rust-web-dev_*_arm64.deb "$dir/apt/unpacked" || return 1
        mv "$dir/apt/unpacked/usr/lib/rustlib/aarch64-unknown-linux-gnu" "$dir/lib/rustlib/" || return 1
        rm -r "$dir/apt"
        touch "$dir/complete"
    fi
    say "$dir"
}

# A linker for aarch64, and C headers for what the tests' dependencies compile.
aarch64_gcc() {
    need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu &&
        { [ -e /usr/aarch64-linux-gnu/include/stdint.h ] || debian libc6-dev-arm64-cross; }
}

# have_target TARGET: something can build for it; says what is missing otherwise.
have_target() {
    if rustup_has "$1"; then
        [ "$1" != aarch64-unknown-linux-gnu ] || aarch64_gcc
        return
    fi
    debian_rust || { say "missing: target $1 (rustup target add $1)" >&2; return 1; }
    if [ "$1" = aarch64-unknown-linux-gnu ]; then
        aarch64_gcc && aarch64_sysroot >/dev/null
    fi
}

# cargo_for TARGET COMMAND ARGUMENT...: cargo COMMAND --target TARGET ARGUMENT...
#
# RUSTFLAGS holds for the target alone. Debian's compiler gets a target folder of
# its own: the two must not rebuild each other's work.
cargo_for() {
    local target=$1 command=$2 name
    shift 2
    name=$(say "$target" | tr 'a-z.-' 'A-Z__')
    if rustup_has "$target"; then
        if [ "$target" = aarch64-unknown-linux-gnu ]; then
            export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
        fi
        CARGO_TARGET_DIR=$portable_target/portable cargo "$command" --target "$target" "$@"
    elif [ "$target" = aarch64-unknown-linux-gnu ]; then
        env RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$portable_target/portable-debian" \
            "CARGO_TARGET_${name}_LINKER=aarch64-linux-gnu-gcc" RUSTFLAGS="${RUSTFLAGS:-} --sysroot=$(aarch64_sysroot)" \
            cargo "$command" --target "$target" "$@"
    else
        env RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$portable_target/portable-debian" \
            "CARGO_TARGET_${name}_LINKER=$(rust_lld)" \
            cargo "$command" -Zbuild-std=core,alloc --target "$target" "$@"
    fi
}

# The folder that cargo_for's results for a target are under.
built_for() {
    if rustup_has "$1"; then say "$portable_target/portable/$1"; else say "$portable_target/portable-debian/$1"; fi
}

# Prints defmt's frames: `… | defmt_print ELF`.
defmt_print() {
    "$portable_target/tools/bin/defmt-print" --log-format '{s}' -e "$1" stdin
}

# have_defmt_print: defmt's host tool, built once.
have_defmt_print() {
    [ -x "$portable_target/tools/bin/defmt-print" ] && return
    if [ -z "${CI:-}" ]; then
        say "missing: defmt-print (cargo install defmt-print --version 1.2.0 --locked --root $portable_target/tools)" >&2
        return 1
    fi
    cargo install -q defmt-print --version 1.2.0 --locked --debug --root "$portable_target/tools" \
        --target-dir "$portable_target/tools/target"
}
