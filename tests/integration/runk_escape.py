#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The ways out of containers that runc had, tried against runk on this host. Each must end inside."""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import case  # noqa: E402
from runk import RUNK, Bundle, Runtime, finish, need_root  # noqa: E402

need_root()
rt = Runtime()
b = Bundle()
SECRET = tempfile.mkdtemp(prefix="host-secret-", dir="/tmp")
with open(SECRET + "/secret", "w") as f:
    f.write("of the host\n")
ALL = ["CAP_" + c for c in ("SYS_ADMIN", "DAC_OVERRIDE", "SYS_CHROOT", "SYS_PTRACE", "FOWNER", "CHOWN", "MKNOD", "SETUID", "SETGID")]


def own(path, text=None, link=None):
    """A file or link of the image."""
    full = b.rootfs + path
    os.makedirs(os.path.dirname(full), exist_ok=True)
    if os.path.lexists(full):
        shutil.rmtree(full) if os.path.isdir(full) and not os.path.islink(full) else os.unlink(full)
    if link is not None:
        os.symlink(link, full)
    else:
        with open(full, "w") as f:
            f.write(text)
        os.chmod(full, 0o755)


def digest(path):
    return subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[0]


def fresh(*args, **process):
    b.reset()
    return b.edit(*args, **process)


