#!/usr/bin/env python3
"""Include lines may only point down. `layering.py ROOT` checks a source tree; `layering.py --self-test` checks this check."""

import pathlib
import re
import sys
import tempfile

LAYERS = ["crypto", "protocol", "transport", "client", "store", "manager", "server", "testing"]

# A public header belongs to the layer of its source lib/<layer>/<name>.cpp; these have none of their own.
HEADER_ONLY = {
    "clock": "transport",
    "client_hello": "manager",
    "config": "manager",
    "event": "manager",
    "renewal": "protocol",
    "resource": "protocol",
    "self_check": "transport",
    "serve": "server",
    "transport": "transport",
}

# The test kit stands in for what is around these.
UNKNOWN_TO_TESTING = ("client", "manager", "server")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
BEAST_OR_TLS = re.compile(r"boost/(beast|asio/ssl)\b")
ASIO = re.compile(r"boost/(asio|beast|cobalt)\b")
OUTSIDE_WORLD = re.compile(
    r"(thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token|fstream|filesystem"
    r"|unistd\.h|fcntl\.h|netdb\.h|sys/(socket|stat|file|mman|time)\.h)$")


def layer_of_public(root, path):
    """The layer of include/acme/<path>, or None when nothing says it."""
    parts = pathlib.PurePosixPath(path).with_suffix("").parts
    if len(parts) > 1:
        return parts[0] if parts[0] in LAYERS else None
    for layer in LAYERS:
        if layer != "testing" and (root / "lib" / layer / (parts[0] + ".cpp")).exists():
            return layer
    return HEADER_ONLY.get(parts[0])


def layer_of_include(root, quote, path):
    """(layer, complaint) of one include line's target; (None, None) for what is not ours."""
    if path.startswith("acme/"):
        if quote == '"':
            return None, f'a public header is included as <{path}>'
        layer = layer_of_public(root, path[len("acme/"):])
        return layer, None if layer else f"no layer is known for <{path}>"
    if quote == '"':
        layer = pathlib.PurePosixPath(path).parts[0]
        if layer not in LAYERS:
            return None, f'"{path}" is not written from lib/, layer first'
        return layer, None
    return None, None


def check_include(root, layer, quote, path):
    target, complaint = layer_of_include(root, quote, path)
    if complaint:
        return complaint
    if target and LAYERS.index(target) > LAYERS.index(layer):
        return f"{layer} includes {path}, which belongs to the higher layer {target}"
    if layer == "testing" and target in UNKNOWN_TO_TESTING:
        return f"{layer} includes {path}; it tests {target}, and knows nothing of it"
    if layer not in ("transport", "server", "testing") and BEAST_OR_TLS.match(path):
        return f"{layer} includes {path}; only transport, server and testing may"
    if layer in ("crypto", "protocol"):
        if ASIO.match(path):
            return f"{layer} includes {path}, but does no input or output"
        if quote == "<" and OUTSIDE_WORLD.match(path):
            return f"{layer} includes <{path}>, but knows no thread, file or socket"
    return None


def source_files(root):
    """Pairs of a file and its layer (None when it has none)."""
    for path in sorted((root / "include" / "acme").rglob("*.hpp")):
        yield path, layer_of_public(root, path.relative_to(root / "include" / "acme").as_posix())
    for path in sorted((root / "lib").rglob("*.[ch]pp")):
        layer = path.relative_to(root / "lib").parts[0]
        yield path, layer if layer in LAYERS else None


def violations(root):
    found = []
    for path, layer in source_files(root):
        name = path.relative_to(root).as_posix()
        if layer is None:
            found.append(f"{name}: belongs to no layer")
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            complaint = match and check_include(root, layer, *match.groups())
            if complaint:
                found.append(f"{name}:{number}: {complaint}")
    return found


def self_test():
    good = {
        "include/acme/key.hpp": "#include <string>\n",
        "include/acme/manager.hpp": "#include <acme/key.hpp>\n#include <boost/asio/awaitable.hpp>\n",
        "lib/crypto/key.cpp": "#include <acme/key.hpp>\n#include <openssl/ec.h>\n",
        "lib/manager/manager.cpp": '#include <acme/manager.hpp>\n#include "crypto/jose.hpp"\n',
        "lib/server/tls.cpp": "#include <boost/asio/ssl.hpp>\n",
        "lib/testing/key.cpp": "#include <acme/testing/key.hpp>\n#include <boost/beast/http.hpp>\n",
        "include/acme/testing/key.hpp": "#include <acme/key.hpp>\n",
    }
    bad = {
        "lib/crypto/up.cpp": '#include "protocol/order.hpp"\n',
        "lib/client/up.cpp": "#include <acme/manager.hpp>\n",
        "include/acme/key.hpp": "#include <acme/manager.hpp>\n",
        "lib/manager/web.cpp": "  #  include <boost/beast/http.hpp>\n",
        "lib/store/tls.cpp": "#include <boost/asio/ssl/context.hpp>\n",
        "lib/protocol/io.cpp": "#include <boost/asio/awaitable.hpp>\n",
        "lib/protocol/disk.cpp": "#include <fstream>\n",
        "lib/crypto/near.cpp": '#include "jose.hpp"\n',
        "lib/crypto/quoted.cpp": '#include "acme/key.hpp"\n',
        "include/acme/stray.hpp": "\n",
        "lib/elsewhere/file.cpp": "\n",
        "lib/testing/tested.cpp": "#include <acme/manager.hpp>\n",
        "lib/server/tests.cpp": "#include <acme/testing/key.hpp>\n",
    }
    with tempfile.TemporaryDirectory() as folder:
        def write(files):
            for name, text in files.items():
                path = pathlib.Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        write(good)
        assert violations(pathlib.Path(folder)) == [], violations(pathlib.Path(folder))
        for name, text in bad.items():
            write({name: text})
            found = violations(pathlib.Path(folder))
            assert len(found) == 1 and found[0].startswith(name), (name, found)
            pathlib.Path(folder, name).unlink()
            write(good)


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return 0
    found = violations(pathlib.Path(sys.argv[1]).resolve())
    print("\n".join(found) if found else "every include points down")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
