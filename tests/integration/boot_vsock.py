#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boots guests through the QEMU driver and talks to them by vsock: test-vm-vsock (tests/integration/vm) does the work.

Initrd on q35, microvm and pc; an ext4 image as NVDIMM with DAX (virtio-blk on microvm) with two more disks; guests that end by themselves.
Environment: KATA_KERNEL_DIR (vmlinux), KATA_BIN (test-vm-vsock), KATA_BUILD (guest/bin/test-echo-init).
"""

import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

MIB = 1 << 20
KERNEL = os.path.join(os.environ.get("KATA_KERNEL_DIR", "build/kernel/x86_64"), "vmlinux")
DRIVER = os.path.join(os.environ.get("KATA_BIN", "build/host/bin"), "test-vm-vsock")
INIT = os.path.join(os.environ.get("KATA_BUILD", "build"), "guest/bin/test-echo-init")


def mbr(start, sectors):
    entry = struct.pack("<B3sB3sII", 0x80, bytes(3), 0x83, bytes(3), start, sectors)
    return (bytes(446) + entry).ljust(510, b"\0") + b"\x55\xaa"


def pfn_block():
    """struct nd_pfn_sb (Linux, drivers/nvdimm/pfn.h): data at 2 MiB, its own Fletcher sum at the end."""
    head = struct.pack("<16s16s16sIHHQQIIII", b"NVDIMM_PFN_INFO\0", bytes(range(16)), bytes(16), 0, 1, 2,
                       2 * MIB, 0, 1, 0, 0, 2 * MIB)
    block = head.ljust(4096, b"\0")
    low = high = 0
    for (word,) in struct.iter_unpack("<I", block):
        low = (low + word) & 0xFFFFFFFF
        high = (high + low) & 0xFFFFFFFFFFFFFFFF
    return block[:4088] + struct.pack("<Q", (high << 32 | low) & 0xFFFFFFFFFFFFFFFF)


def make_image(path, work):
    """The layout of guest images: one MBR for disks, a PFN block and a second MBR at 2 MiB for DAX, the file system at 3 MiB."""
    root, fs = os.path.join(work, "root"), os.path.join(work, "fs")
    for d in ("dev", "proc", "sys", "sbin"):
        os.makedirs(os.path.join(root, d))
    shutil.copy(INIT, os.path.join(root, "sbin/init"))
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-b", "4096", "-d", root, fs, "32M"], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
    sectors = os.path.getsize(fs) // 512
    with open(path, "wb") as out, open(fs, "rb") as f:
        out.truncate(128 * MIB)
        out.write(mbr(3 * MIB // 512, sectors))
        out.seek(4096)
        out.write(pfn_block())
        out.seek(2 * MIB)
        out.write(mbr(MIB // 512, sectors))
        out.seek(3 * MIB)
        shutil.copyfileobj(f, out)


def run(options, count):
    """Shows the program's lines under our own numbers. Returns the new count and whether all passed."""
    p = subprocess.run([DRIVER, *options, KERNEL, INIT], stdout=subprocess.PIPE, text=True, errors="replace",
                       check=False, timeout=600)
    good, plan, seen = p.returncode == 0, None, 0
    for line in p.stdout.splitlines():
        found = re.match(r"(not ok|ok) \d+ (.*)", line)
        if found:
            count, seen = count + 1, seen + 1
            good &= found.group(1) == "ok"
            print(f"{found.group(1)} {count} {found.group(2)}")
        elif line.startswith("1.."):
            plan = int(line[3:].split()[0])
        else:
            print(line if line.startswith("#") else "# " + line)
    if plan != seen:
        count, good = count + 1, False
        print(f"not ok {count} - {os.path.basename(DRIVER)} ended early with code {p.returncode}")
    sys.stdout.flush()
    return count, good


def main():
    missing = [f for f in (KERNEL, DRIVER, INIT, "/usr/bin/qemu-system-x86_64") if not os.path.exists(f)]
    if missing:
        print(f"1..0 # SKIP missing: {' '.join(missing)}")
        return 0
    count, good = 0, True
    with tempfile.TemporaryDirectory(prefix="boot_vsock.") as work:
        image = os.path.join(work, "image")
        make_image(image, work)
        disks = []
        for i in range(2):
            disks.append(os.path.join(work, f"disk{i}"))
            with open(disks[-1], "wb") as f:
                f.truncate(4 * MIB)
        runs = [
            ["-m", "q35", "-m", "microvm", "-m", "pc"],
            ["-m", "q35", "-m", "microvm", "-I", image, "-n", "-d", disks[0], "-d", disks[1]],
            ["-m", "q35", "-I", image, "-d", disks[0]],
            ["-e"],
        ]
        for options in runs:
            count, ok = run(options, count)
            good &= ok
    print(f"1..{count}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
