#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs test programs and counts what they report.

A program speaks TAP: cmocka's own (CMOCKA_MESSAGE_OUTPUT=tap) or what the integration tests print. Every program's output goes to
a file under --results; what failed is shown. With --jobs N, N programs run at once. Exit status: 0 when nothing failed and something ran. The counts are added to
--results/summary, one "passed failed skipped" line a program, from which --total prints the closing line.
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import time

TEST_LINE = re.compile(r"^\s*(ok|not ok)\b\s*\d*\s*-?\s*(.*)$")
PLAN_LINE = re.compile(r"^\s*1\.\.(\d+)")


def parse(text):
    """Counts of one TAP text: passed, failed, skipped, list of skip reasons, planned number or None."""
    passed = failed = 0
    skips = []
    planned = None
    said = ""
    for line in text.splitlines():
        plan = PLAN_LINE.match(line)
        if plan:
            planned = (planned or 0) + int(plan.group(1))
        m = TEST_LINE.match(line)
        if not m:
            if line.startswith("skipped:"):
                said = line[len("skipped:"):].strip()
            continue
        skip = re.search(r"#\s*skip\s*(.*)$", m.group(2), re.IGNORECASE)
        if skip and m.group(1) == "not ok":
            # cmocka's form: "not ok N # SKIP name", and the reason is what the test printed last.
            skips.append((skip.group(1).strip(), said or "no reason given"))
        elif skip:
            skips.append((m.group(2).split("#")[0].strip(), skip.group(1).strip() or "no reason given"))
        elif m.group(1) == "not ok":
            failed += 1
        else:
            passed += 1
    return passed, failed, skips, planned


def run(program, args, timeout, under=()):
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="tap", PYTHONUNBUFFERED="1")
    argv = [sys.executable, program] if program.endswith(".py") else [*under, program]
    start = time.monotonic()
    try:
        p = subprocess.run(argv + args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, env=env, timeout=timeout, start_new_session=True)
        text, status = p.stdout.decode(errors="replace"), p.returncode
    except subprocess.TimeoutExpired as e:
        text = (e.stdout or b"").decode(errors="replace") + f"\nnot ok - timed out after {timeout} s\n"
        status = 0
    return text, status, time.monotonic() - start


def one(program, args, opts):
    """Runs a program: (its name, its counts, the lines to be shown)."""
    name = program
    for prefix in (opts.strip or "", "tests/"):
        if prefix and name.startswith(prefix):
            name = name[len(prefix):].lstrip("/")
    if opts.under and not shutil.which(opts.under[0]):
        text, status, took = f"1..1\nok 1 - all # SKIP {opts.under[0]} is not installed\n", 0, 0
    else:
        text, status, took = run(program, args, opts.timeout, opts.under)
    passed, failed, skips, planned = parse(text)
    ran = passed + failed + len(skips)
    if status != 0 and failed == 0:
        failed += 1
        text += f"\nnot ok - exit status {status} without a failed test\n"
    if status == 0 and failed == 0 and (ran == 0 or (planned is not None and ran != planned)):
        failed += 1
        text += f"\nnot ok - {ran} results where {planned} were announced\n"
    path = os.path.join(opts.results, name.replace("/", "_") + ".tap")
    with open(path, "w") as f:
        f.write(text)
    word = "FAIL" if failed else "ok"
    extra = f", {len(skips)} skipped" if skips else ""
    lines = [f"  {word:<8} {name} ({passed} passed{extra}, {took:.1f} s)"]
    if failed:
        lines += ["    " + line for line in text.splitlines()[-60:]]
    lines += [f"    skipped: {what}: {why}" for what, why in skips]
    return name, (passed, failed, len(skips)), lines


def run_all(opts):
    """Runs the programs, in their order as far as --jobs lets it be, and reports each when it has ended. How many tests failed."""
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(opts.jobs) as pool, open(os.path.join(opts.results, "summary"), "a") as summary:
        for done in concurrent.futures.as_completed([pool.submit(one, p, opts.arg, opts) for p in opts.programs]):
            name, (passed, failed, skipped), lines = done.result()
            print("\n".join(lines), flush=True)
            summary.write(f"{passed} {failed} {skipped} {name}\n")
            summary.flush()
            failures += failed
    return failures


def total(results):
    sums = [0, 0, 0]
    try:
        with open(os.path.join(results, "summary")) as f:
            for line in f:
                for i, n in enumerate(line.split()[:3]):
                    sums[i] += int(n)
    except FileNotFoundError:
        pass
    print(f"{sums[0]} passed, {sums[1]} failed, {sums[2]} skipped")
    return 1 if sums[1] or not sums[0] else 0


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--results", required=True)
    ap.add_argument("--strip", help="prefix left out of the names shown")
    ap.add_argument("--timeout", type=int, default=900)
    ap.add_argument("--jobs", type=int, default=1, help="how many programs run at once")
    ap.add_argument("--total", action="store_true", help="only print the closing line")
    ap.add_argument("--arg", action="append", default=[], help="given to every program")
    ap.add_argument("--under", type=str.split, default=[], help="a program and its arguments that runs each of them")
    ap.add_argument("programs", nargs="*")
    opts = ap.parse_args()
    os.makedirs(opts.results, exist_ok=True)
    if opts.total:
        return total(opts.results)
    return 1 if run_all(opts) else 0


if __name__ == "__main__":
    sys.exit(main())
