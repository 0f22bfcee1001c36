#!/usr/bin/env bash
# Which packages test/packages wants on which system.
set -euo pipefail
packages=$1/test/packages
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

expect() { # OS_RELEASE_TEXT SETS PACKAGES
    printf '%b' "$1" >"$work/os-release"
    local got
    # shellcheck disable=SC2086
    got=$("$packages" --list "$work/os-release" $2 | xargs)
    if [[ $got != "$3" ]]; then
        printf 'for %s (%s)\n  expected %s\n  got      %s\n' "$1" "$2" "$3" "$got"
        failed=1
    fi
}

tools='g++ meson ninja-build pkgconf ccache python3 android-libboringssl-dev'
debian_12='PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n'
debian_13='VERSION_ID="13"\nID=debian\n'
ubuntu_24='ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n'
expect "$debian_12" build "$tools libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev"
expect "$debian_12" 'test pebble' 'curl openssl libboost-test1.81-dev pebble ca-certificates'
expect "$debian_12" 'test etcd' 'curl openssl libboost-test1.81-dev etcd-server'
expect "$debian_13" build "$tools libboost1.83-dev libboost-json1.83-dev libboost-url1.83-dev"
expect "$debian_13" test 'curl openssl libboost-test1.83-dev'
expect "$ubuntu_24" build "$tools libboost1.83-dev libboost-json1.83-dev libboost-url1.83-dev"
expect "$ubuntu_24" clang "clang-19 libclang-rt-19-dev llvm-19"
expect 'ID=debian\n' test 'curl openssl libboost-test-dev'
expect 'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"\n' build "$tools libboost-dev libboost-json-dev libboost-url-dev"

printf '%b' "$debian_12" >"$work/os-release"
if "$packages" --list "$work/os-release" no-such-set 2>/dev/null; then
    echo 'an unknown set was accepted'
    failed=1
fi

# With every package missing: what an ordinary user is told, and what root's apt-get is told. The system is the one below.
mkdir "$work/bin"
stub() { # NAME SCRIPT
    printf '#!/bin/sh\n%s\n' "$2" >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}
stub dpkg-query 'exit 1'
stub apt-get "echo \"\$*\" >>$work/apt-get.log"
stub sudo 'exit 1'
export PATH=$work/bin:$PATH

stub id 'echo 1000'
if told=$("$packages" clang 2>&1 </dev/null); then
    echo 'missing packages were taken for installed ones'
    failed=1
fi
if [[ $told != *'apt-get update && apt-get install -y --no-install-recommends --no-remove clang-19 libclang-rt-19-dev llvm-19'* || -e $work/apt-get.log ]]; then
    printf 'a user without sudo was told:\n%s\n' "$told"
    failed=1
fi

stub id 'echo 0'
"$packages" clang 2>/dev/null || failed=1
if [[ $(cat "$work/apt-get.log") != $'update\ninstall -y --no-install-recommends --no-remove clang-19 libclang-rt-19-dev llvm-19' ]]; then
    echo "root's apt-get was told:"
    cat "$work/apt-get.log"
    failed=1
fi

stub apt-get 'echo no network; exit 100'
if told=$("$packages" clang 2>&1) || [[ $told != *'no network'*'could not be installed: clang-19 libclang-rt-19-dev llvm-19'* ]]; then
    printf 'a failure of apt-get was not told:\n%s\n' "$told"
    failed=1
fi
exit $failed
