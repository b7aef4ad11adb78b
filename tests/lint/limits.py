#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Limits that no compiler checks: length of functions (100) and files (600), banned calls, licence lines, white space."""

import re
import subprocess
import sys

MAX_FUNCTION = 100
MAX_FILE = 600
# Calls that cannot be used safely, or that have a checked helper in runtime/lib/base.
BANNED = {
    "strcpy": "strbuf", "strcat": "strbuf", "sprintf": "snprintf or strbuf_addf", "vsprintf": "vsnprintf",
    "strtok": "strcspn", "gmtime": "gmtime_r", "localtime": "localtime_r", "mktemp": "mkstemp", "tmpnam": "mkstemp",
    "atoi": "parse_u32", "atol": "parse_i64", "gets": "getline", "system": "process_spawn", "popen": "process_run",
    "alloca": "malloc", "strncpy": "snprintf or memcpy", "getpwnam": "no NSS in static programs",
}
CALL = re.compile(r"(?<![\w.>\"])(" + "|".join(BANNED) + r")\s*\(")


def strip_comments(text):
    """Comments and string bodies become blanks; line numbers stay."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def functions(files):
    out = subprocess.run(["ctags", "--languages=C", "--kinds-C=f", "--fields=+ne", "-x", "--_xformat=%F\t%N\t%n\t%e"] + files,
                         capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        name, func, start, end = line.split("\t")
        if end.isdigit():
            yield name, func, int(start), int(end) - int(start) + 1


def main(files):
    bad = 0

    def complain(where, what):
        nonlocal bad
        bad += 1
        print(f"{where}: {what}", file=sys.stderr)

    for name, func, start, length in functions(files):
        if length > MAX_FUNCTION:
            complain(f"{name}:{start}", f"{func}() has {length} lines, the limit is {MAX_FUNCTION}")
    for name in files:
        with open(name) as f:
            text = f.read()
        lines = text.splitlines()
        if len(lines) > MAX_FILE:
            complain(name, f"{len(lines)} lines, the limit is {MAX_FILE}")
        if not lines or "SPDX-License-Identifier: Apache-2.0" not in lines[0]:
            complain(f"{name}:1", "no SPDX line")
        if text and not text.endswith("\n"):
            complain(name, "no newline at the end")
        for i, line in enumerate(strip_comments(text).splitlines(), 1):
            m = CALL.search(line)
            if m:
                complain(f"{name}:{i}", f"{m.group(1)}() is banned: use {BANNED[m.group(1)]}")
        for i, line in enumerate(lines, 1):
            if line != line.rstrip():
                complain(f"{name}:{i}", "white space at the end of the line")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
