#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boots images of the torture tree under QEMU (TCG) and compares what the kernel finds in them with the tree.

usage: boot_image.py [TORTURE_IMAGE BOOT_INIT KERNEL]

Prints TAP. TORTURE_IMAGE and BOOT_INIT are tests/support/{torture_image,boot_init}.c built, KERNEL a guest kernel; without
arguments they are found through KATA_BIN, KATA_BUILD and KATA_KERNEL_DIR.
"""
import os
import shutil
import subprocess
import sys
import tempfile

QEMU = "qemu-system-x86_64"
TIMEOUT = 180
# Made by the kernel's built-in initramfs.
INITRD_EXTRA = {b"/dev/console".hex(), b"/root".hex()}


def boot(kernel, append, args, machine="q35", memory="512M"):
    cmd = [QEMU, "-accel", "tcg", "-cpu", "max", "-smp", "1", "-M", machine, "-m", memory, "-nodefaults", "-no-reboot",
           "-display", "none", "-serial", "stdio", "-kernel", kernel,
           "-append", "console=ttyS0 quiet panic=-1 no_timer_check " + append] + args
    try:
        run = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             timeout=TIMEOUT, check=False)
        out = run.stdout
    except subprocess.TimeoutExpired as e:
        out = (e.stdout or b"") + b"\n[timed out]"
    return out.decode("latin-1").replace("\r", "").split("\n")


def listing(lines, tag):
    """{path in hex: line}"""
    found = {}
    for line in lines:
        if line.startswith(tag + " "):
            fields = line[len(tag) + 1:]
            found[fields.split(" ")[0]] = fields
    return found


class Tap:
    def __init__(self, count):
        self.n = 0
        self.failed = 0
        print("1..%d" % count, flush=True)

    def result(self, ok, name, notes=()):
        self.n += 1
        self.failed += not ok
        print("%s %d - %s" % ("ok" if ok else "not ok", self.n, name))
        for note in [] if ok else list(notes)[:40]:
            print("# " + note)
        sys.stdout.flush()

    def skip(self, name, why):
        self.n += 1
        print("ok %d - %s # SKIP %s" % (self.n, name, why))


def without_times(entries):
    """Field 6 is the time; the kernel keeps those of an initrd only with INITRAMFS_PRESERVE_MTIME."""
    return {k: " ".join(v.split(" ")[:6] + v.split(" ")[7:]) for k, v in entries.items()}


def compare(tap, name, lines, tag, want, initrd=False):
    have = listing(lines, tag)
    extra = INITRD_EXTRA if initrd else frozenset()
    if initrd:
        want, have = without_times(want), without_times(have)
        if "-" in want and "/root".encode().hex() not in want:  # one directory more in the root
            f = want["-"].split(" ")
            want["-"] = " ".join(f[:3] + [str(int(f[3]) + 1)] + f[4:])
    notes = []
    for path, line in want.items():
        if path not in have:
            notes.append("missing: " + bytes.fromhex(path).decode("latin-1") if path != "-" else "missing: /")
        elif have[path] != line:
            notes += ["want " + line[:400], "have " + have[path][:400]]
    notes += ["unexpected: " + bytes.fromhex(p).decode("latin-1") for p in have
              if p not in want and p not in extra and p != "-"]
    if "BOOT-DONE" not in lines:
        notes += ["the guest did not finish; its last lines:"] + lines[-15:]
    tap.result(not notes and bool(want), name, notes)


def main():
    names = ["ext4 by virtio-blk, both partition tables", "erofs on a second disk", "ext4 by virtio-blk, one partition table",
             "ext4 by NVDIMM with DAX", "initrd of several gzip members",
             "initrd of several zstd frames", "erofs by LZ4 on a second disk"]
    tap = Tap(len(names))
    if len(sys.argv) == 1:
        env = os.environ.get
        tool = env("KATA_BIN", "build/host/bin") + "/torture-image"
        init = env("KATA_BUILD", "build") + "/guest/bin/boot-init"
        kernel = env("KATA_KERNEL_DIR", "build/kernel/x86_64") + "/vmlinux"
    elif len(sys.argv) == 4:
        tool, init, kernel = sys.argv[1:]
    else:
        sys.exit(__doc__)
    missing = next((x for x in (tool, init, kernel) if not os.path.exists(x)), None)
    why = "no " + missing if missing else "no " + QEMU if not shutil.which(QEMU) else None
    if why:
        for name in names:
            tap.skip(name, why)
        return 0
    with tempfile.TemporaryDirectory(prefix="kata-boot-") as d:
        subprocess.run([tool, os.path.abspath(init), d], check=True)

        def load(name):
            with open(os.path.join(d, name), encoding="ascii") as f:
                return listing(f.read().split("\n"), "")

        def disk(path, ident):
            return ["-drive", "if=none,format=raw,readonly=on,id=%s,file=%s" % (ident, os.path.join(d, path)),
                    "-device", "virtio-blk-pci,drive=" + ident]

        full, bare = load("full.list"), load("initrd.list")
        lines = boot(kernel, "root=/dev/vda1 rootfstype=ext4 ro init=/sbin/init",
                     disk("dax.img", "a") + disk("root.erofs", "b"))
        compare(tap, names[0], lines, "ROOT", full)
        compare(tap, names[1], lines, "DISK", full)
        lines = boot(kernel, "root=/dev/vda1 rootfstype=ext4 ro init=/sbin/init",
                     disk("plain.img", "a") + disk("root.lz4.erofs", "b"))
        compare(tap, names[2], lines, "ROOT", full)
        packed = lines
        image = os.path.join(d, "dax.img")
        lines = boot(kernel, "root=/dev/pmem0p1 rootfstype=ext4 rootflags=dax ro init=/sbin/init",
                     ["-object", "memory-backend-file,id=m0,mem-path=%s,size=%d,share=off,readonly=on" %
                      (image, os.path.getsize(image)), "-device", "nvdimm,id=nv0,memdev=m0,unarmed=on"],
                     machine="q35,nvdimm=on", memory="512M,slots=2,maxmem=2G")
        compare(tap, names[3], lines, "ROOT", full)
        for name, initrd in zip(names[4:6], ("initrd.gz", "initrd.zst")):
            lines = boot(kernel, "rdinit=/sbin/init", ["-initrd", os.path.join(d, initrd)])
            compare(tap, name, lines, "ROOT", bare, initrd=True)
        compare(tap, names[6], packed, "DISK", full)
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
