#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom (DESIGN: base < codec < wire, oci, net; osbuilder uses base and codec; the agent uses runtime/lib;
the runtime uses runtime/lib and osbuilder's library). Include roots enforce most of it; this checks what they cannot."""

import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]')
LIB = ["base", "codec", "wire", "oci", "net"]
# Layer directory -> what it may include of runtime/lib. oci may see wire's generated messages, for spec_pb.c.
MAY = {
    "runtime/lib/base/": ["base"],
    "runtime/lib/codec/": ["base", "codec"],
    "runtime/lib/wire/": ["base", "codec", "wire"],
    "runtime/lib/oci/": ["base", "codec", "oci", "wire"],
    "runtime/lib/net/": ["base", "codec", "net"],
    "osbuilder/": ["base", "codec"],
    "kernel/": ["base", "codec"],
    "guest-agent/container/": ["base", "oci"],
}
# Third-party headers end in one place each: header prefix -> files that may see it.
WRAPPERS = {
    "archive": r"osbuilder/compat/la_lib\.h", "ext2fs/": r"osbuilder/compat/e2\w*\.[ch]", "libdeflate": r"osbuilder/compat/z\w*\.c",
    "xxhash": r"osbuilder/compat/xxh\.c", "zlib": r"(osbuilder/compat/z\w*|kernel/kconfig/ikconfig)\.c", "jansson": r"runtime/lib/codec/json\w*\.[ch]",
    "openssl/": r"runtime/lib/codec/(sha|rsa)\w*\.c",
    "libelf": r"(osbuilder/compat/elf(_\w+)?|kernel/kconfig/\w+|runtime/hypervisor/\w+)\.c", "gelf": r"(osbuilder/compat/elf(_\w+)?|kernel/kconfig/\w+|runtime/hypervisor/\w+)\.c",
    "seccomp.h": r"guest-agent/container/seccomp\.c",
}


def main(files):
    bad = 0
    for name in files:
        if name.startswith("tests/"):
            continue
        allowed = next((v for k, v in MAY.items() if name.startswith(k)), None)
        with open(name) as f:
            for i, line in enumerate(f, 1):
                m = INCLUDE.match(line)
                if not m:
                    continue
                inc = m.group(1)
                top = inc.split("/")[0]
                if allowed is not None and top in LIB and "/" in inc and top not in allowed:
                    print(f"{name}:{i}: {inc} is above this layer (may use: {', '.join(allowed)})", file=sys.stderr)
                    bad += 1
                for prefix, where in WRAPPERS.items():
                    if inc.startswith(prefix) and not re.fullmatch(where, name):
                        print(f"{name}:{i}: <{inc}> belongs in {where}", file=sys.stderr)
                        bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
