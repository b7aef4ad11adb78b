# SPDX-License-Identifier: Apache-2.0
"""Initial RAM disks that tests make by hand."""


def newc(name, mode, data=b""):
    """One entry of a cpio archive in the newc format (Linux, Documentation/driver-api/early-userspace/buffer-format.rst)."""
    name = name.encode() + b"\0"
    head = "070701" + "".join("%08x" % n for n in (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0))
    out = head.encode() + name
    out += b"\0" * (-len(out) % 4) + data
    return out + b"\0" * (-len(out) % 4)


def cpio(files):
    """An archive of these (name, mode, data)."""
    return b"".join(newc(n, m, d) for n, m, d in files) + newc("TRAILER!!!", 0)
