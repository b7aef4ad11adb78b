#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make bench-runk`: create, start and delete of /bin/true, COUNT times, by runk, crun and runc in turns.

Prints the median wall time of one cycle, the processor time of the commands, their largest resident size, and ratios to crun's.
Exits with 1 when runk needs more than LIMIT of crun's wall time, or more memory than crun.
"""

import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import Skip, tool  # noqa: E402
from runk import BUSYBOX, RUNK, Bundle, hide_hybrid_cgroups, need_root  # noqa: E402

COUNT = int(os.environ.get("BENCH_COUNT", "100"))
LIMIT = 0.9
TIME_FILE = f"/tmp/bench-runk-{os.getpid()}"


def command(argv):
    """Wall seconds and processor seconds."""
    begin = time.monotonic()
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, ru = os.wait4(p.pid, 0)
    wall = time.monotonic() - begin
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        sys.exit(f"{' '.join(argv)}: exit {p.returncode}")
    return wall, ru.ru_utime + ru.ru_stime


def memory(argv):
    """The largest resident size in KB. Measured by a small program, since a process begins with the size of who forked it."""
    p = subprocess.run([BUSYBOX, "time", "-v", *argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(TIME_FILE, "w"), check=False)
    with open(TIME_FILE) as f:
        text = f.read()
    if p.returncode:
        sys.exit(f"{' '.join(argv)}: exit {p.returncode}\n{text}")
    return int(text.split("Maximum resident set size (kbytes):")[1].split()[0])


def main():
    need_root()
    hide_hybrid_cgroups()
    programs = [RUNK, tool("crun"), tool("runc")]
    bundle = Bundle()
    bundle.edit("/bin/true")
    wall, cpu, rss = ({p: [] for p in programs} for _ in range(3))
    try:
        for i in range(COUNT + 3):
            for p in programs:
                ident = f"bench-{os.path.basename(p)}-{i}"
                parts = [command([p, "create", "-b", bundle.dir, ident]), command([p, "start", ident]), command([p, "delete", "-f", ident])]
                if i >= 3:  # the first ones fill caches
                    wall[p].append(sum(x[0] for x in parts))
                    cpu[p].append(sum(x[1] for x in parts))
        for p in programs:
            ident = f"bench-{os.path.basename(p)}"
            rss[p] = max(memory([p, "create", "-b", bundle.dir, ident]), memory([p, "start", ident]), memory([p, "delete", "-f", ident]))
    finally:
        bundle.end()
        os.unlink(TIME_FILE)
    crun = programs[1]
    print(f"{'':6} {'wall ms':>8} {'cpu ms':>8} {'max KB':>8}   to crun: {'wall':>5} {'cpu':>5} {'memory':>6}")
    ratio = {}
    for p in programs:
        w, c, m = statistics.median(wall[p]), statistics.mean(cpu[p]), rss[p]
        ratio[p] = (w / statistics.median(wall[crun]), c / statistics.mean(cpu[crun]), m / rss[crun])
        print(f"{os.path.basename(p):6} {w * 1000:8.1f} {c * 1000:8.1f} {m:8}            {ratio[p][0]:5.2f} {ratio[p][1]:5.2f} {ratio[p][2]:6.2f}")
    return 0 if ratio[RUNK][0] <= LIMIT and ratio[RUNK][2] <= 1 else 1


try:
    sys.exit(main())
except Skip as e:
    print(f"bench-runk: skipped: {e}")
