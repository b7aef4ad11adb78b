#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Guest kernels measured: size, time to build, and instructions from the kernel's entry to init, beside their targets.

QEMU runs with -icount and counts instructions (insn_count.c), so that no figure of a boot depends on the machine or its load. Ours
are booted as vmlinux (PVH), with and without the clocks on the command line; Debian's cloud kernel, downloaded by apt and unpacked,
as the same ELF file taken out of its bzImage. Its symbols are not in the package, so that its total is not split.
"""

import argparse
import collections
import bisect
import glob
import lzma
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from initrd import cpio  # noqa: E402

QEMU = shutil.which("qemu-system-x86_64")
BUILD = os.environ.get("KATA_BUILD", "build")
CLOCKS = "tsc_early_khz=1000000 lapic_timer_khz=1000000"  # -icount shift=0: an instruction is a nanosecond

# Functions that wait for clocks, and those that unpack the initrd. What they call is counted where it is shared with others.
CALIBRATION = re.compile(r"^(pit_(hpet_ptimer_calibrate_cpu|calibrate_tsc|verify_msb|expect_msb)|quick_pit_calibrate|tsc_read_refs|"
                         r"native_calibrate_\w+|calibrate_(APIC_clock|delay\w*)|setup_boot_APIC_clock|lapic_cal_handler|"
                         r"delay_(tsc|loop)|__(const_)?u?delay|__ndelay|acpi_pm_read\w*|read_hpet|timer_wait|"
                         r"wait_(32|8254)\w*|timer_irq_works)$")
INITRD = re.compile(r"^((do_populate|unpack_to|populate)_rootfs|do_(start|collect|header|skip|reset|name|copy|symlink)|write_buffer|"
                    r"flush_buffer|read_into|xwrite\w*|(__)?gunzip\w*|zlib_inflate\w*|inflate_\w+|ZSTD_\w+|HUF_\w+|FSE_\w+|unzstd\w*)$")


def pvh_entry(vmlinux):
    """The address in the note of owner Xen, type 18 (XEN_ELFNOTE_PHYS32_ENTRY), of 4 or 8 bytes."""
    with open(vmlinux, "rb") as f:
        data = f.read()
    for size in (8, 4):
        at = data.find(struct.pack("<III", 4, size, 18) + b"Xen\0")
        if at >= 0:
            return int.from_bytes(data[at + 16:at + 16 + size], "little")
    return None


def lz4_block(data, out):
    """One LZ4 block, decompressed to the end of `out` (lz4_Block_format.md)."""
    at, end = 0, len(data)
    while at < end:
        token = data[at]
        at += 1
        length = token >> 4
        if length == 15:
            while True:
                more = data[at]
                at += 1
                length += more
                if more != 255:
                    break
        out += data[at:at + length]
        at += length
        if at >= end:
            return
        offset = data[at] | data[at + 1] << 8
        at += 2
        length = (token & 15) + 4
        if length == 19:
            while True:
                more = data[at]
                at += 1
                length += more
                if more != 255:
                    break
        start = len(out) - offset
        if offset >= length:
            out += out[start:start + length]
        else:
            piece = bytes(out[start:])
            out += (piece * (length // offset + 1))[:length]


def elf_of_bzimage(vmlinuz, out):
    """The ELF file that a bzImage carries (Linux, Documentation/x86/boot.rst), compressed with xz or lz4 (its legacy frames)."""
    with open(vmlinuz, "rb") as f:
        data = f.read()
    setup = (data[0x1f1] or 4) * 512 + 512
    start, length = struct.unpack_from("<II", data, 0x248)
    payload = data[setup + start:setup + start + length]
    elf = bytearray()
    if payload[:6] == b"\xfd7zXZ\0":
        elf += lzma.LZMADecompressor().decompress(payload)
    elif payload[:4] == b"\x02\x21\x4c\x18":
        at = 4
        # The last 4 bytes are the size of the whole.
        while at + 8 <= len(payload):
            size, = struct.unpack_from("<I", payload, at)
            lz4_block(payload[at + 4:at + 4 + size], elf)
            at += 4 + size
    else:
        return False
    with open(out, "wb") as f:
        f.write(elf)
    return True


def symbols(path):
    table = []
    if os.path.exists(path):
        with open(path, encoding="ascii") as f:
            for line in f:
                address, kind, name = line.split()[:3]
                if kind in "tTwW" and int(address, 16) >= 1 << 63:
                    table.append((int(address, 16), name))
    return sorted(table)


def count(vmlinux, machine, append, work):
    """Instructions of each block of code from the kernel's entry to init, or None when the guest did not get there."""
    counts = os.path.join(work, "insn.txt")
    if os.path.exists(counts):
        os.unlink(counts)
    entry = pvh_entry(vmlinux)
    if entry is None:
        return None
    command = [QEMU, "-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off", "-cpu", "max", "-smp", "1", "-m", "256",
               "-M", machine, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "null",
               "-plugin", "%s,entry=%x,out=%s" % (os.path.join(BUILD, "host/bench/insn_count.so"), entry, counts),
               "-kernel", vmlinux, "-initrd", os.path.join(work, "initrd"), "-append", "quiet panic=-1 nokaslr " + append]
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        return None
    if not os.path.exists(counts):
        return None
    with open(counts, encoding="ascii") as f:
        return [(int(a, 16), int(n)) for a, n in (line.split() for line in f)]


def by_function(counts, table):
    addresses = [a for a, _ in table]
    functions = collections.Counter()
    for address, n in counts:
        if address < 1 << 63:
            functions["[before paging, and init itself]"] += n
        else:
            at = bisect.bisect_right(addresses, address) - 1
            functions[table[at][1] if at >= 0 else "?"] += n
    return functions


