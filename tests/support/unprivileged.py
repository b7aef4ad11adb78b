#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs tests as a plain container would: an ordinary user without any capability, who can get none, with the few devices of a container
(no loop devices), in a copy of what the tests need, with no network but the loopback.

usage: unprivileged.py --results DIR PROGRAM...

Root makes the surroundings and then gives everything up; an ordinary user has no capabilities anyway, and keeps the devices there are.
Environment: KATA_BUILD, KATA_BIN, KATA_AGENT as for the tests.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

UNPRIVILEGED = 65534
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.path.abspath(os.environ.get("KATA_BUILD", "build"))
BIN = os.path.abspath(os.environ.get("KATA_BIN", BUILD + "/host/bin"))
AGENT = os.path.abspath(os.environ.get("KATA_AGENT", BUILD + "/guest/bin/kata-agent"))
# A container's /dev, and nothing of the host's.
SETUP = """set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 none /dev
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/zero c 1 5
mknod -m 666 /dev/full c 1 7
mknod -m 666 /dev/random c 1 8
mknod -m 666 /dev/urandom c 1 9
mknod -m 666 /dev/tty c 5 0
mkdir /dev/pts
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 none /dev/pts
ln -s pts/ptmx /dev/ptmx
ip link set lo up
ln -s /proc/self/fd /dev/fd
ln -s /proc/self/fd/0 /dev/stdin
ln -s /proc/self/fd/1 /dev/stdout
ln -s /proc/self/fd/2 /dev/stderr
mkdir -m 1777 /dev/shm
mount -t tmpfs -o mode=1777 none /dev/shm
exec setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""


def copy_tree(top):
    """Programs, recipes and tests below top, for a user who may not look into the checkout."""
    for d in ("tests/integration", "tests/support", "recipes"):
        shutil.copytree(f"{ROOT}/{d}", f"{top}/{d}", symlinks=True)
    shutil.copy(f"{ROOT}/VERSION", top)
    for source, to in ((BIN, "build/host/bin"), (os.path.dirname(AGENT), "build/guest/bin")):
        os.makedirs(f"{top}/{to}")
        for name in os.listdir(source):
            if os.access(f"{source}/{name}", os.X_OK) and not name.endswith(".debug"):
                shutil.copy(f"{source}/{name}", f"{top}/{to}/{name}")
    os.makedirs(f"{top}/results")


def collect(top, results):
    """Counts and outputs, beside those of the same tests with privilege."""
    os.makedirs(results, exist_ok=True)
    with open(f"{top}/results/summary", encoding="utf-8") as f, open(f"{results}/summary", "a", encoding="utf-8") as out:
        for line in f:
            passed, failed, skipped, name = line.split(" ", 3)
            out.write(f"{passed} {failed} {skipped} unprivileged/{name}")
    for name in os.listdir(f"{top}/results"):
        if name.endswith(".tap"):
            shutil.copy(f"{top}/results/{name}", f"{results}/unprivileged_{name}")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--results", required=True)
    ap.add_argument("programs", nargs="+")
    opts = ap.parse_args()
    top = tempfile.mkdtemp(prefix="unprivileged-", dir="/var/tmp")
    try:
        copy_tree(top)
        programs = [os.path.relpath(os.path.abspath(p), ROOT) for p in opts.programs]
        # the interpreter that runs this may lie in root's home
        python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
        argv = [python, "tests/support/run-tests.py", "--results", f"{top}/results", "--jobs", str(os.cpu_count()), *programs]
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", f"{UNPRIVILEGED}:{UNPRIVILEGED}", top], check=True)
            argv = ["unshare", "--mount", "--net", "--ipc", "--", "sh", "-c", SETUP, "sh", *argv]
        env = dict(os.environ, HOME="/nonexistent", PATH="/usr/sbin:/usr/bin:/sbin:/bin", KATA_BUILD=f"{top}/build", KATA_BIN=f"{top}/build/host/bin",
                   KATA_AGENT=f"{top}/build/guest/bin/kata-agent", OSBUILDER_CACHE=f"{top}/cache")
        for name in ("LC_ALL", "XDG_RUNTIME_DIR", "SUDO_UID"):
            env.pop(name, None)
        status = subprocess.run(argv, cwd=top, env=env, check=False).returncode
        collect(top, opts.results)
        return status
    finally:
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
