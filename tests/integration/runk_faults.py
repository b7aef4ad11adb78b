#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Failing system calls and killed processes at each step of a container's creation: the caller is told the step, and nothing is left.

strace makes the calls fail. And many containers one after the other, which leave nothing either.
"""

import glob
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import case, tool  # noqa: E402
from runk import RUNK, Bundle, Runtime, finish, need_root  # noqa: E402

need_root()
rt = Runtime()
b = Bundle()
CG = f"/runk-faults-{os.getpid()}"

# A call, and how often it may come: the n-th of these is made to fail in turn. What fails must be told by this word.
STEPS = [("socketpair", 1, "socket pair"), ("bind", 1, "listen for the start"), ("listen", 1, "listen for the start"),
         ("clone3", 1, "make the process"), ("pivot_root", 1, "pivot_root"), ("setresuid", 1, "become user"), ("setresgid", 1, "become group"),
         ("setgroups", 1, "additional groups"), ("capset", 1, "capabilities"), ("sethostname", 1, "hostname"), ("unshare", 1, "cgroup namespace"),
         ("mknodat", 2, "device"), ("symlinkat", 1, "link /dev"), ("mount", 9, ""), ("umount2", 1, "old root"), ("move_mount", 3, "path"),
         ("prlimit64", 1, "RLIMIT"), ("execve", 2, "exec"), ("mkdirat", 2, "")]


def mounts():
    with open("/proc/self/mountinfo") as f:
        return len([x for x in f if b.dir in x or rt.root in x])


def left():
    """What may be left behind: state, cgroups, processes."""
    cgroups = glob.glob(f"/sys/fs/cgroup{CG}") + glob.glob(f"/sys/fs/cgroup/*{CG}")
    procs = subprocess.run(["pgrep", "-f", f"root {rt.root} "], capture_output=True, text=True, check=False).stdout.split()
    return os.listdir(rt.root), cgroups, procs


def traced(inject):
    with tempfile.NamedTemporaryFile() as log:
        return subprocess.run([tool("strace"), "-f", "-qq", "-o", log.name, "-e", "trace=" + inject.split(":")[0], "-e", "inject=" + inject, RUNK,
                               "--root", rt.root, "run", "-b", b.dir, "faulty"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=30, check=False)


def prepare():
    b.reset()
    b.config["linux"]["cgroupsPath"] = CG
    b.config["process"]["user"]["uid"] = 1000
    b.edit("true")


prepare()
before = mounts()
for call, times, word in STEPS:
    @case(f"{call} fails")
    def _(call=call, times=times, word=word):
        told = 0
        for n in range(1, times + 1):
            p = traced(f"{call}:error=EIO:when={n}")
            if p.returncode:
                told += 1
                lines = p.stderr.strip().splitlines()
                assert len(lines) == 1 and lines[0].startswith("runk: ") and word in lines[0], (n, p)
                assert "nput/output error" in lines[0], (n, p)
            assert left() == ([], [], []), (n, left(), p)
        assert told, "no failure was told"
        assert mounts() == before

for call, times in (("pivot_root", 1), ("mount", 4), ("mknodat", 2), ("setresuid", 1), ("capset", 1), ("sethostname", 1), ("unshare", 1)):
    @case(f"the process is killed at {call}")
    def _(call=call, times=times):
        for n in range(1, times + 1):
            p = traced(f"{call}:signal=KILL:when={n}")
            assert p.returncode == 1 and "the process ended during its set-up (137)" in p.stderr, (n, p)
            assert left() == ([], [], []), (n, left(), p)


@case("runk itself is killed while it creates: the process ends, and delete --force clears up")
def _():
    for call in ("socketpair", "clone3", "listen", "rename"):
        traced(f"{call}:signal=KILL:when=1")
        rt.run("delete", "--force", "faulty")
        state, cgroups, procs = left()
        assert not state and not procs, left()
        for c in cgroups:  # made before its name could be kept
            os.rmdir(c)


@case("a failing id, hook, mount or cgroup leaves nothing")
def _():
    for change in (lambda c: c["linux"].update(cgroupsPath=CG, resources={"cpu": {"cpus": "9999"}}),
                   lambda c: c.update(hooks={"createRuntime": [{"path": "/bin/false"}]}),
                   lambda c: c.update(hooks={"startContainer": [{"path": "/bin/nosuch"}]}),
                   lambda c: c["mounts"].append({"destination": "/x", "type": "bind", "source": "/nosuch", "options": ["bind"]}),
                   lambda c: c["process"].update(cwd="/etc/passwd"),
                   lambda c: c["process"].update(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 5, "hard": 1}])):
        prepare()
        change(b.config)
        b.write()
        p = rt.run("run", "-b", b.dir, "faulty", ok=False)
        assert p.returncode == 1 and len(p.stderr.strip().splitlines()) == 1, p
        assert left() == ([], [], []), left()


@case("100 cycles of create, start, exec, kill and delete leave what ten leave")
def _():
    prepare()
    b.config["linux"]["cgroupsPath"] = CG
    b.edit("sleep", "100")

    def cycles(n):
        for i in range(n):
            rt.create(f"c{i}", b)
            rt.run("start", f"c{i}")
            assert rt.run("exec", f"c{i}", "id", "-u").stdout == "1000\n"
            rt.run("kill", f"c{i}", "KILL")
            rt.run("delete", "-f", f"c{i}")

    def usage():
        state, cgroups, procs = left()
        return mounts(), len(state), len(cgroups), len(procs)
    cycles(10)
    first = usage()
    cycles(int(os.environ.get("RUNK_CYCLES", "100")))
    last = usage()
    assert last == first == (before, 0, 0, 0), (first, last)


sys.exit(finish(rt, b))
