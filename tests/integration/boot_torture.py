#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The torture tree of full size as an initrd of gzip members, booted under QEMU (TCG): what the kernel has
unpacked is what osbuilder reads in the archive, which tests/integration/image_torture.py compares with the tree.

The guest prints a sum for each entry of its root directory, over types, owners, modes, sizes, contents, links, devices and targets of
all below it (tests/support/listing_walk.h). Environment: KATA_BIN, KATA_BUILD, KATA_KERNEL_DIR.
"""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cases import Skip, case, finish, run, scratch_dir  # noqa: E402

BIN = os.path.abspath(os.environ.get("KATA_BIN", "build/host/bin"))
BUILD = os.path.abspath(os.environ.get("KATA_BUILD", "build"))
KERNEL = os.path.join(os.environ.get("KATA_KERNEL_DIR", "build/kernel/x86_64"), "vmlinux")
OSBUILDER, TORTURE, INIT = f"{BIN}/osbuilder", f"{BIN}/torture-big", f"{BUILD}/guest/bin/boot-init"
QEMU = shutil.which("qemu-system-x86_64")
TIMEOUT = 400
TMP = scratch_dir("boot_torture")
# The kernel's own initramfs has put /dev/console and /root there.
KERNELS_OWN = {b"/dev".hex(), b"/root".hex()}


def sums(lines):
    """{name in hex: (count, sum)}"""
    found = {}
    for line in lines:
        if line.startswith("ROOT-SUM "):
            _, name, count, value = line.split(" ")
            found[name] = (int(count), value)
    return {k: v for k, v in found.items() if k not in KERNELS_OWN}


def boot(initrd):
    cmd = [QEMU, "-accel", "tcg", "-cpu", "max", "-smp", "1", "-M", "q35", "-m", "1024M", "-nodefaults", "-no-reboot", "-display", "none",
           "-serial", "stdio", "-kernel", KERNEL, "-initrd", initrd,
           "-append", "console=ttyS0 quiet panic=-1 no_timer_check rdinit=/sbin/init listing_sums=1"]
    try:
        p = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False)
        out = p.stdout
    except subprocess.TimeoutExpired as e:
        out = (e.stdout or b"") + b"\n[timed out]"
    return out.decode("latin-1").replace("\r", "").split("\n")


def main():
    missing = next((x for x in (OSBUILDER, TORTURE, INIT, KERNEL) if not os.path.exists(x)), None)
    why = f"no {missing}" if missing else None if QEMU else "no qemu-system-x86_64"
    if not why:
        run(TORTURE, "make", INIT, f"{TMP}/full.ext4", f"{TMP}/small.ext4")
    # zstd frames go through the same unpacker and take half a minute more: boot_image.py has them at a smaller size
    for name, argv in (("gzip members", ["--compression", "gzip", "--level", "1"]),):
        @case(f"initrd of {name}: the kernel sees 100,000 files as they are")
        def _():
            if why:
                raise Skip(why)
            initrd = f"{TMP}/initrd"
            run(OSBUILDER, "pack", "--format", "cpio", "--keep-times", "--drop-xattrs", *argv, f"{TMP}/small.ext4", initrd)
            want = sums(run(TORTURE, "sums", initrd).stdout.splitlines())
            assert sum(n for n, _ in want.values()) > 100000 and len(want) >= 9, want
            lines = boot(initrd)
            have = sums(lines)
            notes = [f"{bytes.fromhex(k).decode()}: want {want.get(k)}, have {have.get(k)}" for k in sorted({*want, *have})
                     if want.get(k) != have.get(k)]
            assert not notes and "BOOT-DONE" in lines, "\n".join(notes + lines[-15:])


if __name__ == "__main__":
    main()
    finish()
