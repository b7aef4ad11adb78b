# SPDX-License-Identifier: Apache-2.0
"""Timing two programs against each other: runs in turn, medians, the ratio beside its target.

A row is a function; it raises Skip with the reason when it lacks something. What it compares are Cmd objects: the exact command line,
run through `sh`, and the files that must be gone before each run. Ratios are taken pair by pair, so a load that comes and goes meets
both sides.
"""

import os
import shutil
import statistics
import subprocess
import time

ROWS = []


class Skip(Exception):
    pass


class Cmd:
    def __init__(self, line, *outputs, before=None):
        self.line, self.outputs, self.before = line, outputs, before
        self.runs = []

    def run(self, cwd):
        for name in self.outputs:
            path = os.path.join(cwd, name)
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.exists(path):
                os.unlink(path)
        if self.before:
            self.before()
        with open(os.path.join(cwd, "stderr"), "w+b") as err:
            start = time.monotonic()
            p = subprocess.Popen(["/bin/sh", "-c", self.line], cwd=cwd, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=err)
            _, status, ru = os.wait4(p.pid, 0)
            wall = time.monotonic() - start
            p.returncode = os.waitstatus_to_exitcode(status)
            if p.returncode:
                err.seek(0)
                raise RuntimeError(f"{self.line}: exit {p.returncode}\n{err.read()[-2000:].decode(errors='replace')}")
        self.runs.append((wall, ru.ru_utime + ru.ru_stime, ru.ru_maxrss / 1024))

    def median(self, what):
        return statistics.median(r[what] for r in self.runs)


WALL, CPU, PEAK = 0, 1, 2
UNIT = {WALL: "wall", CPU: "cpu"}


def row(name):
    """Registers a row; `--row WORD` runs those with WORD in their name."""
    def deco(fn):
        ROWS.append((name, fn))
        return fn
    return deco


def need(*names):
    for name in names:
        if not shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
            raise Skip(f"{name} is not installed")


class Bench:
    """One run of the program: where it works, how often, and what went wrong."""

    def __init__(self, workdir, reps):
        self.dir, self.reps, self.missed, self.skipped = workdir, reps, [], []

    def path(self, name):
        return os.path.join(self.dir, name)

    def interleave(self, *cmds, warmup=True):
        for n in range(self.reps + warmup):
            # the order turns round, so that none always runs after the same one
            for c in (cmds if n % 2 else cmds[::-1]):
                c.run(self.dir)
                if warmup and n == 0:
                    c.runs.clear()

    def verdict(self, name, text, good):
        print(f"  {text:<78} {'ok' if good else 'MISSED'}", flush=True)
        if not good:
            self.missed.append(name)

    def ratio(self, name, ours, theirs, what, target, label):
        """The median over pairs of ours / theirs; with target None it is only said."""
        r = statistics.median(a[what] / max(b[what], 1e-6) for a, b in zip(ours.runs, theirs.runs))
        text = f"{UNIT[what]} {ours.median(what):7.3f} s / {theirs.median(what):7.3f} s ({label}) = {r:.3f}"
        if target is None:
            print(f"  {text}", flush=True)
        else:
            self.verdict(name, f"{text}, target {target}", r <= target)

    def extra(self, name, with_it, without, target):
        """What one command takes longer than another, in seconds."""
        d = statistics.median(a[WALL] - b[WALL] for a, b in zip(with_it.runs, without.runs))
        self.verdict(name, f"wall {with_it.median(WALL):7.3f} s - {without.median(WALL):7.3f} s = {d:+.3f} s, target {target} s",
                     d <= target)

    def peak(self, name, cmd, limit):
        p = max(r[PEAK] for r in cmd.runs)
        self.verdict(name, f"peak memory {p:.1f} MiB, target {limit} MiB", p <= limit)

    def size(self, name, got, limit, what):
        self.verdict(name, f"{what}: {got} bytes, target {limit}", got <= limit)

    def show(self, *cmds):
        for c in cmds:
            print(f"    $ {c.line}")

    def run_rows(self, words):
        for name, fn in ROWS:
            if words and not any(w in name for w in words):
                continue
            print(f"{name}", flush=True)
            try:
                fn(self)
            except Skip as e:
                self.skipped.append(name)
                print(f"  skipped: {e}", flush=True)
