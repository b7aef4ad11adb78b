#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boots the guest kernel under QEMU (TCG), on each machine type, as ELF file and as bzImage.

The guest's init is tests/support/init_probe.c in an initrd made here; it prints what the kernel has and ends the machine.
Environment: KATA_KERNEL_DIR (vmlinux, vmlinuz, kernel.manifest.json), KATA_BOOT_PROBE (the static init program).
"""

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from initrd import cpio  # noqa: E402
from machines import tsc_khz  # noqa: E402

QEMU = shutil.which("qemu-system-x86_64")
KERNEL_DIR = os.environ.get("KATA_KERNEL_DIR", "build/kernel/x86_64")
PROBE = os.environ.get("KATA_BOOT_PROBE", "build/guest/bin/init_probe")
TIMEOUT = 180

FILESYSTEMS = "ext4 erofs overlay tmpfs virtiofs fuse 9p proc sysfs devtmpfs devpts cgroup cgroup2 bpf mqueue hugetlbfs".split()
NAMESPACES = "cgroup ipc mnt net pid time user uts".split()
CONTROLLERS = "cpuset cpu io memory hugetlb pids rdma misc".split()
DRIVERS = (
    "virtio_blk virtio_net virtio_console virtio_balloon virtio_rng virtiofs virtio_pmem virtio_mem 9pnet_virtio "
    "vmw_vsock_virtio_transport"
).split()


def make_initrd(path, compress):
    with open(PROBE, "rb") as f:
        init = f.read()
    data = cpio([("init", 0o100755, init)])
    if compress == "gzip":
        data = gzip.compress(data, 6, mtime=0)
    elif compress == "zstd":
        data = subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
    with open(path, "wb") as f:
        f.write(data)


def boot(kernel, machine, append, initrd, more=(), console="ttyS0"):
    """The console's text and the seconds until QEMU ended; a guest that does not end is killed."""
    serial = ["-serial", "stdio"]
    if console == "hvc0":
        serial = ["-chardev", "stdio,id=con", "-device", "virtio-serial-pci", "-device", "virtconsole,chardev=con"]
    command = [QEMU, "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", "256", "-M", machine, "-nodefaults", "-no-user-config",
               "-no-reboot", "-display", "none", *serial, "-kernel", os.path.join(KERNEL_DIR, kernel),
               "-initrd", initrd, "-append", "console=%s panic=-1 selinux=0 %s" % (console, append), *more]
    start = time.monotonic()
    qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        out, _ = qemu.communicate(timeout=TIMEOUT)
        ended = True
    except subprocess.TimeoutExpired:
        qemu.kill()
        out, _ = qemu.communicate()
        ended = False
    return out.decode("utf-8", "replace").replace("\r", ""), time.monotonic() - start, ended


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, good, name, why=""):
        self.count += 1
        self.failed += not good
        print("%sok %d - %s" % ("" if good else "not ", self.count, name))
        for line in str(why).splitlines() if not good else []:
            print("#   " + line)
        sys.stdout.flush()

    def skip(self, name, why):
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, name, why))


def probe(text):
    return {m.group(1): m.group(2).strip() for m in re.finditer(r"^probe (\w+): ?(.*)$", text, re.M)}


def missing(want, got):
    return [w for w in want if w not in got.split()]


def check_boot(tap, name, manifest, result):
    text, seconds, ended = result
    got = probe(text)
    good = ended and "end" in got and manifest["release"] in got.get("version", "")
    tap.ok(good, "%s boots %s" % (name, manifest["release"]), "\n".join(text.splitlines()[-25:]))
    if good:
        print("#   init after %s s of guest time, %.1f s of QEMU in all" % (got["uptime"].split()[0], seconds))
    return got, text


def check_features(tap, got):
    for key, want in (("filesystems", FILESYSTEMS), ("namespaces", NAMESPACES), ("cgroup", CONTROLLERS), ("virtio", DRIVERS),
                      ("lsm", ["capability,landlock"])):
        lacks = missing(want, got.get(key, ""))
        tap.ok(not lacks, "the kernel has every wanted entry of " + key, "missing: " + " ".join(lacks))


def check_manifest(tap, manifest):
    with open(os.path.join(KERNEL_DIR, "vmlinux"), "rb") as f:
        data = f.read()
    tap.ok(manifest["sha512"] == hashlib.sha512(data).hexdigest() and manifest["size"] == len(data),
           "the manifest has the digest and size of vmlinux")
    options = manifest["options"]
    tap.ok(options.get("VIRTIO_FS") == "y" and "MODULES" not in options, "the manifest lists the options that are set")


def port_reads(trace):
    """Reads of port 0x61 (QEMU's region "pcspk"), where the calibration loops wait for PIT channel 2."""
    with open(trace, encoding="ascii", errors="replace") as f:
        return sum("name 'pcspk'" in line for line in f)


