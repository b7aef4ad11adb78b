#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every feature of the guest kernel is used, by the kernel's self-check (kernel/selfcheck) as PID 1, on each machine of each
architecture whose kernel is built; and each kernel boots the initrd of the recipe agent until the agent serves.

Prints the table of the self-check. A feature that failed, or that has no check, fails the test; so does one whose check found
nothing to use on a machine that should have it.
Environment: KATA_BUILD (kernel/ARCH, guest/bin/kernel-selfcheck and kata-agent), KATA_BIN (osbuilder); KATA_ALL_KERNELS=1: a kernel that
is not there is a failure. Arguments: architectures (default: all).
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import machines  # noqa: E402
from kata_runtime import Tap  # noqa: E402

BUILD = os.environ.get("KATA_BUILD", "build")
BIN = os.environ.get("KATA_BIN", "build/host/bin")
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
HOST_ARCH = os.uname().machine


def lacks(machine, kernel_dir, program):
    """Why it cannot run here, or None."""
    if not machine.qemu():
        return "no QEMU for " + machine.arch
    if not os.path.exists(kernel_dir + "/kernel.manifest.json"):
        return "no kernel: make kernel ARCH=%s%s" % (machine.arch, " KERNEL_TYPE=microvm" if machine.suffix else "")
    if not os.path.exists(program):
        return "no %s: make kernel-selfcheck ARCH=%s" % (program, machine.arch)
    return None


def boot_agent(tap, name, machine, kernel_dir, agent):
    with tempfile.TemporaryDirectory(prefix="boot-selfcheck-") as work:
        initrd = work + "/initrd"
        subprocess.run([os.path.join(BIN, "osbuilder"), "build", "--recipe", "agent", "--agent", os.path.abspath(agent), "--arch", machine.arch,
                        "--initrd", initrd], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        text, serves = machines.boot_until(machine, kernel_dir, initrd, "agent.server_addr=unix:///run/agent.sock",
                                           "serving on unix:///run/agent.sock")
    tap.ok(serves and not machines.log_faults(text), name + ": the agent's initrd boots until the agent serves", text)


def check(tap, machine):
    name = "%s, %s" % (machine.arch, machine.name)
    kernel_dir = os.path.join(BUILD, "kernel", machine.arch + machine.suffix)
    bin_dir = os.path.join(BUILD, "guest" + ("" if machine.arch == HOST_ARCH else "-" + machine.arch), "bin")
    program = bin_dir + "/kernel-selfcheck"
    why = lacks(machine, kernel_dir, program)
    if why and os.environ.get("KATA_ALL_KERNELS"):
        tap.ok(False, name, why)
    if why:
        tap.skip(name, why)
        return
    boot_agent(tap, name, machine, kernel_dir, bin_dir + "/kata-agent")
    with tempfile.TemporaryDirectory(prefix="boot-selfcheck-") as work:
        features, rows, text, ended = machines.selfcheck(machine, kernel_dir, program, work)
    if os.environ.get("KATA_TEST_LOG"):
        print(text, file=sys.stderr)
    if not tap.ok(ended and "selfcheck end" in text, name + ": the self-check ends", text):
        return
    for feature in features:
        result, why = rows.get(feature, ("FAILED", "no row"))
        print("#   %-20s %-9s %s" % (feature, result, why))
        good = result in ("ok", "untested") or (result == "absent" and feature in machine.absent)
        if not good:
            tap.ok(False, "%s: %s" % (name, feature), "%s: %s" % (result, why))
    count = [sum(r[0] == kind for r in rows.values()) for kind in ("ok", "absent", "untested", "FAILED")]
    tap.ok(count[0] >= 40 and not count[3], "%s: %d features used, %d not on this machine, %d not to be used here, %d failed" % (
        name, *count))
    tap.ok(not machines.log_faults(text), name + ": no warning or oops in the log", "\n".join(machines.log_faults(text)))


def known(tap):
    """Each feature of each fragment has a check, or a reason in untested.c; the rows of boots below say how it went."""
    read = lambda pattern: "".join(open(f, encoding="utf-8").read() for f in glob.glob(ROOT + pattern, recursive=True))  # noqa: E731
    features = set(re.findall(r"^#: ([\w-]+)", read("/kernel/configs/**/*.conf"), re.M))
    checks = set(re.findall(r'\.feature = "([\w-]+)"', read("/kernel/selfcheck/*.c")))
    tap.ok(len(features) > 80 and features <= checks, "the self-check knows all %d features of the fragments" % len(features),
           "not known: " + " ".join(sorted(features - checks)))
    tap.ok(checks <= features | {"psci"}, "and no others", " ".join(sorted(checks - features)))


def main():
    tap = Tap()
    known(tap)
    for machine in machines.MACHINES:
        if machine.arch in (sys.argv[1:] or [m.arch for m in machines.MACHINES]):
            check(tap, machine)
    tap.end()


if __name__ == "__main__":
    main()
