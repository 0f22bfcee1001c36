#!/usr/bin/env bash
# An installed library serves a program that knows nothing but `pkg-config asio-acme`.
#   installed.sh SOURCE_DIR BUILD_DIR PREFIX LIBDIR COMPILER...
set -euo pipefail
source_dir=$1 build_dir=$2 prefix=$3 libdir=$4
# The installed library is to be found by its own word, not by that of the test runner.
unset LD_LIBRARY_PATH
shift 4
compiler=("$@")

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

meson install -C "$build_dir" --no-rebuild --quiet --destdir "$root"
installed=$root$prefix
export PKG_CONFIG_PATH=$installed/$libdir/pkgconfig
flags=(--define-variable=prefix="$installed" asio-acme)

test "$(pkg-config --modversion asio-acme)" = "$(meson introspect --projectinfo "$build_dir" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["version"])')"

read -ra cflags <<<"$(pkg-config --cflags "${flags[@]}")"
read -ra libs <<<"$(pkg-config --libs "${flags[@]}")"
"${compiler[@]}" -std=c++20 -Wall -Wextra -Werror "${cflags[@]}" "$source_dir/test/packaging/program.cpp" \
    -o "$root/program" "${libs[@]}"
test "$("$root/program")" = works

# The test kit is a library of its own, which brings the other along.
compile_kit() { # PKG_CONFIG_ARGUMENT...
    read -ra kit_flags <<<"$(pkg-config --define-variable=prefix="$installed" --cflags "$@" asio-acme-testing)"
    read -ra kit_libs <<<"$(pkg-config --define-variable=prefix="$installed" --libs "$@" asio-acme-testing)"
    "${compiler[@]}" -std=c++20 -Wall -Wextra -Werror "${kit_flags[@]}" "$source_dir/test/packaging/kit_program.cpp" \
        -o "$root/kit_program" "${kit_libs[@]}"
    test "$("$root/kit_program")" = works
}
compile_kit
if ldd "$root/program" | grep -F libasio-acme-testing; then
    echo 'a program without tests loads the test kit' >&2
    exit 1
fi

# One TLS library in the process, and it is not OpenSSL.
if ldd "$root/program" | grep -E 'lib(ssl|crypto)\.so\.[1-9]|not found'; then
    echo 'the program loads a wrong TLS library, or misses one' >&2
    exit 1
fi

# Whatever header is public, it arrives.
diff <(cd "$source_dir/include" && find acme -name '*.hpp' | sort) <(cd "$installed/include" && find acme -name '*.hpp' | sort)

# The static libraries are linked by the same files' word.
if [[ -e $installed/$libdir/libasio-acme.a && -e $installed/$libdir/libasio-acme.so ]]; then
    rm "$installed/$libdir"/libasio-acme{,-testing}.so*
    read -ra libs <<<"$(pkg-config --static --libs "${flags[@]}")"
    "${compiler[@]}" -std=c++20 "${cflags[@]}" "$source_dir/test/packaging/program.cpp" -o "$root/program" "${libs[@]}"
    test "$("$root/program")" = works
    compile_kit --static
fi
