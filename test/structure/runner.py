#!/usr/bin/env python3
"""Whether each test case is counted once, whatever its process does: runner.py RUN_TESTS.PY."""

import importlib.util
import signal
import sys
import unittest
from unittest import mock

spec = importlib.util.spec_from_file_location("run_tests", sys.argv.pop(1))
run_tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(run_tests)

LISTING = """\
first*
    plain*
    of_a_type<ns__(anonymous namespace)__in memory>*: described
    last*
second*
    inner*
        deep*
"""
CASES = ["first/plain", "first/of_a_type<ns__(anonymous namespace)__in memory>", "first/last", "second/inner/deep"]


def log_of(cases, ends):
    """What a process writes that runs the cases; each of them ends, but for the last one where `ends` is false."""
    lines = []
    for case in cases:
        *suites, name = case.split("/")
        lines += [f'Entering test suite "{suite}"' for suite in suites] + [f'Entering test case "{name}"']
        if case != cases[-1] or ends:
            lines.append(f'Leaving test case "{name}"; testing time: 1us')
            lines += [f'Leaving test suite "{suite}"; testing time: 1us' for suite in reversed(suites)]
    return "\n".join(lines)


class Runner(unittest.TestCase):
    def run_with(self, *processes):
        """The outcome where each process runs so many of the cases that are wanted, and ends with such a status."""
        left = list(processes)

        def execute(test, arguments, environment):
            if "--list_content=HRF" in arguments:
                return 0, LISTING
            wanted = [a.removeprefix("--run_test=") for a in arguments if a.startswith("--run_test=")] or CASES
            count, ends, status = left.pop(0)
            with open(next(a for a in arguments if a.startswith("--log_sink="))[11:], "w", encoding="utf-8") as log:
                log.write(log_of(wanted[:count], ends))
            return status, ""

        test = {"name": "layer", "cmd": ["test_layer"], "workdir": "", "env": {}, "timeout": 0}
        with mock.patch.object(run_tests, "execute", execute):
            return run_tests.run_boost_test(test, "layer")

    def test_all_cases_are_known(self):
        self.assertEqual(run_tests.case_names(LISTING), CASES)

    def test_a_process_that_ends_well(self):
        self.assertEqual(self.run_with((4, True, 0)).passed, CASES)

    def test_a_case_that_ends_its_process(self):
        for status in (-signal.SIGSEGV, "a case that did not end in time"):
            for n in range(4):
                with self.subTest(status=status, case=CASES[n]):
                    outcome = self.run_with((n + 1, False, status), (4, True, 0))
                    self.assertEqual(outcome.failed, [CASES[n]])
                    self.assertEqual(outcome.passed, CASES[:n] + CASES[n + 1:])
                    self.assertEqual(outcome.skipped, [])

    def test_a_process_that_ends_between_cases(self):
        outcome = self.run_with((2, True, 66), (4, True, 0))
        self.assertEqual(outcome.passed, CASES)
        self.assertEqual(outcome.failed, ["(the end of the process)"])

    def test_processes_that_all_end_early(self):
        outcome = self.run_with(*[(0, True, 1)] * run_tests.PROCESSES)
        self.assertEqual(outcome.skipped, CASES)
        self.assertEqual(outcome.failed, ["(the end of the process)"] * run_tests.PROCESSES)


if __name__ == "__main__":
    unittest.main()