@case("CVE-2019-5736: an entry point that is the runtime's own file cannot be opened for writing")
def _():
    before = digest(RUNK)
    # The image's program is a script whose interpreter is the runtime; another process waits for it and writes.
    own("/entry", "#!/proc/self/exe\n")
    own("/attack", "#!/bin/sh\nfor i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do\n"
        "for p in /proc/[0-9]*; do\n case $(readlink $p/exe 2>/dev/null) in *runk*) exec 3<$p/exe;\n"
        "if echo broken 2>/dev/null >/proc/self/fd/3; then echo WRITTEN; fi;; esac\ndone; done\necho done\n")
    c = fresh("sh", "-c", "/attack & sleep 3; wait")
    c["process"]["capabilities"] = {k: ALL for k in ("bounding", "effective", "permitted")}
    b.write()
    out = subprocess.Popen([RUNK, "--root", rt.root, "run", "-b", b.dir, "cve1"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    time.sleep(0.3)
    for prog in ("/entry", "/proc/self/exe"):
        p = rt.run("exec", "cve1", prog, ok=False)
        assert p.returncode != 0, p
    text = out.communicate(timeout=20)[0]
    assert "done" in text and "WRITTEN" not in text, text
    assert digest(RUNK) == before
    fresh("/proc/self/exe")
    assert rt.run("run", "-b", b.dir, "cve1b", ok=False).returncode != 0
    fresh("/entry")
    rt.run("run", "-b", b.dir, "cve1c", ok=False)
    assert digest(RUNK) == before


@case("CVE-2024-21626: no working directory by a leaked descriptor, and none leaked")
def _():
    for n in range(3, 20):
        fresh("sh", "-c", "cat etc/hostname ../../../../../../etc/shadow 2>&1 | head -1", cwd=f"/proc/self/fd/{n}")
        p = rt.run("run", "-b", b.dir, "cve2", ok=False)
        assert p.returncode != 0 and not p.stdout.startswith("root:"), p
        own("/cwd", link=f"/proc/self/fd/{n}")
        fresh("sh", "-c", "ls", cwd="/cwd")
        p = rt.run("run", "-b", b.dir, "cve2b", ok=False)
        assert p.returncode != 0, p
    fresh("sh", "-c", "for f in /proc/$$/fd/*; do readlink $f; done | grep -v 'pipe:\\|/dev/null'; true")
    p = rt.run("run", "-b", b.dir, "cve2c")
    assert p.stdout == "", p
    fresh("sleep", "100")
    rt.create("cve2d", b)
    rt.run("start", "cve2d")
    for n in range(3, 12):
        assert rt.run("exec", "--cwd", f"/proc/self/fd/{n}", "cve2d", "ls", ok=False).returncode != 0, n
    rt.run("delete", "-f", "cve2d")


@case("CVE-2021-30465: mount points that are exchanged for links while the runtime mounts stay inside")
def _():
    libc = ctypes.CDLL(None, use_errno=True)
    a, z = b.rootfs + "/race", b.rootfs + "/race-link"
    os.makedirs(a, exist_ok=True)
    if not os.path.islink(z):
        os.symlink("/../../../../../../../" + SECRET, z)
    stop = threading.Event()

    def exchange():
        while not stop.is_set():
            libc.renameat2(-100, a.encode(), -100, z.encode(), 2)
    t = threading.Thread(target=exchange)
    t.start()
    try:
        for i in range(25):
            c = fresh("true")
            c["mounts"].append({"destination": "/race", "type": "tmpfs", "source": "tmpfs"})
            c["mounts"].append({"destination": "/race/below", "type": "tmpfs", "source": "tmpfs"})
            b.write()
            rt.run("run", "-b", b.dir, f"cve3-{i}", ok=False)
            assert os.listdir(SECRET) == ["secret"], os.listdir(SECRET)
    finally:
        stop.set()
        t.join()
    for p in (a, z):
        os.unlink(p) if os.path.islink(p) else shutil.rmtree(p)


@case("destinations over links and with dots end below the root")
def _():
    for name, link in (("/abs", SECRET), ("/up", "../../../../../../../.." + SECRET), ("/chain", "/abs")):
        own(name, link=link)
    for dest in ("/abs/new", "/up/new", "/chain/new", "/../../../../../.." + SECRET + "/new", "/proc/self/root/../../" + SECRET + "/new"):
        c = fresh("true")
        c["mounts"].append({"destination": dest, "type": "tmpfs", "source": "tmpfs"})
        b.write()
        rt.run("run", "-b", b.dir, "links", ok=False)
        assert os.listdir(SECRET) == ["secret"], (dest, os.listdir(SECRET))
        c = fresh("true")
        c["linux"]["devices"] = [{"path": dest, "type": "c", "major": 1, "minor": 3}]
        b.write()
        rt.run("run", "-b", b.dir, "links", ok=False)
        assert os.listdir(SECRET) == ["secret"], dest


@case("CVE-2025-31133: a masked path is not covered by a /dev/null of the image's making")
def _():
    os.makedirs(b.rootfs + "/dev", exist_ok=True)
    c = fresh("sh", "-c", "cat /proc/sysrq-trigger /proc/timer_list 2>&1; test -w /proc/sysrq-trigger && echo writable; ls -l /proc/timer_list | cut -c1")
    c["mounts"] = [m for m in c["mounts"] if not m["destination"].startswith("/dev")]
    c["linux"]["maskedPaths"] = ["/proc/timer_list", "/proc/kcore"]
    b.write()
    own("/dev/null", link="/proc/sys/kernel/core_pattern")
    p = rt.run("run", "-b", b.dir, "cve4", ok=False)
    assert p.returncode != 0 or p.stdout.splitlines()[-1] == "c", p
    with open("/proc/sys/kernel/core_pattern") as f:
        host = f.read()
    own("/dev/null", "a plain file\n")
    p = rt.run("run", "-b", b.dir, "cve4b", ok=False)
    assert p.returncode != 0 or p.stdout.splitlines()[-1] == "c", p
    with open("/proc/sys/kernel/core_pattern") as f:
        assert f.read() == host
    shutil.rmtree(b.rootfs + "/dev")
    os.makedirs(b.rootfs + "/dev")


@case("CVE-2025-52565: /dev/console and /dev/pts/N as links do not lead a terminal over procfs")
def _():
    for target in ("/proc/sys/kernel/core_pattern", "/proc/self/attr/exec", "/etc/passwd"):
        own("/dev/console", link=target)
        c = fresh("sh", "-c", "ls -l /proc/sys/kernel/core_pattern /etc/passwd | cut -c1; ls -l /dev/console | cut -c1", terminal=True)
        c["mounts"] = [m for m in c["mounts"] if m["destination"] != "/dev"]
        b.write()
        p = subprocess.run(["script", "-qec", f"{RUNK} --root {rt.root} run -b {b.dir} cve5", "/dev/null"], stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, timeout=20, check=False)
        assert "".join(p.stdout.replace("^@", "").split())[-3:] == "--c" or p.returncode != 0, p
    shutil.rmtree(b.rootfs + "/dev")
    os.makedirs(b.rootfs + "/dev")


@case("CVE-2025-52881: a /proc of the container's making does not receive labels, sysctls or limits")
def _():
    # The container's /proc is a directory of the image: what the runtime writes must go by its own, or not at all.
    fake = b.rootfs + "/fakeproc"
    for d in ("self/attr", "sys/net/ipv4", "sys/kernel"):
        os.makedirs(f"{fake}/{d}", exist_ok=True)
    names = ("self/attr/exec", "self/oom_score_adj", "self/setgroups", "sys/net/ipv4/ip_forward", "sys/kernel/domainname")
    for n in names:
        with open(f"{fake}/{n}", "w") as f:
            f.write("untouched")
    c = fresh("sh", "-c", "cat /proc/self/attr/exec", oomScoreAdj=10)
    c["mounts"] = [{"destination": "/proc", "type": "bind", "source": fake, "options": ["bind"]}] + c["mounts"][1:]
    c["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
    c["domainname"] = "elsewhere"
    b.write()
    rt.run("run", "-b", b.dir, "cve6", ok=False)
    for n in names:
        with open(f"{fake}/{n}") as f:
            assert f.read() == "untouched", n


@case("/proc and /sys as links in the image are not followed out of it")
def _():
    for d in ("proc", "sys"):
        os.rmdir(f"{b.rootfs}/{d}")
        os.symlink(".." + SECRET, f"{b.rootfs}/{d}")
    fresh("true")
    rt.run("run", "-b", b.dir, "procs", ok=False)
    assert os.listdir(SECRET) == ["secret"]
    for d in ("proc", "sys"):
        os.unlink(f"{b.rootfs}/{d}")
        os.mkdir(f"{b.rootfs}/{d}")


@case("identifiers that are paths are refused")
def _():
    for ident in ("../x", "a/b", ".", "..", "", "a\nb", "x" * 2000):
        p = rt.run("run", "-b", b.dir, ident, ok=False)
        assert p.returncode == 1 and ("invalid container id" in p.stderr), (ident, p)
    assert not os.listdir(rt.root)


@case("the process cannot be looked into, nor its descriptors taken, before it executes")
def _():
    fresh("sleep", "100")
    rt.create("hidden", b)
    pid = rt.state("hidden")["pid"]
    with open(f"/proc/{pid}/status") as f:
        assert "sleep" not in f.read().split("\n")[0]
    fds = os.listdir(f"/proc/{pid}/fd")
    assert os.stat(f"/proc/{pid}").st_uid == 0
    # Streams and the socket of the start; nothing of the bundle, the state or the host's directories.
    links = [os.readlink(f"/proc/{pid}/fd/{n}") for n in fds]
    assert all(x.startswith(("socket:", "pipe:", "/dev/null", "/tmp/#", SECRET[:0] or "/tmp/")) for x in links), links
    assert len([x for x in links if x.startswith("socket:")]) == 1, links
    rt.run("delete", "hidden")


shutil.rmtree(SECRET)
sys.exit(finish(rt, b))
