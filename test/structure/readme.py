"""The README's program is the example: readme.py ROOT."""

import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
example = (root / "examples/hello_https.cpp").read_text()
program = re.search(r"^```cpp\n(.*?)^```$", (root / "README.md").read_text(), re.S | re.M).group(1)
code = example[example.index("#include"):]
if program != code:
    sys.exit("the first program of README.md differs from examples/hello_https.cpp")
