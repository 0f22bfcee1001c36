#!/usr/bin/env bash
# A meson project with this one in its subprojects/ builds, its own warnings as errors, and nothing of ours leaks into it.
#   subproject.sh SOURCE_DIR WORK_DIR MESON_ARGUMENT...
# WORK_DIR is kept from run to run, so that only what changed is compiled again.
set -euo pipefail
source_dir=$1 work_dir=$2
shift 2

mkdir -p "$work_dir/subprojects"
ln -sfn "$source_dir" "$work_dir/subprojects/asio-acme"
if [[ -d $source_dir/subprojects/boringssl ]]; then
    ln -sfn "$source_dir/subprojects/boringssl" "$work_dir/subprojects/boringssl"
fi
cp -u "$source_dir/test/packaging/program.cpp" "$work_dir/"
cat >"$work_dir/meson.build.new" <<'BUILD'
project('super', 'cpp', default_options: ['cpp_std=c++20', 'warning_level=2', 'werror=true'])
executable('program', 'program.cpp', dependencies: dependency('asio-acme', fallback: 'asio-acme'))
BUILD
cmp -s "$work_dir/meson.build.new" "$work_dir/meson.build" || cp "$work_dir/meson.build.new" "$work_dir/meson.build"

cd "$work_dir"
[[ -e build/build.ninja ]] || meson setup build -Dbuildtype=plain "$@"
ninja -C build -j "$(nproc)" program

test "$(build/program)" = works

# Neither our tests and examples, nor our warning flags, are the superproject's.
if ninja -C build -t targets all | grep -E '(test|examples)/[^ ]*\.cpp\.o'; then
    echo 'tests or examples are part of a superproject' >&2
    exit 1
fi
if ninja -C build -t commands program | grep -- '-c program\.cpp\|-c \.\./program\.cpp' | grep -E -- '-Wconversion|-Wshadow'; then
    echo 'our warning flags leak' >&2
    exit 1
fi
ninja -C build -t commands program | grep -c 'program\.cpp' >/dev/null
