# SPDX-License-Identifier: Apache-2.0
"""Images and initrds as foreign programs see them."""

import gzip
import hashlib
import re
import shutil
import subprocess

from cases import run, tool


def sha512(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha512").hexdigest() if hasattr(hashlib, "file_digest") \
            else hashlib.sha512(f.read()).hexdigest()


def partition(img):
    """Partition 1 of the image as a file of its own; checked against sfdisk's reading."""
    dump = run(tool("sfdisk"), "-d", img).stdout
    parts = re.findall(r"start=\s*(\d+), size=\s*(\d+), type=(\w+)", dump)
    assert len(parts) == 1 and parts[0][2] == "83", dump
    start, size = int(parts[0][0]) * 512, int(parts[0][1]) * 512
    assert start == 3 << 20, dump
    path = img + ".p1"
    with open(img, "rb") as src, open(path, "wb") as dst:
        src.seek(start)
        shutil.copyfileobj(SizedReader(src, size), dst)
    # the view behind the DAX header names the same bytes
    with open(img, "rb") as src:
        src.seek(0x2001be + 8)
        assert int.from_bytes(src.read(4), "little") * 512 + 0x200000 == start
    return path


class SizedReader:
    def __init__(self, f, left):
        self.f, self.left = f, left

    def read(self, n):
        data = self.f.read(min(n, self.left))
        self.left -= len(data)
        return data


def initrd_names(path):
    """Names by cpio, archive after archive: each gzip member is a complete one, as the kernel takes them."""
    cpio = tool("cpio")
    with gzip.open(path) as f:
        data = f.read()
    names, at = [], 0
    while at < len(data):
        p = subprocess.run([cpio, "-it", "--quiet"], input=data[at:], capture_output=True, check=True)
        names += p.stdout.decode().split("\n")
        end = data.index(b"TRAILER!!!\0", at) + 11
        at = end + (-end % 4)
        while data[at:at + 4] == b"\0\0\0\0":
            at += 4
    return [n for n in names if n]
