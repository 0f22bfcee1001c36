"""Each test that FAULTS.md names is there: faults.py ROOT."""

import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
named = re.findall(r"`([a-z_]+)/([a-z0-9_]+)`", (root / "FAULTS.md").read_text())
missing = []
for layer, case in named:
    declared = re.compile(r"_CASE(?:_TEMPLATE)?\(\s*" + case + r"\b")
    if not any(declared.search(source.read_text()) for source in (root / "test" / layer).glob("*.cpp")):
        missing.append(f"{layer}/{case}")
if missing or not named:
    sys.exit("FAULTS.md names tests that are not there: " + ", ".join(missing))
