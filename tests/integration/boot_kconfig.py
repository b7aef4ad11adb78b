#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The kernel build's own checks: kata-kconfig on good and bad input, unpacking and patching, the configurations of all
architectures and build types.

Environment: KATA_BUILD, KATA_BIN (has kata-kconfig), KATA_KERNEL_DIR (a built kernel). Runs in the source directory.
"""

import gzip
import io
import os
import subprocess
import sys
import tarfile
import tempfile

TOOL = os.path.join(os.environ.get("KATA_BIN", "build/host/bin"), "kata-kconfig")
BUILD = os.environ.get("KATA_BUILD", "build")
KERNEL_DIR = os.environ.get("KATA_KERNEL_DIR", "build/kernel/x86_64")
count = failed = 0


def ok(good, name, why=""):
    global count, failed
    count += 1
    failed += not good
    print("%sok %d - %s" % ("" if good else "not ", count, name))
    for line in str(why).splitlines() if not good else []:
        print("#   " + line)


def run(*command):
    p = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def expect(name, result, status, *texts):
    """The exit status, and every text in what was printed."""
    code, out, err = result
    ok(code == status and all(t in out + err for t in texts), name, "status %d\n%s%s" % (code, out, err))


def write(path, data):
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return path


def merge_and_check(work):
    a = write(work + "/a.conf", "# why\n#: net: no network\nCONFIG_NET=y\nCONFIG_NR_CPUS=240\n")
    b = write(work + "/b.conf", "#: base: nothing\n# CONFIG_MODULES is not set\n")
    clash = write(work + "/clash.conf", "\n#: net\nCONFIG_NET=n\n")
    twice = write(work + "/twice.conf", "#: net\nCONFIG_NET=y\n")
    stray = write(work + "/stray.conf", "CONFIG_A=y\n")
    out = work + "/merged"
    expect("merge accepts fragments", run(TOOL, "merge", "-o", out, a, b), 0)
    with open(out, encoding="ascii") as f:
        text = f.read()
    ok(text.splitlines()[1:] == ["# CONFIG_MODULES is not set", "CONFIG_NET=y", "CONFIG_NR_CPUS=240"],
       "merge writes every option once", text)
    expect("merge refuses two values for one option", run(TOOL, "merge", "-o", work + "/no", a, clash), 2,
           "CONFIG_NET", clash + ":3", "redefines y of %s:3\n" % a, "merge: 1 faults in 2 options of the fragments")
    expect("merge refuses an option that is set twice", run(TOOL, "merge", "-o", work + "/no", a, twice), 2,
           "redundant: %s:3 sets it already\n" % a)
    expect("merge refuses an option of no feature", run(TOOL, "merge", "-o", work + "/no", stray), 2,
           "stray.conf:1: CONFIG_A belongs to no feature")
    expect("merge refuses a feature that nothing describes", run(TOOL, "merge", "-o", work + "/no", twice), 2,
           "twice.conf:1: feature 'net' is nowhere described")
    ok(not os.path.exists(work + "/no"), "a failed merge writes nothing")
    expect("merge without an output", run(TOOL, "merge", a), 2, "merge needs -o OUT")
    expect("a missing fragment is named", run(TOOL, "merge", "-o", out, work + "/none.conf"), 2, work + "/none.conf")
    expect("an unknown build type", run(TOOL, "merge", "-b", "frob", "-o", out), 2,
           "kernel/configs/build-types/frob: no fragment (*.conf) for this kernel")
    result = write(work + "/result", "CONFIG_NET=y\nCONFIG_NR_CPUS=64\n")
    expect("check prints what Kconfig did not keep", run(TOOL, "check", result, a, b), 2, "option ", "wanted", "CONFIG_NR_CPUS",
           a + ":4", "240", "altered: 64", "1 faults in 3 options of the fragments")
    expect("check accepts a result that has all", run(TOOL, "check", out, a, b), 0)
    expect("an unknown command", run(TOOL, "frob"), 2, "no such command")


def fit_and_diff(work):
    config = KERNEL_DIR + "/config"
    expect("our kernel has all features", run(TOOL, "fit", config), 0, "0 of ", " features are missing")
    with open(config, encoding="ascii") as f:
        text = f.read()
    foreign = write(work + "/foreign", text.replace("CONFIG_VIRTIO_FS=y", "# CONFIG_VIRTIO_FS is not set")
                    .replace("CONFIG_TUN=y", "CONFIG_TUN=m"))
    expect("fit tells what a foreign kernel lacks, and what breaks", run(TOOL, "fit", foreign), 1,
           "virtio-fs: without it directories of the host (container roots, volumes) cannot be mounted\n  lacks: VIRTIO_FS\n",
           "tun: only with modules", "1 of ")
    packed = write(work + "/config.gz", gzip.compress(text.encode()))
    expect("fit reads config.gz", run(TOOL, "fit", packed), 0)
    expect("fit refuses a kernel without its configuration", run(TOOL, "fit", KERNEL_DIR + "/vmlinux"), 2,
           "no configuration inside")
    expect("diff tells the differences by feature", run(TOOL, "diff", config, foreign), 1,
           "tun\n  TUN                                  y            m\n")
    expect("diff of the same kernel", run(TOOL, "diff", config, packed), 0)


def all_configurations(work):
    """Every architecture and build type through Kconfig, with nothing lost. The source is unpacked already."""
    for arch, kind in (("aarch64", ""), ("ppc64le", ""), ("s390x", ""), ("x86_64", "microvm"), ("x86_64", "debug"),
                       ("x86_64", "confidential")):
        expect("the configuration for %s %s is as the fragments say" % (arch, kind),
               run("make", "-s", "O=" + BUILD, "ARCH=" + arch, "KERNEL_TYPE=" + kind, "kernel-config"), 0)
    expect("an architecture without configuration is refused", run("make", "-s", "O=" + work + "/o", "ARCH=sparc", "kernel"), 2,
           "no configuration for ARCH=sparc (there is one for: x86_64 aarch64 ppc64le s390x)")
    expect("an unknown build type is refused", run("make", "-s", "O=" + work + "/o", "KERNEL_TYPE=frob", "kernel"), 2,
           "no KERNEL_TYPE=frob (there are: confidential debug microvm)")


def inspect(work):
    vmlinux = KERNEL_DIR + "/vmlinux"
    expect("inspect prints the version", run(TOOL, "inspect", vmlinux), 0, "Linux version 6.1.")
    expect("inspect refuses another architecture", run(TOOL, "inspect", "-a", "aarch64", vmlinux), 2,
           "is a kernel for x86_64 (ELF machine 62), not for aarch64")
    expect("inspect refuses another version", run(TOOL, "inspect", "-k", "5.10", vmlinux), 2, "is version 6.1.", ", not 5.10")
    expect("inspect refuses a bzImage", run(TOOL, "inspect", KERNEL_DIR + "/vmlinuz"), 2, "not an ELF file")
    with open(vmlinux, "rb") as f:
        data = f.read()
    # namesz 4, descsz 8, type 18, "Xen": the PVH note becomes one of another owner.
    note = bytes.fromhex("04000000 08000000 12000000") + b"Xen\0"
    ok(data.count(note) == 1, "vmlinux has one PVH note")
    broken = write(work + "/nopvh", data.replace(note, note.replace(b"Xen", b"Xem")))
    expect("inspect refuses a kernel without the PVH note", run(TOOL, "inspect", broken), 2,
           "has no PVH entry note (was it built with CONFIG_PVH=y?)")
    # The flags of the first program header: at 4 in it, and it follows the 64 bytes of the ELF header.
    ok(data[64:72] == bytes.fromhex("01000000 05000000"), "the first segment of vmlinux is loaded, readable and executable")
    broken = write(work + "/wx", data[:68] + b"\7" + data[69:])
    expect("inspect refuses a segment that is writable and executable", run(TOOL, "inspect", broken), 2,
           "has a segment that is writable and executable, at 0xffffffff81000000")
    cut = write(work + "/cut", data[:4096])
    expect("inspect refuses a truncated kernel", run(TOOL, "inspect", cut), 2, "damaged ELF file")


PATCH = """Subject: test
---
--- a/file
+++ b/file
@@ -1,3 +1,3 @@
 one