def build_time(kernel_dir):
    """User and system seconds of the build, and whether a compiler cache helped; None when it was not recorded."""
    path = os.path.join(kernel_dir, "build-time")
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as f:
        text = f.read()
    seconds = 0.0
    for line in re.findall(r"^(?:\d+m[\d.]+s ){4}$", text, re.M):
        seconds += sum(int(m) * 60 + float(s) for m, s in re.findall(r"(\d+)m([\d.]+)s", line)[2:])
    return seconds, "ccache" in text, len(re.findall(r"^\d+m", text, re.M))


def million(n):
    return "%.1f M" % (n / 1e6)


def against(value, limit):
    return "" if limit is None else "  target %s: %s" % (limit, "met" if value <= limit else "MISSED")


def show_build(name, kernel_dir, limits):
    vmlinux = os.path.join(kernel_dir, "vmlinux")
    size = os.path.getsize(vmlinux)
    print("%-10s vmlinux %.1f MB%s" % (name, size / 1e6, against(size / 1e6, limits.get("mb"))))
    built = build_time(kernel_dir)
    if not built:
        print("%-10s build time not recorded" % name)
    elif built[1] or built[2] != 1:
        print("%-10s build %.1f CPU-minutes, not comparable: %s" % (name, built[0] / 60, "with ccache" if built[1] else
                                                                    "in %d runs" % built[2]))
    else:
        print("%-10s build %.1f CPU-minutes%s" % (name, built[0] / 60, against(built[0] / 60, limits.get("minutes"))))


def show_boot(name, vmlinux, system_map, machine, append, work, limits, top):
    counts = count(vmlinux, machine, append, work)
    label = "%-10s %s %s" % (name, machine, "clocks given" if append else "clocks not given")
    if counts is None:
        print(label + ": init was not reached")
        return False
    total = sum(n for _, n in counts)
    table = symbols(system_map) if system_map else []
    if not table:
        print("%s: %s to init" % (label, million(total)))
        return True
    functions = by_function(counts, table)
    calibration = sum(n for f, n in functions.items() if CALIBRATION.match(f))
    initrd = sum(n for f, n in functions.items() if INITRD.match(f))
    rest = total - calibration - initrd
    print("%s: %s to init = calibration %s (%.0f %%) + initrd %s + rest %s%s" % (
        label, million(total), million(calibration), 100.0 * calibration / total, million(initrd), million(rest),
        against(rest / 1e6, limits.get("insn"))))
    if top:
        best = [(f, n) for f, n in functions.most_common() if not CALIBRATION.match(f)][:top]
        print("%-10s the %d costliest functions beside calibration are %.0f %% of the rest:" % (
            name, top, 100.0 * sum(n for _, n in best) / (rest + initrd)))
        for f, n in best:
            print("%-10s   %8s %5.1f %%  %s" % (name, million(n), 100.0 * n / (rest + initrd), f))
    return True


def cloud_kernel(where):
    """Debian's cloud kernel as ELF file, downloaded once; None and why otherwise."""
    elf = os.path.join(where, "vmlinux")
    if os.path.exists(elf):
        return elf, ""
    os.makedirs(where, exist_ok=True)
    found = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], capture_output=True, text=True, check=False).stdout
    package = re.search(r"Depends: (linux-image-\S+)", found)
    if not package:
        return None, "apt knows no linux-image-cloud-amd64"
    if subprocess.run(["apt-get", "-q", "download", package.group(1)], cwd=where, capture_output=True, check=False).returncode:
        return None, "apt cannot download " + package.group(1)
    subprocess.run(["dpkg-deb", "-x", glob.glob(where + "/*.deb")[0], where + "/root"], check=True)
    if not elf_of_bzimage(glob.glob(where + "/root/boot/vmlinuz-*")[0], elf):
        return None, "its bzImage is compressed neither with xz nor with lz4"
    return elf, ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--top", type=int, default=10, metavar="N", help="functions to list for each of ours (10)")
    parser.add_argument("--without-cloud", action="store_true", help="leave out Debian's kernel")
    args = parser.parse_args()
    if not QEMU:
        print("skipped: no qemu-system-x86_64")
        return 0
    failed = False
    with tempfile.TemporaryDirectory(prefix="bench-kernel-") as work:
        with open(os.path.join(BUILD, "guest/bin/insn_init"), "rb") as f:
            init = f.read()
        with open(os.path.join(work, "initrd"), "wb") as f:
            f.write(cpio([("init", 0o100755, init)]))
        for name, directory, machine, limits in (
                ("default", "x86_64", "q35", {"mb": 18, "minutes": 8, "insn": 70}),
                ("microvm", "x86_64-microvm", "microvm,acpi=off", {"mb": 8, "minutes": 4, "insn": 35})):
            kernel_dir = os.path.join(BUILD, "kernel", directory)
            if not os.path.exists(os.path.join(kernel_dir, "vmlinux")):
                print("%-10s skipped: not built (make kernel%s)" % (name, "" if name == "default" else " KERNEL_TYPE=" + name))
                continue
            show_build(name, kernel_dir, limits)
            for append in ("", CLOCKS):
                failed |= not show_boot(name, os.path.join(kernel_dir, "vmlinux"), os.path.join(kernel_dir, "System.map"), machine,
                                        append, work, limits, args.top if append else 0)
        if not args.without_cloud:
            elf, why = cloud_kernel(os.path.join(BUILD, "bench/cloud"))
            if not elf:
                print("%-10s skipped: %s" % ("cloud", why))
            else:
                print("%-10s vmlinux %.1f MB" % ("cloud", os.path.getsize(elf) / 1e6))
                failed |= not show_boot("cloud", elf, None, "q35", "", work, {}, 0)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
