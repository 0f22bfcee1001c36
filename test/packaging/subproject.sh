#!/usr/bin/env bash
# A meson project with this one in its subprojects/ builds, its own warnings as errors, and nothing of ours leaks into it.
#   subproject.sh SOURCE_DIR BUILD_DIR MESON_ARGUMENT...
# The library was compiled in BUILD_DIR already. It is taken from there, but for one source, unless FULL_SUBPROJECT is set.
# The superproject is kept in BUILD_DIR from run to run, so that only what changed is compiled again.
set -euo pipefail
source_dir=$1 build_dir=$2 work_dir=$2/superproject
shift 2

mkdir -p "$work_dir/subprojects"
ln -sfn "$source_dir" "$work_dir/subprojects/asio-acme"
if [[ -d $source_dir/subprojects/boringssl ]]; then
    ln -sfn "$source_dir/subprojects/boringssl" "$work_dir/subprojects/boringssl"
fi
cp -u "$source_dir"/test/packaging/{program,kit_program}.cpp "$work_dir/"
cat >"$work_dir/meson.build.new" <<'BUILD'
project('super', 'cpp', default_options: ['cpp_std=c++20', 'warning_level=2', 'werror=true'])
executable('program', 'program.cpp', dependencies: dependency('asio-acme', fallback: 'asio-acme'))
executable('kit_program', 'kit_program.cpp', dependencies: dependency('asio-acme-testing', fallback: 'asio-acme'))
BUILD
cmp -s "$work_dir/meson.build.new" "$work_dir/meson.build" || cp "$work_dir/meson.build.new" "$work_dir/meson.build"

cd "$work_dir"
[[ -e build/build.ninja ]] || meson setup build -Dbuildtype=plain "$@"
if [[ -n ${FULL_SUBPROJECT-} ]]; then
    ninja -C build -j "$(nproc)" program kit_program
else
    ninja -C build program.p/program.cpp.o kit_program.p/kit_program.cpp.o "$(ninja -C build -t targets all | sed -n 's/^\([^:]*protocol_error\.cpp\.o\):.*/\1/p')"
    for library in lib/libasio-acme{,-testing}.{so.0,a} subprojects/boringssl/libasio-acme-{ssl,crypto}.{so,a}; do
        copy=build/${library/#lib/subprojects\/asio-acme\/lib}
        [[ ! -e $build_dir/$library ]] || cp "$build_dir/$library" "$copy"
    done
    for program in program kit_program; do
        (cd build && sh -c "$(ninja -t commands "$program" | tail -n 1)")
    done
fi

test "$(build/program)" = works
test "$(build/kit_program)" = works

# Neither our tests and examples, nor our warning flags, are the superproject's.
if ninja -C build -t targets all | grep -E '(test|examples)/[^ ]*\.cpp\.o'; then
    echo 'tests or examples are part of a superproject' >&2
    exit 1
fi
command=$(ninja -C build -t commands program | grep -e '-c \.\./program\.cpp')
if grep -E -e '-Wconversion|-Wshadow' <<<"$command"; then
    echo 'our warning flags leak' >&2
    exit 1
fi