-two
+TWO
 three
"""


def unpack(work):
    def tarball(text):
        with tarfile.open(work + "/linux-source-0.tar.xz", "w:xz") as t:
            for name, data in (("file", text), ("Documentation/a/b", b"x")):
                info = tarfile.TarInfo("linux-source-0/" + name)
                info.size = len(data)
                t.addfile(info, io.BytesIO(data))

    patches, src = work + "/patches", work + "/src"
    os.mkdir(patches)
    write(patches + "/series", "# order\n0001.patch\n")
    write(patches + "/0001.patch", PATCH)
    command = ("kernel/unpack.sh", work + "/linux-source-0.tar.xz", patches, src, "Documentation/*/*")
    expect("a missing source package is named", run(*command), 1, "linux-source-0.tar.xz is missing; run 'make deps'")
    tarball(b"one\ntwo\nthree\n")
    expect("unpacking applies the series", run(*command), 0)
    with open(src + "/file", encoding="ascii") as f:
        ok(f.read() == "one\nTWO\nthree\n", "the patch is in the source")
    ok(not os.path.exists(src + "/Documentation/a/b"), "what is to be skipped is not unpacked")
    # Three lines of context would be accepted with fuzz.
    tarball(b"ONE\ntwo\nthree\n")
    expect("a patch that needs fuzz stops the build", run(*command), 1, f"0001.patch does not apply to {work}/linux-source-0")
    with open(src + "/file", encoding="ascii") as f:
        ok(f.read() == "ONE\ntwo\nthree\n", "a patch that does not apply changes nothing")


def main():
    with tempfile.TemporaryDirectory(prefix="boot-kconfig-") as work:
        merge_and_check(work)
        inspect(work)
        unpack(work)
        fit_and_diff(work)
        all_configurations(work)
    print("1..%d" % count)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