def check_clocks(tap, work, manifest, clocks, initrd):
    reads = []
    for append in ("quiet no_timer_check", "apic=verbose " + clocks):
        trace = os.path.join(work, "trace")
        _, text = check_boot(tap, "q35, " + ("clocks not given" if append.startswith("quiet") else "clocks given"), manifest,
                             boot("vmlinux", "q35", append, initrd, ("-d", "trace:memory_region_ops_read", "-D", trace)))
        reads.append(port_reads(trace))
    # Without it: one read where the quick calibration works at once, tens of thousands where the host is busy.
    tap.ok(reads[0] > 0 and reads[1] == 0, "tsc_early_khz= leaves out the loops on the PIT (patch 0001)",
           "reads of port 0x61 without and with it: %s" % reads)
    print("#   reads of port 0x61: %d without, %d with" % tuple(reads))
    # 1 GHz / HZ (250)
    tap.ok("lapic timer already calibrated 4000000" in text, "lapic_timer_khz= leaves out the APIC loop (patch 0002)",
           "\n".join(l for l in text.splitlines() if "lapic" in l.lower()))


def check_mmio_hotplug(tap, manifest, clocks, initrd, disk):
    """A machine without PCI and ACPI gets a disk, loses it and gets it back while it runs (patch 0003)."""
    # where QEMU's microvm has the transport of its first virtio device (hw/i386/microvm.c)
    got, text = check_boot(tap, "microvm,acpi=off, nothing on the command line", manifest,
                           boot("vmlinux", "microvm,acpi=off,auto-kernel-cmdline=off", "probe.mmio=512@0xfeb00e00:12 " + clocks,
                                initrd, disk))
    tap.ok("vda" not in got.get("block", "").split(), "the kernel does not find the virtio-mmio disk by itself", got.get("block"))
    for key, want in (("mmio_add", "ok"), ("mmio_block", "vda"), ("mmio_again", "Device or resource busy"), ("mmio_remove", "ok"),
                      ("mmio_gone", "No such device"), ("mmio_back", "ok"), ("mmio_block_back", "vda")):
        tap.ok(want == got.get(key) or want in got.get(key, "").split(), "virtio-mmio at run time: %s: %s" % (key, want),
               got.get(key))
    tap.ok("vda" not in got.get("mmio_block_after", "vda").split(), "virtio-mmio at run time: the removed disk is gone",
           got.get("mmio_block_after"))
    check_log(tap, text, "virtio-mmio at run time")


def check_log(tap, text, name):
    bad = [l for l in text.splitlines() if re.search(r"WARNING:|BUG:|Oops|Call Trace|general protection|self-test.*fail", l)]
    tap.ok(not bad, name + ": no warning or oops in the log", "\n".join(bad))


def run(tap, work):
    with open(os.path.join(KERNEL_DIR, "kernel.manifest.json"), encoding="utf-8") as f:
        manifest = json.load(f)
    check_manifest(tap, manifest)
    # QEMU's local APIC timer counts at 1 GHz (hw/intc/apic.c).
    clocks = "tsc_early_khz=%d lapic_timer_khz=1000000 no_timer_check" % tsc_khz()
    gz = os.path.join(work, "initrd.gz")
    make_initrd(gz, "gzip")
    disk = os.path.join(work, "disk")
    with open(disk, "wb") as f:
        f.truncate(1 << 20)
    drive = ("-blockdev", "driver=raw,node-name=d0,read-only=on,file.driver=file,file.filename=" + disk)

    got, text = check_boot(tap, "q35, vmlinux", manifest,
                           boot("vmlinux", "q35", "probe=poweroff", gz, (*drive, "-device", "virtio-blk-pci,drive=d0")))
    tap.ok(got.get("end") == "poweroff", "q35 powers off through ACPI", got.get("end"))
    tap.ok("vda" in got.get("block", "").split(), "q35: a virtio-blk-pci disk is vda", got.get("block"))
    check_features(tap, got)
    check_log(tap, text, "q35")

    check_clocks(tap, work, manifest, clocks, gz)
    check_boot(tap, "q35, bzImage", manifest, boot("vmlinuz", "q35", "quiet", gz))
    check_boot(tap, "pc, vmlinux", manifest, boot("vmlinux", "pc", "quiet", gz))

    modern = ("-global", "virtio-mmio.force-legacy=false", *drive, "-device", "virtio-blk-device,drive=d0")
    for machine in ("microvm", "microvm,acpi=off"):
        got, _ = check_boot(tap, machine + ", vmlinux", manifest, boot("vmlinux", machine, "quiet " + clocks, gz, modern))
        tap.ok("vda" in got.get("block", "").split(), machine + ": a virtio-mmio disk is vda", got.get("block"))

    check_mmio_hotplug(tap, manifest, clocks, gz, modern)
    check_boot(tap, "q35, vmlinux, console on hvc0", manifest, boot("vmlinux", "q35", "quiet", gz, console="hvc0"))
    if shutil.which("zstd"):
        zst = os.path.join(work, "initrd.zst")
        make_initrd(zst, "zstd")
        check_boot(tap, "q35, zstd initrd", manifest, boot("vmlinux", "q35", "quiet", zst))
    else:
        tap.skip("q35, zstd initrd", "no zstd program")


def main():
    tap = Tap()
    if not QEMU:
        print("1..0 # SKIP no qemu-system-x86_64")
        return 0
    with tempfile.TemporaryDirectory(prefix="boot-kernel-") as work:
        run(tap, work)
    print("1..%d" % tap.count)
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
