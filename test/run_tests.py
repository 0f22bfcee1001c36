#!/usr/bin/env python3
"""Runs the tests of a build folder and counts test cases: run_tests.py BUILD_DIR [FILTER].

A Boost.Test executable counts as its test cases; any other test is one case. What passes is one line, what fails is shown whole.
"""

import concurrent.futures
import dataclasses
import json
import math
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ENTER = re.compile(r'Entering test (suite|case) "(.*)"$')
LEAVE = re.compile(r'Leaving test (suite|case) "(.*)"; ')
SKIP = re.compile(r'Test (suite|case) "(.*)" is skipped because (.*)$')
ERROR = re.compile(r"(^|: )(fatal )?error: ")

SUPPRESSIONS = pathlib.Path(__file__).with_name("thread_sanitizer.suppressions").resolve()
SYMBOLIZER = shutil.which("llvm-symbolizer-19") or shutil.which("llvm-symbolizer") or ""
SANITIZERS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": f"halt_on_error=1:second_deadlock_stack=1:suppressions={SUPPRESSIONS}:"
                    f"external_symbolizer_path={SYMBOLIZER}",
    "ASAN_SYMBOLIZER_PATH": SYMBOLIZER,
}


# A case that ends its process costs the others nothing, as long as there are few of them.
PROCESSES = 4
LONGEST_TEST = 7200  # seconds, where a test has no limit of its own


@dataclasses.dataclass
class Outcome:
    """What became of one test: names of cases, and the text that explains the failures."""

    name: str
    passed: list = dataclasses.field(default_factory=list)
    failed: list = dataclasses.field(default_factory=list)
    skipped: list = dataclasses.field(default_factory=list)
    text: str = ""
    seconds: float = 0.0


