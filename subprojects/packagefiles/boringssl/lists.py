"""Prints the lists of gen/sources.json that a Linux build needs, each on a line: its name, then its files."""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    sources = json.load(file)

asm = sources["bcm"]["asm"] + sources["crypto"]["asm"]
# Each file guards itself by architecture; the other platforms' ones would only cost time.
linux_asm = [path for path in asm if not path.endswith(("-apple.S", "-win.S"))]

print("crypto", *sources["bcm"]["srcs"], *sources["crypto"]["srcs"])
print("asm", *linux_asm)
print("ssl", *sources["ssl"]["srcs"])
