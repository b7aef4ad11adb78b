#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A torture tree of full size (tests/support/torture_big.h) through every writer: what the kernel sees in a loop mount, what
osbuilder reads back and what foreign tools say is the tree; what a format cannot hold is refused or listed, by entry.

The generator writes ext4; `osbuilder pack` makes every other format of that, `osbuilder extract` the directory. Lists have one
line an entry: path, mode, owner, links, device, size, time, content, target, extended attributes (tests/support/listing.h).
"""

import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cases import Skip, UNPRIVILEGED, as_user, case, finish, run, scratch_dir, tool  # noqa: E402

BIN = os.path.abspath(os.environ.get("KATA_BIN", "build/host/bin"))
BUILD = os.path.abspath(os.environ.get("KATA_BUILD", "build"))
OSBUILDER, TORTURE, INIT = f"{BIN}/osbuilder", f"{BIN}/torture-big", f"{BUILD}/guest/bin/boot-init"
# In memory when there is room: a directory of 100,000 files is slow on a disk.
SPACE = 3 << 30


def scratch():
    try:
        st = os.statvfs("/dev/shm")
        top = "/dev/shm" if st.f_bavail * st.f_frsize > SPACE and os.access("/dev/shm", os.W_OK) else "/var/tmp"
    except OSError:
        top = "/var/tmp"
    return scratch_dir("image_torture", top)


TMP = scratch()
FULL, SMALL = f"{TMP}/full.ext4", f"{TMP}/small.ext4"
BIG = "/data/5gib"
ROOT = os.geteuid() == 0
# The fields of a line, see listing_print().
PATH, MODE, OWNER, LINKS, DEVICE, SIZE, TIME, SUM, TARGET, XATTRS = range(10)


def hexed(path):
    return os.fsencode(path).hex() or "-"


def unhex(path):
    return bytes.fromhex(path.strip("-"))


def entries(text):
    """{path in hex: fields}; attributes are one field."""
    found = {}
    for line in text.splitlines():
        fields = line[1:].split(" ", XATTRS)
        found[fields[PATH]] = fields + [""] * (XATTRS + 1 - len(fields))
    return found


def torture(*argv):
    """What torture-big prints; anything that it could not read is a failure."""
    return run(TORTURE, *argv).stdout


def plain_name(path):
    return repr(unhex(path))


def same(want, have):
    """Fails with the first few entries that differ."""
    notes = []
    for path in want:
        if path not in have:
            notes.append(f"missing: {plain_name(path)}")
        elif want[path] != have[path]:
            notes += [f"want {' '.join(want[path])[:300]}", f"have {' '.join(have[path])[:300]}"]
    notes += [f"unexpected: {plain_name(path)}" for path in have if path not in want]
    assert not notes and len(want) > 100000, "\n".join(notes[:20] + [f"{len(notes)} lines about {len(want)} entries"])


def without_big(want):
    """The tree without the file of 5 GiB."""
    return {k: v for k, v in want.items() if k != hexed(BIG)}


def as_newc(want):
    """What is left in an archive of cpio newc: no attributes, whole seconds from 1970 to 2106, symbolic links without hard links."""
    out = {}
    for path, f in without_big(want).items():
        f = list(f)
        f[XATTRS] = ""
        f[TIME] = f"{min(max(int(f[TIME].split('.')[0]), 0), 0xffffffff)}.0"
        if f[MODE].startswith("12"):
            f[LINKS] = "1"
        out[path] = f
    return out


class Mount:
    """A file system image, mounted read-only by a loop device."""
    def __init__(self, image, fs):
        self.dir, self.image, self.fs = f"{TMP}/mount", image, fs

    def __enter__(self):
        if not ROOT:
            raise Skip("mounting needs root")
        with open("/proc/filesystems", encoding="ascii") as f:
            if self.fs not in f.read().split():
                raise Skip(f"the kernel here has no {self.fs}")
        if not os.path.exists("/dev/loop-control"):
            raise Skip("there are no loop devices")
        os.makedirs(self.dir, exist_ok=True)
        run(tool("mount"), "-t", self.fs, "-o", "ro,loop", self.image, self.dir)
        return self.dir

    def __exit__(self, *_):
        run(tool("umount"), self.dir)


def pack(fmt, source, *options, ok=True, **kw):
    out = f"{TMP}/tree.{fmt}"
    return out, run(OSBUILDER, "pack", "--format", fmt, "--keep-times", *options, source, out, ok=ok, **kw)


def make():
    """The tree as ext4, twice, and its list."""
    want = entries(torture("make", INIT, FULL, SMALL))
    kinds = {}
    for f in want.values():
        kinds[f[MODE][:-4]] = kinds.get(f[MODE][:-4], 0) + 1
    assert kinds["10"] > 100000 and set(kinds) == {"1", "2", "4", "6", "10", "12", "14"}, kinds
    assert f"{5 << 30}" == want[hexed(BIG)][SIZE]
    return want


def file_system_cases(fs, image, want, check, how=""):
    @case(f"{fs}{how}: the kernel sees the tree")
    def _():
        with Mount(image(), fs) as d:
            same(want, entries(torture("walk", d)))

    @case(f"{fs}{how}: osbuilder reads the tree back")
    def _():
        same(want, entries(torture("read", image())))

    @case(f"{fs}{how}: {' '.join(check)} finds nothing")
    def _():
        run(tool(check[0]), *check[1:], image())


def directory_cases(want):
    out = f"{TMP}/dir"

    @case("directory: the kernel sees the tree")
    def _():
        if not ROOT:
            raise Skip("owners and devices need root")
        run(OSBUILDER, "extract", FULL, out)
        same(want, entries(torture("walk", out)))

    @case("directory: osbuilder reads the tree back")
    def _():
        if not os.path.exists(out):
            raise Skip("there is no directory")
        have = entries(torture("read", out))
        same(want, have)
        shutil.rmtree(out)

    @case("directory: as an ordinary user, the first device is refused by name and nothing is left")
    def _():
        if not ROOT:
            raise Skip("needs root, to be another user")
        d = f"{TMP}/user"
        os.mkdir(d)
        os.chown(d, UNPRIVILEGED, UNPRIVILEGED)
        os.chmod(FULL, 0o644)
        p = run(f"{TMP}/osbuilder", "extract", FULL, f"{d}/out", ok=False, errors="replace", **as_user())
        assert p.returncode == 1 and p.stderr.count("\n") == 1 and re.search(r"osbuilder: /\S+: cannot ", p.stderr), p.stderr
        assert os.listdir(d) == []


def tar_cases(want):
    archive, out = f"{TMP}/tree.tar", f"{TMP}/untarred"
    # no format of tar has sockets
    kept = {k: v for k, v in want.items() if not v[MODE].startswith("14")}

    @case("tar: a socket is refused with its path, or left out and named")
    def _():
        p = run(OSBUILDER, "extract", "--tar", archive, FULL, ok=False)
        assert p.returncode == 1 and "/types/again/socket: " in p.stderr and not os.path.exists(archive), p.stderr
        p = run(OSBUILDER, "extract", "--no-sockets", "--tar", archive, FULL)
        assert sorted(p.stderr.splitlines()) == [f"osbuilder: left out socket /types/{d}socket" for d in ("again/", "")], p.stderr

    @case("tar: osbuilder reads the rest back")
    def _():
        have = entries(torture("read", archive))
        for path, f in kept.items():
            # libarchive gives fractions of seconds before 1970 without their sign; GNU tar below reads them right
            if f[TIME].startswith("-") and not f[TIME].endswith(".0") and path in have:
                have[path][TIME] = f[TIME]
        same(kept, have)

    @case("tar: bsdtar -t and GNU tar -t list every name")
    def _():
        names = sorted(unhex(k).lstrip(b"/") for k in kept)
        for argv in ([tool("bsdtar"), "-tf", archive], [tool("tar"), "--quoting-style=literal", "--show-transformed-names", "-tf", archive]):
            p = subprocess.run(argv, capture_output=True, check=True, env=dict(os.environ, LC_ALL="C"))
            got = [re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m.group(1), 8)]), n) for n in p.stdout.splitlines()]
            got = sorted(re.sub(rb"^\.?/?", b"", n).rstrip(b"/") for n in got)
            assert got == names, (argv, len(got), len(names), [n for n in zip(got, names) if n[0] != n[1]][:3])

    @case("tar: what GNU tar unpacks is the tree, says the kernel")
    def _():
        if not ROOT:
            raise Skip("owners and devices need root")
        os.mkdir(out)
        run(tool("tar"), "-C", out, "--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", archive, errors="replace")
        same(kept, entries(torture("walk", out)))
        shutil.rmtree(out)


def cpio_cases(want):
    archive = f"{TMP}/tree.cpio"
    names = sorted(unhex(k)[1:] or b"." for k in as_newc(want))

    @case("cpio: a file of 5 GiB, and an attribute, are refused with the entry named, and nothing is written")
    def _():
        _, p = pack("cpio", FULL, ok=False)
        assert p.returncode == 1 and p.stderr.endswith(
            f": {BIG}: {5 << 30} bytes are too many for cpio newc, which ends at 4 GiB\n"), p.stderr
        _, p = pack("cpio", SMALL, ok=False)
        assert p.returncode == 1 and p.stderr.endswith(
            ': /many: cpio newc cannot store its extended attribute "user.dir"\n'), p.stderr
        assert not os.path.exists(archive)

    @case("cpio: osbuilder reads back all that the format can hold")
    def _():
        _, p = pack("cpio", SMALL, "--drop-xattrs")
        said = re.findall(r"osbuilder: warning: cpio newc cannot store extended attributes: (/.*) loses (.*)\n", p.stderr)
        # bytes that are not UTF-8 appear as \xHH
        said = {re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m.group(1), 16)]), path.encode()): names for path, names in said}
        # hard links are written, and named, with the last of them
        lost = {unhex(k): ", ".join(x.split("=")[0] for x in f[XATTRS].split()) for k, f in want.items()
                if f[XATTRS] and not unhex(k).startswith(b"/types/again/")}
        assert {k: sorted(v.split(", ")) for k, v in said.items()} == {k: sorted(v.split(", ")) for k, v in lost.items()}
        assert len(said) == p.stderr.count("\n") > 8000, p.stderr.count("\n")
        same(as_newc(want), entries(torture("read", archive)))

    def listed(*argv):
        with open(archive, "rb") as f:
            p = subprocess.run(argv, stdin=f, capture_output=True, check=False, env=dict(os.environ, LC_ALL="C"))
        assert p.returncode == 0, p.stderr.decode(errors="replace")
        return p.stdout

    @case("cpio: cpio -t lists every name")
    def _():
        got = sorted(listed(tool("cpio"), "-t", "--quiet", "-0").split(b"\0"))
        assert [n for n in got if n] == names, (len(got), len(names))

    @case("cpio: bsdtar -t lists every name")
    def _():
        got = listed(tool("bsdtar"), "-tf", "-").splitlines()
        # bsdtar writes bytes that are not ASCII as \ooo
        got = sorted(re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m.group(1), 8)]), n) for n in got)
        assert got == names, [n for n in zip(got, names) if n[0] != n[1]][:3]


def limit_cases():
    @case("a name of 256 bytes is refused with its entry")
    def _():
        import io
        import tarfile
        path = f"{TMP}/name.tar"
        with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as t:
            t.addfile(tarfile.TarInfo("dir/" + "n" * 256), io.BytesIO())
        _, p = pack("ext4", path, ok=False)
        assert p.returncode == 1 and p.stderr.count("\n") == 1 and "n" * 40 in p.stderr and "255" in p.stderr, p.stderr


def main():
    want = {}
    shutil.copy(OSBUILDER, TMP)
    os.chmod(TMP, 0o755)

    @case("the tree is made")
    def _():
        want.update(make())

    if not want:
        return
    file_system_cases("ext4", lambda: FULL, want, ("e2fsck", "-fn"))
    erofs = []

    def make_erofs():
        if not erofs:
            erofs.append(pack("erofs", FULL)[0])
        return erofs[0]

    file_system_cases("erofs", make_erofs, want, ("fsck.erofs",))
    lz4 = []

    def make_lz4():
        if not lz4:
            os.unlink(make_erofs())
            lz4.append(pack("erofs", FULL, "--compression", "lz4")[0])
        return lz4[0]

    file_system_cases("erofs", make_lz4, want, ("fsck.erofs", "--extract"), " with lz4")
    tar_cases(want)
    directory_cases(want)
    cpio_cases(want)
    limit_cases()


if __name__ == "__main__":
    main()
    finish()
