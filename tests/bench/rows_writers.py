# SPDX-License-Identifier: Apache-2.0
"""Rows about the writers and the hash tree: one tar file or directory in, one file system or archive out."""

import os

from input import copy_to
from pairs import CPU, WALL, Cmd, Skip, need, row

OSB = os.path.abspath(os.path.join(os.environ.get("KATA_BIN", "build/host/bin"), "osbuilder"))
CACHE = os.path.abspath(os.environ.get("OSBUILDER_CACHE", "build/cache"))
BLOCK = 4096
SALT = "6b617461" * 8


def inputs(b):
    return copy_to(b.dir, CACHE)


def pack(fmt, src, out, extra=""):
    return Cmd(f"{OSB} pack --format {fmt}{extra} {src} {out}", out)


def compare(b, name, ours, theirs, targets):
    """theirs: {label: Cmd}; targets: {label: (wall, cpu)}, None where only the figure is wanted."""
    b.interleave(ours, *theirs.values())
    for label, cmd in theirs.items():
        wall, cpu = targets[label]
        b.ratio(name, ours, cmd, WALL, wall, label)
        b.ratio(name, ours, cmd, CPU, cpu, label)
    b.show(ours, *theirs.values())


@row("ext4 from a tar")
def _(b):
    name = "ext4 from a tar"
    inputs(b)
    need("genext2fs", "mke2fs")
    ours = pack("ext4", "root.tar", "ours.ext4")
    compare(b, name, ours, {
        "genext2fs": Cmd("genext2fs -a root.tar -B 4096 -b 46000 -N 9000 genext2fs.img", "genext2fs.img"),
        "mke2fs -d": Cmd("mke2fs -q -t ext4 -d root mke2fs.img 256M", "mke2fs.img"),
    }, {"genext2fs": (0.5, 0.5), "mke2fs -d": (0.25, 0.25)})
    blocks = sum(-(-os.lstat(os.path.join(top, f)).st_size // BLOCK) for top, _, files in os.walk(b.path("root"))
                 for f in files if os.path.isfile(os.path.join(top, f)) and not os.path.islink(os.path.join(top, f)))
    b.size(name, os.path.getsize(b.path("ours.ext4")), int(1.02 * blocks * BLOCK), "size within 2 % of the data blocks")
    b.peak(name, ours, 32)


@row("ext4 from a directory")
def _(b):
    inputs(b)
    need("genext2fs", "mke2fs")
    compare(b, "ext4 from a directory", pack("ext4", "root", "ours.ext4"), {
        "genext2fs -d": Cmd("genext2fs -d root -B 4096 -b 46000 -N 9000 genext2fs.img", "genext2fs.img"),
        "mke2fs -d": Cmd("mke2fs -q -t ext4 -d root mke2fs.img 256M", "mke2fs.img"),
    }, {"genext2fs -d": (0.5, 0.5), "mke2fs -d": (None, None)})


@row("erofs from a tar")
def _(b):
    inputs(b)
    need("mkfs.erofs")
    ours = pack("erofs", "root.tar", "ours.erofs")
    compare(b, "erofs from a tar", ours, {"mkfs.erofs": Cmd("mkfs.erofs --quiet mkfs.erofs.img root", "mkfs.erofs.img")},
            {"mkfs.erofs": (0.6, 0.6)})
    b.peak("erofs from a tar", ours, 32)


@row("erofs from a directory")
def _(b):
    inputs(b)
    need("mkfs.erofs")
    compare(b, "erofs from a directory", pack("erofs", "root", "ours.erofs"),
            {"mkfs.erofs": Cmd("mkfs.erofs --quiet mkfs.erofs.img root", "mkfs.erofs.img")}, {"mkfs.erofs": (0.6, 0.6)})


@row("gzip initrd")
def _(b):
    name = "gzip initrd"
    inputs(b)
    need("cpio", "gzip", "pigz")
    find = "cd root && find . | cpio --quiet -o -H newc"
    ours = pack("cpio", "root.tar", "ours.cpio.gz", " --drop-xattrs --compression gzip")
    theirs = Cmd(f"({find} | gzip -9) > gzip.cpio.gz", "gzip.cpio.gz")
    pigz = Cmd(f"({find} | pigz -9) > pigz.cpio.gz", "pigz.cpio.gz")
    reps, b.reps = b.reps, min(b.reps, 2) # half a minute each
    compare(b, name, ours, {"find, cpio, gzip -9": theirs, "find, cpio, pigz -9": pigz},
            {"find, cpio, gzip -9": (0.055, 0.1), "find, cpio, pigz -9": (None, None)})
    b.reps = reps
    b.size(name, os.path.getsize(b.path("ours.cpio.gz")), int(0.99 * os.path.getsize(b.path("gzip.cpio.gz"))), "size 0.99 of gzip's")
    b.peak(name, ours, 32)


@row("zstd initrd")
def _(b):
    name = "zstd initrd"
    inputs(b)
    need("cpio", "zstd")
    ours = pack("cpio", "root.tar", "ours.cpio.zst", " --drop-xattrs --compression zstd")
    plain = pack("cpio", "root.tar", "ours.cpio", " --drop-xattrs")
    theirs = Cmd(f"{plain.line} 2>&1 && zstd -q -3 --single-thread -f ours.cpio -o zstd.cpio.zst", "ours.cpio", "zstd.cpio.zst")
    compare(b, name, ours, {"the same cpio, zstd -3": theirs}, {"the same cpio, zstd -3": (1.1, 1.1)})
    b.size(name, os.path.getsize(b.path("ours.cpio.zst")), int(1.03 * os.path.getsize(b.path("zstd.cpio.zst"))), "size within 3 % of zstd's")
    b.peak(name, ours, 32)


@row("erofs by LZ4")
def _(b):
    name = "erofs by LZ4"
    inputs(b)
    need("mkfs.erofs")
    ours = pack("erofs", "root.tar", "ours.lz4.erofs", " --compression lz4")
    compare(b, name, ours, {"mkfs.erofs -zlz4": Cmd("mkfs.erofs --quiet -zlz4 mkfs.lz4.erofs root", "mkfs.lz4.erofs")},
            {"mkfs.erofs -zlz4": (0.8, 1.1)})
    b.size(name, os.path.getsize(b.path("ours.lz4.erofs")), int(1.05 * os.path.getsize(b.path("mkfs.lz4.erofs"))), "size 1.05 of mkfs.erofs'")