def execute(test, arguments, environment):
    """(exit status, output); the status is a text when the time was up. The whole process group ends with the test."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            test["cmd"] + arguments, cwd=test["workdir"] or None, env=environment, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = process.wait(test["timeout"] or None)
        except subprocess.TimeoutExpired:
            status = f"no end within {test['timeout']:.0f} seconds"
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        output.seek(0)
        if status == -signal.SIGALRM:
            status = "a case that did not end in time"
        return status, output.read().decode(errors="replace")


def environment_of(test):
    environment = dict(SANITIZERS)
    environment.update(os.environ)
    environment.update(test["env"])
    return environment


def case_names(listing):
    """The full names of the test cases in the output of --list_content: four spaces a level, '*' where enabled."""
    names, path, leaf = [], [], None
    for line in listing.splitlines():
        match = re.match(r"((?:    )*)([^\s*:][^*:]*)\*?(:.*)?$", line)
        if not match:
            continue
        depth = len(match.group(1)) // 4
        if leaf is not None and depth <= leaf:
            names.append("/".join(path))
        path = path[:depth] + [match.group(2)]
        leaf = depth
    if leaf is not None:
        names.append("/".join(path))
    return names


def read_log(log, wanted, outcome):
    """Sorts the cases of a Boost.Test log of level test_suite; returns the case that was begun and never ended, if any."""
    path, failing, began = [], False, False
    for line in log.splitlines():
        if match := ENTER.search(line):
            path.append(match.group(2))
            failing, began = False, match.group(1) == "case"
        elif match := LEAVE.search(line):
            if match.group(1) == "case":
                (outcome.failed if failing else outcome.passed).append("/".join(path))
                failing = began = False
            if path:
                path.pop()
        elif match := SKIP.search(line):
            skipped = match.group(2)
            # What a filter leaves out is logged as skipped too, but nobody asked for it.
            outcome.skipped += [name for name in wanted if name == skipped or name.startswith(skipped + "/")]
        elif ERROR.search(line):
            failing = True
    return "/".join(path) if began else None


def run_boost_test(test, filter_text):
    outcome = Outcome(test["name"])
    environment = environment_of(test)
    _, listing = execute(test, ["--list_content=HRF", "--color_output=no"], environment)
    names = case_names(listing)
    everything = filter_text in test["name"]
    wanted = names if everything else [name for name in names if filter_text in f"{test['name']}/{name}"]
    if not names:
        outcome.failed.append("(no test cases)")
        outcome.text = listing
    arguments = [] if everything else ["--run_test=" + name for name in wanted]
    end = time.monotonic() + (test["timeout"] or math.inf)
    left = wanted
    for _ in range(PROCESSES):
        if not left or time.monotonic() >= end:
            break
        rest = {**test, "timeout": min(end - time.monotonic(), LONGEST_TEST)}
        left = run_cases(rest, left, arguments, environment, outcome)
        arguments = ["--run_test=" + name for name in left]
    outcome.skipped += left
    if left:
        outcome.text += f"{len(left)} cases were not run after that\n"
    return outcome


def run_cases(test, wanted, arguments, environment, outcome):
    """Runs the cases in one process; returns those that it did not come to."""
    part = Outcome(test["name"])
    with tempfile.NamedTemporaryFile(suffix=".log") as log_file:
        status, output = execute(
            test, arguments + ["--color_output=no", "--catch_system_errors=no", "--log_level=test_suite",
                               "--log_sink=" + log_file.name, "--report_level=no"], environment)
        log = log_file.read().decode(errors="replace")
    unfinished = read_log(log, wanted, part)
    if unfinished is not None:
        part.failed.append(unfinished)
    if status != 0 and not part.failed:
        part.failed.append("(the end of the process)")
    if part.failed:
        outcome.text += f"{output}\n{errors_of(log)}\nexit status: {status}\n"
    outcome.passed += part.passed
    outcome.failed += part.failed
    outcome.skipped += part.skipped
    seen = {*part.passed, *part.failed, *part.skipped}
    return [] if status == 0 else [name for name in wanted if name not in seen]


def errors_of(log):
    return "\n".join(line for line in log.splitlines() if not (ENTER.search(line) or LEAVE.search(line) or SKIP.search(line)))


def run_script(test, filter_text):
    outcome = Outcome(test["name"])
    if filter_text in test["name"]:
        status, output = execute(test, [], environment_of(test))
        if status == 77:
            outcome.skipped.append(test["name"])
        elif status == 0:
            outcome.passed.append(test["name"])
        else:
            outcome.failed.append(test["name"])
            outcome.text = f"{output}\nexit status: {status}\n"
    return outcome


def run(test, filter_text):
    start = time.monotonic()
    boost = os.path.basename(test["cmd"][0]).startswith("test_")
    try:
        outcome = (run_boost_test if boost else run_script)(test, filter_text)
    except OSError as error:
        outcome = Outcome(test["name"], failed=["(its start)"], text=str(error))
    outcome.seconds = time.monotonic() - start
    return outcome


def show(outcome):
    cases = [len(outcome.passed), len(outcome.failed), len(outcome.skipped)]
    if not any(cases):
        return
    line = f"{outcome.name:16} {cases[0]:5} passed"
    line += f", {cases[1]} failed" if cases[1] else ""
    line += f", {cases[2]} skipped" if cases[2] else ""
    print(f"{line}  ({outcome.seconds:.1f} s)", flush=True)
    if outcome.failed:
        print(outcome.text.strip(), flush=True)
        for name in outcome.failed:
            print(f"FAILED: {outcome.name}/{name}", flush=True)


def main():
    build_dir, filter_text = sys.argv[1], (sys.argv + [""])[2]
    introspection = subprocess.run(["meson", "introspect", "--tests", build_dir], check=True, capture_output=True)
    tests = json.loads(introspection.stdout)
    if "/" in filter_text:
        tests = [test for test in tests if test["name"] == filter_text.split("/")[0]]
    together = [test for test in tests if test.get("is_parallel", True)]
    alone = [test for test in tests if not test.get("is_parallel", True)]
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for future in concurrent.futures.as_completed([pool.submit(run, test, filter_text) for test in together]):
            outcomes.append(future.result())
            show(outcomes[-1])
    for test in alone:
        outcomes.append(run(test, filter_text))
        show(outcomes[-1])
    passed, failed, skipped = (sum(len(getattr(o, kind)) for o in outcomes) for kind in ("passed", "failed", "skipped"))
    if not passed and not failed:
        print("no test was run", flush=True)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
