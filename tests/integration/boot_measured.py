#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measured images through kata-runtime: they start, as NVDIMM and as disk, pinned and not; and one with a single changed bit does not.

Environment: see tests/support/kata_runtime.py; KATA_AGENT (the agent for the images), KATA_KERNEL_DIR (vmlinux.container; default the
configuration's kernel).
"""

import os
import re
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import kata_runtime as kata  # noqa: E402

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
OSBUILDER = os.path.join(kata.BIN, "osbuilder")
AGENT = os.path.abspath(os.environ.get("KATA_AGENT", kata.BUILD + "/guest/bin/kata-agent"))
KERNEL = os.path.join(os.environ.get("KATA_KERNEL_DIR", "/nonexistent"), "vmlinux.container")
BLOCK = 4096
P1 = 3 << 20

tap = kata.Tap()


def build(top, fs):
    """A measured image of recipe agent: its path and the line of its root hash file."""
    out = os.path.join(top, fs)
    os.makedirs(out)
    subprocess.run([OSBUILDER, "build", "--recipe", "agent", "--agent", AGENT, "--arch", "x86_64", "--fs", fs, "--measured",
                    "--align-mib", "2", "--image", out + "/kata.img"], cwd=ROOT, check=True)
    return out + "/kata.img", open(out + "/root_hash_agent.txt").read().strip()


class Booter:
    def __init__(self):
        self.host = kata.Host()
        self.n = 0

    def run(self, image, fs, **changes):
        """Runs `cat /proc/cmdline` in a container behind this image: (status, output, messages)."""
        self.n += 1
        if os.path.exists(KERNEL):
            changes["kernel"] = KERNEL
        config = kata.write_config("%s/measured%d.toml" % (self.host.work, self.n), shared_fs="none", image=image,
                                   rootfs_type=fs, **changes)
        return self.host.container(["cat", "/proc/cmdline"], config=config)


def root_hash(line):
    return re.match(r"root_hash=([0-9a-f]{64}),", line).group(1)


def entry_block(agent):
    """Offset in the agent's file of the page that its first instruction lies in."""
    entry, phoff = struct.unpack_from("<QQ", agent, 24)
    size, n = struct.unpack_from("<HH", agent, 54)
    for i in range(n):
        kind, _, offset, vaddr, _, filesz = struct.unpack_from("<IIQQQQ", agent, phoff + i * size)
        if kind == 1 and vaddr <= entry < vaddr + filesz:
            return (entry - vaddr + offset) // BLOCK * BLOCK
    raise AssertionError("the agent has no segment with its entry point")


def positions(image):
    """Where one bit is to be changed: name, byte, and what `osbuilder verify` must call it."""
    data = open(image, "rb").read()
    agent = open(AGENT, "rb").read()
    at = entry_block(agent)
    p2 = struct.unpack_from("<I", data, 446 + 16 + 8)[0] * 512
    head = data.index(agent[:BLOCK], P1)
    code = data.index(agent[at:at + BLOCK], P1)
    leaf = p2 + BLOCK * (1 + (code - P1) // BLOCK // 128)
    return [("the superblock, behind its magic number", P1 + 1024 + 120, 1, 0),
            ("the first page of the agent", head + 18, 1, (head - P1) // BLOCK),
            ("the page of the agent's first instruction", code + 1234, 1, (code - P1) // BLOCK),
            ("the top block of the hash tree", p2 + 5, 2, 0),
            ("the hash of the agent's first instruction", leaf + (code - P1) // BLOCK % 128 * 32, 2, (leaf - p2) // BLOCK)]


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 4]))


def test_starts(boot, images):
    for fs, (image, line) in images.items():
        for disk in (False, True):
            status, out, err = boot.run(image, fs, disable_image_nvdimm=disk)
            device = "/dev/vda1 /dev/vda2" if disk else "/dev/pmem0p1 /dev/pmem0p2"
            good = status == 0 and "verity 1 %s " % device in out.decode() and root_hash(line) in out.decode()
            tap.ok(good, "a measured %s image starts as %s" % (fs, "disk" if disk else "NVDIMM"),
                   "%s %s %s" % (status, out, err))


def test_pinned(boot, image, line):
    status, out, err = boot.run(image, "ext4", kernel_verity_params=line)
    tap.ok(status == 0 and root_hash(line) in out.decode(), "kernel_verity_params as in the manifest: it starts",
           "%s %s %s" % (status, out, err))
    other = line.replace(root_hash(line), "0" * 64)
    status, out, err = boot.run(image, "ext4", kernel_verity_params=other)
    tap.ok(status not in (0, None) and "its manifest says root hash " + root_hash(line) in err and not out,
           "another root hash than the manifest's is refused before the VM starts", "%s %s %s" % (status, out, err))
    manifest = image + ".manifest.json"
    os.rename(manifest, manifest + ".away")
    try:
        status, out, err = boot.run(image, "ext4", kernel_verity_params=line)
        # agent_init is not known without a manifest, but the agent does not mind systemd's parameters
        tap.ok(status == 0 and root_hash(line) in out.decode(), "kernel_verity_params without a manifest: it starts",
               "%s %s %s" % (status, out, err))
        status, out, err = boot.run(image, "ext4", kernel_verity_params=other)
        tap.ok(status not in (0, None) and not out and "Unable to mount root fs" in err,
               "a wrong root hash without a manifest: the guest's kernel refuses", "%s %s %s" % (status, out, err))
    finally:
        os.rename(manifest + ".away", manifest)
    status, out, err = boot.run(image, "ext4", kernel_verity_params="root_hash=12")
    tap.ok(status not in (0, None) and "verity parameters: 'salt' is missing" in err, "a bad line is refused",
           "%s %s" % (status, err))


def test_flips(boot, fs, image):
    for name, at, part, block in positions(image):
        flip(image, at)
        try:
            status, out, err = boot.run(image, fs)
            # the kernel's own words, from the console: it finds the block, or cannot start what is in it
            good = status not in (0, None) and not out and re.search(r"verity|panic|dm-0", err)
            tap.ok(good, "%s: a bit changed in %s: refused" % (fs, name), "%s %s %s" % (status, out, err))
            p = subprocess.run([OSBUILDER, "verify", image], capture_output=True, text=True)
            want = "partition %d is damaged: block %d, at byte %d of the file" % (part, block, at // BLOCK * BLOCK)
            tap.ok(p.returncode == 1 and want in p.stderr, "%s: osbuilder verify names that block" % fs,
                   "wanted '%s', got %s" % (want, p.stderr))
        finally:
            flip(image, at)
    status, out, err = boot.run(image, fs)
    tap.ok(status == 0, "%s: it starts again when the bits are as they were" % fs, "%s %s %s" % (status, out, err))


def main():
    kata.skip_all_unless_ready(tap)
    for what in (OSBUILDER, AGENT):
        if not os.path.exists(what):
            tap.skip("measured images", what + " does not exist")
            tap.end()
    boot = Booter()
    try:
        images = {fs: build(boot.host.work + "/images", fs) for fs in ("ext4", "erofs")}
        test_starts(boot, images)
        test_pinned(boot, *images["ext4"])
        test_flips(boot, "ext4", images["ext4"][0])
        test_flips(boot, "erofs", images["erofs"][0])
        left = boot.host.left()
        tap.ok(not left, "nothing is left behind", "\n".join(left))
    finally:
        boot.host.end()
    tap.end()


main()
