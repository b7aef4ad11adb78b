#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Images in the layout of upstream's builder, made by the tools that it uses (sfdisk instead of parted, mke2fs -d instead of mounting),
without manifest: osbuilder inspects, verifies, extracts and compares them as an ordinary user, and says clearly what it cannot read."""

import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cases import Skip, UNPRIVILEGED, as_user, case, finish, run, scratch_dir, tool  # noqa: E402

BIN = os.path.abspath(os.environ.get("KATA_BIN", "build/host/bin"))
AGENT = os.path.abspath(os.environ.get("KATA_AGENT", "build/guest/bin/kata-agent"))
TMP = scratch_dir("image_old")
ROOTFS = f"{TMP}/rootfs"
MIB = 1 << 20
OWNER = UNPRIVILEGED if os.geteuid() == 0 else os.geteuid()
SECTOR = 512
# SHA-256 of the 4096 bytes that upstream's nsdax program writes for its constant arguments.
PFN_SHA256 = "b502df4b37a7b6ba1f3c93416b77768a9f6df41ce2ec7fe46804180ca2191553"
# The summary as upstream's rootfs.sh writes it, shortened.
SUMMARY = """---
osbuilder:
  url: "https://github.com/kata-containers/kata-containers/tools/osbuilder"
  version: "unknown"
rootfs-creation-time: "2025-01-01T00:00:00.0+0000Z"
description: "osbuilder rootfs"
file-format-version: "0.0.2"
architecture: "x86_64"
base-distro:
  name: "Debian"
  version: "12"
  packages:
    default:
      - "chrony"
      - "iptables"
    extra:
      - "strace"
agent:
  url: "https://github.com/kata-containers/kata-containers"
  name: "kata-agent"
  version: "3.12.0"
  agent-is-init-daemon: "yes"
"""


def osb(*argv, ok=True):
    return run(f"{TMP}/osbuilder", *argv, ok=ok, cwd=TMP, umask=0o022, **as_user())


def user_run(*argv):
    return run(*argv, cwd=TMP, **as_user())


def refused(argv, status, text):
    p = osb(*argv, ok=False)
    assert p.returncode == status and text in p.stderr and p.stderr.startswith("osbuilder: "), (p.returncode, p.stderr)
    return p.stderr


def make_rootfs():
    for d in ("usr/bin", "sbin", "etc", "dev", "proc", "tmp", "var/lib/osbuilder", "usr/share/many"):
        os.makedirs(f"{ROOTFS}/{d}")
    shutil.copy(AGENT, f"{ROOTFS}/usr/bin/kata-agent")
    os.symlink("/usr/bin/kata-agent", f"{ROOTFS}/sbin/init")
    with open(f"{ROOTFS}/var/lib/osbuilder/osbuilder.yaml", "w", encoding="ascii") as f:
        f.write(SUMMARY)
    for i in range(1500):
        with open(f"{ROOTFS}/usr/share/many/a file with a longer name {i}", "w", encoding="ascii") as f:
            f.write(f"{i}\n" * (i % 700))
    with open(f"{ROOTFS}/etc/machine-id", "w", encoding="ascii"):
        pass
    os.link(f"{ROOTFS}/etc/machine-id", f"{ROOTFS}/etc/link")
    os.chmod(f"{ROOTFS}/tmp", 0o1777)
    # mke2fs keeps whole seconds
    for top, dirs, files in os.walk(ROOTFS, topdown=False):
        for n in dirs + files:
            os.utime(f"{top}/{n}", (1700000000, 1700000000), follow_symlinks=False)
    os.utime(ROOTFS, (1700000000, 1700000000))


def pfn_block():
    b = bytearray(4096)
    b[0:16] = b"NVDIMM_PFN_INFO\0"
    struct.pack_into("<HHQQIIII", b, 52, 0, 2, 2 * MIB, 0, 1, 0, 0, 2 * MIB)
    lo = hi = 0
    for (word,) in struct.iter_unpack("<I", b):
        lo = lo + word & 0xffffffff
        hi += lo
    struct.pack_into("<Q", b, 4088, (hi << 32 | lo) & (1 << 64) - 1)
    assert hashlib.sha256(b).hexdigest() == PFN_SHA256
    return bytes(b)


def table(path, offset, size, parts):
    """An MBR by sfdisk at this place of the file: parts are (start, sectors) of a disk that begins there."""
    part = f"{TMP}/table"
    with open(part, "wb") as f:
        f.truncate(size - offset)
    script = "label: dos\n" + "".join(f"start={s}, size={n}, type=83\n" for s, n in parts)
    subprocess.run([tool("sfdisk"), "-q", "--no-reread", "--no-tell-kernel", part], input=script, text=True, check=True, capture_output=True)
    with open(part, "rb") as f, open(path, "r+b") as g:
        g.seek(offset)
        g.write(f.read(SECTOR))
    os.unlink(part)


def image(name, fs, size, dax=True, hash_tree=None, inner_shift=0):
    """fs and a hash tree in upstream's disk, a partition for each; all of the rest belongs to the last."""
    path, start = f"{TMP}/{name}", (3 if dax else 1) * MIB
    with open(path, "wb") as f:
        f.truncate(size)
    with open(fs, "rb") as f, open(path, "r+b") as g:
        g.seek(start)
        shutil.copyfileobj(f, g)
        if hash_tree:
            with open(hash_tree, "rb") as h:
                shutil.copyfileobj(h, g)
        if dax:
            g.seek(4096)
            g.write(pfn_block())
    first = os.path.getsize(fs) // SECTOR if hash_tree else (size - start) // SECTOR
    rest = (size - start) // SECTOR - first
    for offset in (0, 2 * MIB) if dax else (0,):
        at, n = (start - offset) // SECTOR, first - (inner_shift if offset else 0)
        table(path, offset, size, [(at, n)] + ([(at + n, rest)] if rest else []))
    os.chmod(path, 0o666)
    return path


