# SPDX-License-Identifier: Apache-2.0
"""Bundles for runk and for the runtimes that it is compared with, and running them.

Environment: KATA_RUNK (the program; default KATA_BUILD/guest/bin/runk).
"""

import copy
import ctypes
import json
import os
import shutil
import subprocess
import tempfile

from cases import Skip, results, tool

RUNK = os.path.abspath(os.environ.get("KATA_RUNK", os.environ.get("KATA_BUILD", "build") + "/guest/bin/runk"))
BUSYBOX = "/bin/busybox"
APPLETS = ("sh cat echo ls ps sleep true false mount uname id head dd kill stty tty env test grep touch mkdir chmod ln nproc "
           "stat readlink sed sort tr wc ip hostname umask ulimit find rm umount dmesg").split()
TIMEOUT = 30


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs root")


def hide_hybrid_cgroups():
    """A mount namespace in which a hybrid host looks like one of version 1 alone, as crun refuses mixtures."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x20000) != 0:
        raise Skip("cannot make a mount namespace")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    if os.path.exists("/sys/fs/cgroup/unified"):
        subprocess.run(["umount", "-l", "/sys/fs/cgroup/unified"], check=True)


def make_rootfs(path):
    """A root file system of busybox."""
    if not os.path.exists(BUSYBOX):
        raise Skip("needs " + BUSYBOX)
    for d in ("bin", "proc", "sys", "dev", "tmp", "etc", "root", "mnt"):
        os.makedirs(os.path.join(path, d), exist_ok=True)
    shutil.copy(BUSYBOX, path + "/bin/busybox")
    for a in APPLETS:
        os.symlink("busybox", path + "/bin/" + a)
    with open(path + "/etc/passwd", "w") as f:
        f.write("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n")
    return path


class Bundle:
    """A directory with config.json, which starts as what `runk spec` writes. edit() changes and writes it."""

    def __init__(self, root=None):
        self.dir = tempfile.mkdtemp(prefix="runk-", dir="/tmp")
        os.chmod(self.dir, 0o711)
        self.rootfs = root or make_rootfs(self.dir + "/rootfs")
        subprocess.run([RUNK, "spec", "-b", self.dir], check=True)
        with open(self.dir + "/config.json") as f:
            self.base = json.load(f)
        self.base["root"]["path"] = self.rootfs
        self.base["process"]["terminal"] = False
        self.config = copy.deepcopy(self.base)

    def write(self):
        with open(self.dir + "/config.json", "w") as f:
            json.dump(self.config, f)

    def edit(self, *args, **process):
        """args: the command, when there is one. process: members of the process object."""
        if args:
            self.config["process"]["args"] = list(args)
        self.config["process"].update(process)
        self.write()
        return self.config

    def reset(self):
        self.config = copy.deepcopy(self.base)
        self.write()
        return self.config

    def end(self):
        shutil.rmtree(self.dir, ignore_errors=True)


class Runtime:
    """A runtime with a state directory of its own."""

    def __init__(self, program=RUNK):
        self.program = program if "/" in program else tool(program)
        self.name = os.path.basename(program)
        self.root = tempfile.mkdtemp(prefix="runk-root-", dir="/tmp")

    def run(self, *argv, ok=True, glob=(), **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        p = subprocess.run([self.program, "--root", self.root, *glob, *argv], capture_output=True, text=True,
                           check=False, timeout=TIMEOUT, **kw)
        if ok and p.returncode:
            raise AssertionError(f"{self.name} {' '.join(argv)}: exit {p.returncode}\n{p.stdout}{p.stderr}")
        return p

    def create(self, ident, bundle, *argv, ok=True, **kw):
        """The container keeps the caller's streams, so they are /dev/null or files here: a pipe would never end."""
        with tempfile.TemporaryFile("w+") as out:
            p = subprocess.run([self.program, "--root", self.root, "create", "-b", bundle.dir, *argv, ident],
                               stdin=subprocess.DEVNULL, stdout=kw.pop("stdout", out), stderr=out, check=False, timeout=TIMEOUT, **kw)
            out.seek(0)
            p.stderr = out.read()
        if ok and p.returncode:
            raise AssertionError(f"{self.name} create: exit {p.returncode}\n{p.stderr}")
        return p

    def state(self, ident):
        return json.loads(self.run("state", ident).stdout)

    def end(self):
        for ident in os.listdir(self.root):
            self.run("delete", "-f", ident, ok=False)
        shutil.rmtree(self.root, ignore_errors=True)


def finish(*things):
    """The end of a test program: clears up, prints the plan, and gives the exit code."""
    for t in things:
        t.end()
    print(f"1..{len(results)}")
    return 0 if all(results) else 1
