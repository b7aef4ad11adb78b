#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures osbuilder against other builders of images on the same input in the same run. The exit status says whether every target that
could be measured was met.

usage: bench_image.py [--reps N] [--row WORD]... [--list]

The work directory is made in /dev/shm when that has room, else in $TMPDIR: a disk would be measured instead of the programs.
"""

import argparse
import os
import shutil
import sys
import tempfile

from pairs import ROWS, Bench
import rows_packages  # noqa: F401  these register their rows
import rows_seal  # noqa: F401
import rows_writers  # noqa: F401

ROOM = 3 << 30


def work_directory():
    shm = "/dev/shm"
    ok = os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > ROOM
    return tempfile.mkdtemp(prefix="bench_image-", dir=shm if ok else None)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--reps", type=int, default=5, help="pairs of runs (default 5)")
    ap.add_argument("--row", action="append", default=[], help="only rows with this in their name")
    ap.add_argument("--list", action="store_true", help="print the names of the rows")
    args = ap.parse_args()
    if args.list:
        print("\n".join(name for name, _ in ROWS))
        return 0
    work = work_directory()
    b = Bench(work, args.reps)
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {args.reps} pairs a row, in {work}", flush=True)
    try:
        b.run_rows(args.row)
    finally:
        shutil.rmtree(work)
    missed = sorted(set(b.missed))
    print(f"{len(missed)} rows missed a target{': ' if missed else ''}{', '.join(missed)}; {len(b.skipped)} skipped")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
