#!/usr/bin/env python3
"""Runs the fuzzers of a build folder, two at a time, each as one test case: run_fuzzers.py BUILD_DIR SECONDS [FILTER].

What a fuzzer finds on the way is kept in BUILD_DIR/corpus, and what it crashes on in BUILD_DIR/crashes.
"""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

SEEDS = pathlib.Path(__file__).resolve().with_name("fuzz") / "corpus"
SYMBOLIZER = shutil.which("llvm-symbolizer-19") or shutil.which("llvm-symbolizer") or ""


def run(fuzzer, build_dir, seconds):
    """Whether nothing was found, and what there is to say."""
    name = fuzzer.name.removeprefix("fuzz_")
    corpus, crashes = build_dir / "corpus" / name, build_dir / "crashes"
    corpus.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(exist_ok=True)
    command = [fuzzer, corpus, SEEDS / name, f"-max_total_time={seconds}", "-max_len=16384", "-timeout=10",
               "-print_final_stats=1", f"-artifact_prefix={crashes}/{name}-"]
    environment = dict(os.environ, ASAN_SYMBOLIZER_PATH=SYMBOLIZER, UBSAN_OPTIONS="print_stacktrace=1")
    try:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=seconds + 120)
        status, output = done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired:
        status, output = "no end", ""
    count = re.search(r"number_of_executed_units: (\d+)", output)
    if status == 0:
        return True, f"{name}: {count.group(1) if count else '?'} executions"
    return False, f"{output[-8000:]}\nFAILED: fuzz/{name} (exit status: {status})"


def main():
    build_dir, seconds, wanted = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2]), (sys.argv + [""])[3]
    fuzzers = sorted(path for path in (build_dir / "test" / "fuzz").glob("fuzz_*")
                     if path.is_file() and os.access(path, os.X_OK) and wanted in path.name)
    passed = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for future in concurrent.futures.as_completed([pool.submit(run, f, build_dir, seconds) for f in fuzzers]):
            good, text = future.result()
            passed += good
            print(text, flush=True)
    print(f"{passed} passed, {len(fuzzers) - passed} failed", flush=True)
    return 0 if passed and passed == len(fuzzers) else 1


if __name__ == "__main__":
    sys.exit(main())