def ext4(path, size):
    with open(path, "wb") as f:
        f.truncate(size)
    run(tool("mkfs.ext4"), "-q", "-F", "-b", "4096", "-E", f"root_owner={OWNER}:{OWNER}", "-d", ROOTFS, path)
    run(tool("tune2fs"), "-m", "3", path)
    run(tool("e2fsck"), "-fyD", path, ok=False)
    run(tool("e2fsck"), "-fn", path)
    return path


def agent_note():
    """Version and protocol in the agent's own note, by readelf."""
    text = run(tool("readelf"), "-p", ".note.kata-agent", AGENT, ok=False).stdout
    m = re.search(r"(\d+\.\d+\S*) (\S+)\s*$", text, re.M)
    return m.groups() if m else None


def check_whole(path, fs, extra):
    """What every image of the root file system must answer."""
    j = json.loads(osb("inspect", "--json", path).stdout)
    assert j["manifest"] is False and j["filesystem"] == fs, j
    note = agent_note()
    if note:
        assert (j["agent"]["version"], j["agent"]["protocol"]) == note, (j["agent"], note)
    p = osb("diff", "--times", ROOTFS, path, ok=False)
    # mke2fs gives the root directory a time of its own
    got = [line for line in p.stdout.splitlines() if not line.startswith("! /: mtime ")]
    assert p.returncode == bool(p.stdout) and got == extra, (got[:20], p.stderr)
    out = f"{TMP}/extracted"
    osb("extract", path, out)
    p = osb("diff", "--times", path, out, ok=False)
    # an ordinary user owns what it extracts
    owned = [line for line in p.stdout.splitlines() if not re.fullmatch(r"! .*: owner \d+:\d+ -> \d+:\d+", line)]
    assert not owned and not p.stderr, (owned[:10], p.stderr)
    shutil.rmtree(out)
    return j


def ext4_cases():
    size = 128 * MIB
    fs = ext4(f"{TMP}/root.ext4", size - 3 * MIB)

    @case("ext4, both partition tables: inspect, extract, diff")
    def _():
        j = check_whole(image("dax.img", fs, size), "ext4", ["+ /lost+found"])
        part = j["partitions"][0]
        assert (part["disk_start_sector"], part["pmem_start_sector"]) == (6144, 2048), part
        assert part["offset"] == 3 * MIB and part["size"] == size - 3 * MIB, part
        text = osb("inspect", f"{TMP}/dax.img").stdout
        assert "pfn checksum: 685b032be3943830, right\n" in text and "manifest: no\n" in text, text

    @case("ext4, both partition tables: the summary's packages are found")
    def _():
        j = json.loads(osb("inspect", "--json", f"{TMP}/dax.img").stdout)
        assert {p["name"] for p in j["packages"]} == {"chrony", "iptables", "strace"}, j["packages"]

    @case("ext4, both partition tables: verify says that there is nothing to verify it by")
    def _():
        refused(["verify", f"{TMP}/dax.img"], 2, "there is nothing to verify it by")

    @case("ext4, one partition table")
    def _():
        j = check_whole(image("single.img", fs, size, dax=False), "ext4", ["+ /lost+found"])
        assert j["partitions"][0]["disk_start_sector"] == 2048 and not j["dax"], j

    @case("seal without a manifest is refused")
    def _():
        refused(["seal", "--agent", AGENT, f"{TMP}/single.img"], 1, "has no manifest, which says how it must be written again")


