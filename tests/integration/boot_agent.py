#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boots the guest kernel with kata-agent as PID 1 and runs the agent's own protocol tests inside that guest.

The initrd is made here: the agent, a static busybox, and the test client (the unit test program with its libraries). The client
talks to the agent on a Unix socket (agent.server_addr), so the host needs no vsock.
Environment: KATA_KERNEL_DIR (vmlinux), KATA_AGENT (the static agent), KATA_BIN (beside it: test/.../test_agent_local).
"""

import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import machines  # noqa: E402
from initrd import newc  # noqa: E402

QEMU = shutil.which("qemu-system-x86_64")
KERNEL = os.path.join(os.environ.get("KATA_KERNEL_DIR", "build/kernel/x86_64"), "vmlinux")
AGENT = os.environ.get("KATA_AGENT", "build/guest/bin/kata-agent")
CLIENT = os.path.normpath(os.path.join(os.environ.get("KATA_BIN", "build/host/bin"), "../test/guest-agent/service/test_agent_local"))
BUSYBOX = "/bin/busybox"
TIMEOUT = int(os.environ.get("KATA_TEST_TIMEOUT", "300"))
RSS_LIMIT_KB = 1229  # 1.2 MiB
SIZE_LIMIT = 1258291  # 1.2 MiB

# smaps_rollup counts pages; VmRSS of status lags behind by what each task has not added up yet.
# The shell becomes the agent by exec, so that the agent is PID 1; the client is then an orphan that PID 1 has to reap.
INIT = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
(
until [ -S /run/agent.sock ]; do /bin/busybox sleep 0.1; done
/bin/busybox sleep 0.5
echo "AGENT $(/bin/busybox grep ^Rss: /proc/1/smaps_rollup)"
echo "CONTROLLERS $(/bin/busybox cat /sys/fs/cgroup/cgroup.controllers)"
/bin/busybox ifconfig lo | /bin/busybox grep -q 127.0.0.1 && echo "LO up"
KATA_TEST_DISK_PCI=05 KATA_TEST_NIC_PCI=06 KATA_TEST_AGENT_ADDR=unix:///run/agent.sock /client 2>&1
echo "CLIENT $?"
) &
exec /sbin/kata-agent
"""




def libraries(path):
    text = subprocess.run(["ldd", path], stdout=subprocess.PIPE, check=True, text=True).stdout
    return re.findall(r"(/\S+) \(0x", text)


def make_initrd(path, init):
    files = {"init": init, "sbin/kata-agent": open(AGENT, "rb").read(), "client": open(CLIENT, "rb").read()}
    files["bin/busybox"] = open(BUSYBOX, "rb").read()
    for lib in libraries(CLIENT):
        files[lib.lstrip("/")] = open(lib, "rb").read()
    dirs = {"proc", "sys", "dev", "run", "tmp", "etc"}
    for name in files:
        while os.path.dirname(name):
            name = os.path.dirname(name)
            dirs.add(name)
    data = b"".join(newc(d, 0o040755, b"") for d in sorted(dirs))
    data += b"".join(newc(n, 0o100755, d) for n, d in files.items()) + newc("bin/sh", 0o120777, b"busybox")
    with gzip.open(path, "wb", 1) as f:
        f.write(data + newc("TRAILER!!!", 0, b""))


def devices(tmp):
    """A disk of 48 MiB with a file system of 16 MiB at PCI path 05, a network interface at 06."""
    disk = os.path.join(tmp, "disk")
    with open(disk, "wb") as f:
        f.truncate(16 << 20)
    subprocess.run(["/sbin/mkfs.ext4", "-q", disk], check=True)
    os.truncate(disk, 48 << 20)
    args = ["-drive", "if=none,id=d0,format=raw,file=" + disk, "-device", "virtio-blk-pci,drive=d0,bus=pcie.0,addr=5"]
    return args + ["-netdev", "user,id=n0,restrict=on", "-device", "virtio-net-pci,netdev=n0,bus=pcie.0,addr=6,mac=02:00:00:00:00:66"]


def boot(initrd, append, more=()):
    args = [QEMU, "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", "512", "-M", "q35", "-nodefaults", "-no-reboot"]
    args += ["-display", "none", "-serial", "stdio", "-kernel", KERNEL, "-initrd", initrd]
    args += [*more, "-append", "console=ttyS0 quiet panic=-1 no_timer_check " + append]
    try:
        p = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False)
        return p.returncode, p.stdout.decode(errors="replace").replace("\r", "")
    except subprocess.TimeoutExpired as e:
        return None, (e.stdout or b"").decode(errors="replace").replace("\r", "")


def faults(log):
    """What the failed tests said, and the end."""
    lines = log.splitlines()
    near = {k for i, line in enumerate(lines) if "ERROR" in line for k in range(max(0, i - 5), i + 1)}
    return "\n".join([lines[i] for i in sorted(near)] + lines[-20:])


class Tap:
    def __init__(self, names):
        self.n = 0
        self.bad = 0
        print("1..%d" % len(names))

    def check(self, ok, name, more=""):
        self.n += 1
        self.bad += not ok
        print("%s %d - %s" % ("ok" if ok else "not ok", self.n, name), flush=True)
        if not ok and more:
            print("".join("# %s\n" % line for line in more.splitlines()[-60:]), end="")


NAMES = [
    "the agent is small",
    "the guest ends by itself",
    "PID 1 has its controllers and loopback",
    "PID 1 needs little memory",
    "the agent's tests pass in the guest",
    "a bad kernel parameter ends the guest with one line",
]


def missing():
    if not QEMU:
        return "no qemu-system-x86_64"
    for path, what in ((KERNEL, "make kernel"), (AGENT, "make all"), (CLIENT, "make check-unit"), (BUSYBOX, "package busybox-static")):
        if not os.path.exists(path):
            return "no %s (%s)" % (path, what)
    return None


def main():
    why = missing()
    if why:
        print("1..1\nok 1 - the agent as PID 1 # SKIP " + why)
        return 0
    tap = Tap(NAMES)
    size = os.path.getsize(AGENT)
    tap.check(size <= SIZE_LIMIT, "%s: %d bytes" % (NAMES[0], size))
    with tempfile.TemporaryDirectory(prefix="boot-agent-") as tmp:
        initrd = os.path.join(tmp, "initrd")
        make_initrd(initrd, INIT.encode())
        code, log = boot(initrd, machines.AGENT_TEST_PARAMS, devices(tmp))
        tap.check(code == 0 and "reboot: Power down" in log, NAMES[1], log)
        tap.check(re.search(r"CONTROLLERS .*cpu.*memory.*pids", log) is not None and "LO up" in log, NAMES[2], log)
        rss = re.search(r"AGENT Rss:\s*(\d+) kB", log)
        tap.check(rss is not None and int(rss.group(1)) < RSS_LIMIT_KB, "%s: %s kB" % (NAMES[3], rss.group(1) if rss else "?"), log)
        done = re.search(r"\[  PASSED  \] (\d+) test", log)
        tap.check(done is not None and "FAILED" not in log and int(done.group(1)) >= 20, NAMES[4], faults(log))
        make_initrd(initrd, open(AGENT, "rb").read())
        code, log = boot(initrd, "agent.log=loud")
        line = 'kata-agent: kernel parameter agent.log: bad value "loud"'
        tap.check(code == 0 and log.count(line) == 1, NAMES[5], log)
    return 1 if tap.bad else 0


if __name__ == "__main__":
    sys.exit(main())