def measured_cases():
    size = 128 * MIB
    fs, tree = ext4(f"{TMP}/data.ext4", 124 * MIB), f"{TMP}/hashes"
    line = f"{TMP}/root_hash_base.txt"

    @case("measured: verify by upstream's root hash line, and one changed bit is named")
    def _():
        p = run(tool("veritysetup"), "format", "--no-superblock", fs, tree)
        root, salt = (re.search(rf"{k}:\s*([0-9a-f]+)", p.stdout).group(1) for k in ("Root hash", "Salt"))
        with open(line, "w", encoding="ascii") as f:
            f.write(f"root_hash={root},salt={salt},data_blocks={os.path.getsize(fs) // 4096},data_block_size=4096,hash_block_size=4096\n")
        path = image("measured.img", fs, size, hash_tree=tree)
        check_whole(path, "ext4", ["+ /lost+found"])
        out = osb("verify", "--root-hash-file", line, path).stdout
        assert "verity: ok" in out and root in out, out
        refused(["verify", path], 2, "neither a manifest nor --root-hash says its root hash")
        for at, part, block in ((3 * MIB + 5 * 4096 + 7, 1, 5), (127 * MIB + 9000, 2, 2)):
            with open(path, "r+b") as f:
                f.seek(at)
                byte = f.read(1)[0]
                f.seek(at)
                f.write(bytes([byte ^ 1]))
            refused(["verify", "--root-hash-file", line, path], 1, f"partition {part} is damaged: block {block}, at byte {at // 4096 * 4096}")
            with open(path, "r+b") as f:
                f.seek(at)
                f.write(bytes([byte]))
        osb("verify", "--root-hash-file", line, path)

    @case("measured: partition tables that do not agree, as upstream makes them at some sizes, are refused")
    def _():
        if not os.path.exists(tree):
            raise Skip("there is no hash tree")
        path = image("disagree.img", fs, size, hash_tree=tree, inner_shift=2048)
        text = refused(["inspect", path], 1, "partition")
        assert text.count("\n") <= 2, text


def erofs_cases():
    def make(*options):
        fs = f"{TMP}/root.erofs"
        run(tool("mkfs.erofs"), *options, fs, ROOTFS)
        with open(fs, "ab") as f:
            f.truncate(-(-f.tell() // 4096) * 4096)
        return image("erofs.img", fs, 128 * MIB)

    @case("erofs without compression")
    def _():
        check_whole(make("-Enoinline_data"), "erofs", [])

    @case("erofs with upstream's options, -zlz4hc -Enoinline_data")
    def _():
        path = make("-zlz4hc", "-Enoinline_data")
        check_whole(path, "erofs", [])


def other_cases():
    @case("initrd by find, cpio and gzip -9")
    def _():
        path = f"{TMP}/initrd.img"
        script = f"cd {ROOTFS} && find . | {tool('cpio')} -H newc -o --quiet | gzip -9 > {path}"
        run("sh", "-c", script)
        p = osb("diff", "--times", ROOTFS, path, ok=False)
        times = [x for x in p.stdout.splitlines() if not re.fullmatch(r"! .*: mtime (\d+)\.\d+ -> \1\.0+", x)]
        assert not times, times[:10]
        assert "kind: initrd\n" in osb("inspect", path).stdout

    @case("xfs is named and refused")
    def _():
        fs = f"{TMP}/xfs"
        with open(fs, "wb") as f:
            # superblock: magic, block size, number of blocks (fs/xfs/libxfs/xfs_format.h)
            f.write(b"XFSB" + struct.pack(">IQ", 4096, 16 * MIB // 4096))
            f.truncate(16 * MIB)
        path = image("xfs.img", fs, 64 * MIB)
        text = refused(["extract", path, f"{TMP}/no"], 1, "xfs")
        assert text.count("\n") <= 2 and not os.path.exists(f"{TMP}/no"), text

    @case("cut short, it is refused with the reason")
    def _():
        path = f"{TMP}/short.img"
        shutil.copy(f"{TMP}/dax.img", path)
        os.truncate(path, 100 * MIB)
        for argv, status in ((["inspect", path], 1), (["extract", path, f"{TMP}/no"], 1), (["diff", path, ROOTFS], 2)):
            text = refused(argv, status, "short.img")
            assert text.count("\n") <= 2, text


def main():
    os.chmod(TMP, 0o777)
    shutil.copy(f"{BIN}/osbuilder", f"{TMP}/osbuilder")
    make_rootfs()
    if os.geteuid() == 0:
        run("chown", "-hR", f"{UNPRIVILEGED}:{UNPRIVILEGED}", ROOTFS)
    ext4_cases()
    measured_cases()
    erofs_cases()
    other_cases()


if __name__ == "__main__":
    main()
    finish()
