#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""osbuilder pack: directories, archives and file systems through every writer, as an ordinary user, checked by foreign tools."""

import io
import os
import shutil
import subprocess
import sys
import tarfile


sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cases import Skip, UNPRIVILEGED, as_user, case, finish, run, scratch_dir, tool  # noqa: E402

BIN = os.path.abspath(os.environ.get("KATA_BIN", "build/host/bin"))
EPOCH = 1700000000


def osb(*argv, ok=True, env=None, **kw):
    env = {k: v for k, v in os.environ.items() if k != "SOURCE_DATE_EPOCH"} | (env or {})
    return run(OSBUILDER, *argv, ok=ok, cwd=OUT, env=env, umask=0o077, **as_user(), **kw)


def refused(argv, line, **kw):
    p = osb(*argv, ok=False, **kw)
    assert p.returncode == 1 and p.stderr == f"osbuilder: {line}\n", (p.returncode, p.stderr)


def entry(name, kind, **kw):
    t = tarfile.TarInfo(name)
    t.type, t.mtime, t.mode = kind, EPOCH - 5, 0o644
    for k, v in kw.items():
        setattr(t, k, v)
    return t


def make_tar(path, xattrs=True):
    """Of everything that an archive can hold, some."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as t:
        t.addfile(entry("./", tarfile.DIRTYPE, mode=0o755))
        t.addfile(entry("./dir", tarfile.DIRTYPE, mode=0o1777, uid=1000, gid=70000))
        for n in (0, 1, 4095, 4096, 4097, 100000, 2500000):
            data = bytes((i * 7 + n) & 255 for i in range(4096)) * (n // 4096 + 1)
            t.addfile(entry(f"./dir/{n}", tarfile.REGTYPE, size=n), io.BytesIO(data[:n]))
        t.addfile(entry("./hard", tarfile.LNKTYPE, linkname="./dir/4097"))
        t.addfile(entry("./" + "n" * 255, tarfile.REGTYPE, mode=0o4755, mtime=EPOCH + 100))
        t.addfile(entry("./soft", tarfile.SYMTYPE, linkname="x" * 100, mode=0o777))
        t.addfile(entry("./null", tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666))
        t.addfile(entry("./fifo", tarfile.FIFOTYPE))
        if xattrs:
            t.addfile(entry("./cap", tarfile.REGTYPE, pax_headers={"SCHILY.xattr.user.note": "text"}))


def diff(a, b, *extra):
    p = osb("diff", *extra, a, b, ok=False)
    assert p.returncode in (0, 1) and not p.stderr, (p.returncode, p.stderr)
    return p.stdout


def cases():
    @case("a tar file through ext4 and erofs and back is the same, and the tools agree")
    def _():
        for fmt, check in (("ext4", ["e2fsck", "-fn"]), ("erofs", ["fsck.erofs"])):
            osb("pack", "--format", fmt, "--keep-times", "in.tar", f"a.{fmt}")
            assert diff("in.tar", f"a.{fmt}", "--times") == ""
            assert os.stat(f"{OUT}/a.{fmt}").st_mode & 0o777 == 0o600, "the umask counts"
            run(tool(check[0]), *check[1:], f"{OUT}/a.{fmt}")

    @case("a tar file through cpio and back; cpio lists it")
    def _():
        refused(["pack", "--format", "cpio", "in.tar", "a.cpio"],
                "'in.tar': /cap: cpio newc cannot store its extended attribute \"user.note\"")
        assert not os.path.exists(f"{OUT}/a.cpio")
        osb("pack", "--format", "cpio", "--drop-xattrs", "in.tar", "a.cpio")
        assert diff("plain.tar", "a.cpio", "--times") == "+ /cap\n"
        with open(f"{OUT}/a.cpio", "rb") as f:
            names = subprocess.run([tool("cpio"), "-it", "--quiet"], stdin=f, capture_output=True, check=True).stdout
        assert b"dir/4096\n" in names and b"n" * 255 in names

    @case("what was packed can be packed again: file systems, initrds and directories are inputs")
    def _():
        osb("pack", "--format", "erofs", "a.ext4", "b.erofs")
        assert diff("a.ext4", "b.erofs", "--times") == ""
        osb("pack", "--format", "ext4", "b.erofs", "b.ext4")
        with open(f"{OUT}/a.ext4", "rb") as a, open(f"{OUT}/b.ext4", "rb") as b:
            assert a.read() == b.read(), "the same tree gives the same bytes, whatever held it"
        osb("pack", "--format", "cpio", "--level", "6", "--drop-xattrs", "a.ext4", "b.cpio.gz")
        osb("pack", "--format", "ext4", "b.cpio.gz", "c.ext4")
        assert diff("a.cpio", "c.ext4", "--times") == ""
        os.mkdir(f"{OUT}/d")
        os.chmod(f"{OUT}/d", 0o755)
        with open(f"{OUT}/d/file", "w", encoding="utf-8") as f:
            f.write("x" * 5000)
        osb("pack", "--format", "ext4", "d", "d.ext4")
        assert diff("d", "d.ext4", "--times") == ""

    @case("times: kept, cut at the epoch, and the epoch of the environment")
    def _():
        late = "n" * 255
        osb("pack", "--format", "ext4", "plain.tar", "kept.ext4")
        osb("pack", "--format", "ext4", "--source-date-epoch", str(EPOCH), "plain.tar", "cut.ext4")
        osb("pack", "--format", "ext4", "plain.tar", "env.ext4", env={"SOURCE_DATE_EPOCH": str(EPOCH)})
        assert diff("plain.tar", "kept.ext4", "--times") == ""
        got = diff("kept.ext4", "cut.ext4", "--times")
        assert got == f"! /{late}: mtime {EPOCH + 100}.000000000 -> {EPOCH}.000000000\n", got
        with open(f"{OUT}/cut.ext4", "rb") as a, open(f"{OUT}/env.ext4", "rb") as b:
            assert a.read() == b.read()

    @case("free space and label")
    def _():
        osb("pack", "--format", "ext4", "--free-mib", "20", "--label", "fifteen-letters", "plain.tar", "free.ext4")
        head = run(tool("dumpe2fs"), "-h", f"{OUT}/free.ext4").stdout
        fields = dict(line.split(":", 1) for line in head.splitlines() if ":" in line)
        assert fields["Filesystem volume name"].strip() == "fifteen-letters", head
        assert 5120 <= int(fields["Free blocks"]) < 5160, head

    @case("a directory with a hash tree: the kernel finds every name, and none that is not there")
    def _():
        if os.geteuid() != 0:
            raise Skip("mounting needs root")
        names = [f"{i:05}-".ljust(20 + i % 200, "n") for i in range(20000)]
        with tarfile.open(f"{OUT}/many.tar", "w", format=tarfile.GNU_FORMAT) as t:
            t.addfile(entry("many", tarfile.DIRTYPE, mode=0o755))
            for n in names:
                t.addfile(entry(f"many/{n}", tarfile.REGTYPE))
        os.chown(f"{OUT}/many.tar", UNPRIVILEGED, UNPRIVILEGED)
        osb("pack", "--format", "ext4", "many.tar", "many.ext4")
        assert "Indirect levels: 1" in run(tool("debugfs"), "-R", "htree_dump many", f"{OUT}/many.ext4").stdout
        os.mkdir(f"{OUT}/mnt")
        if run(tool("mount"), "-o", "loop,ro", f"{OUT}/many.ext4", f"{OUT}/mnt", ok=False).returncode:
            raise Skip("no loop device can be mounted here")
        try:
            assert sorted(os.listdir(f"{OUT}/mnt/many")) == names
            for n in names:
                os.lstat(f"{OUT}/mnt/many/{n}")
                assert not os.path.lexists(f"{OUT}/mnt/many/{n}x")
        finally:
            run(tool("umount"), f"{OUT}/mnt")

    @case("a sparse file of 5 GiB stays one, and its data is where it was")
    def _():
        os.mkdir(f"{OUT}/s")
        os.chmod(f"{OUT}/s", 0o755)
        pieces = {0: b"first", 3 << 30: b"middle", (5 << 30) - 4: b"last"}
        with open(f"{OUT}/s/big", "wb") as f:
            for at, data in pieces.items():
                f.seek(at)
                f.write(data)
        os.chmod(f"{OUT}/s/big", 0o644)
        for fmt, check in (("ext4", ["e2fsck", "-fn"]), ("erofs", ["fsck.erofs"])):
            osb("pack", "--format", fmt, "s", f"s.{fmt}")
            st = os.stat(f"{OUT}/s.{fmt}")
            assert st.st_size < 4 << 20 and st.st_blocks * 512 < 1 << 20, (fmt, st)
            run(tool(check[0]), *check[1:], f"{OUT}/s.{fmt}")
        assert "Size: 5368709120" in run(tool("debugfs"), "-R", "stat /big", f"{OUT}/s.ext4").stdout
        with open(f"{OUT}/s.ext4", "rb") as f:
            for at, data in pieces.items():
                block = int(run(tool("debugfs"), "-R", f"bmap /big {at // 4096}", f"{OUT}/s.ext4").stdout)
                f.seek(block * 4096 + at % 4096)
                assert f.read(len(data)) == data, at

    @case("memory: 32 MiB for a tar of 9000 files and 60 MB")
    def _():
        with tarfile.open(f"{OUT}/mem.tar", "w", format=tarfile.GNU_FORMAT) as t:
            for i in range(9000):
                data = os.urandom(6500)
                t.addfile(entry(f"d{i // 20}/a-name-as-long-as-many-{i}", tarfile.REGTYPE, size=len(data)), io.BytesIO(data))
        os.chmod(f"{OUT}/mem.tar", 0o644)
        for fmt in ("ext4", "erofs"):
            p = subprocess.Popen([OSBUILDER, "pack", "--format", fmt, "--quiet", "mem.tar", "mem.img"], cwd=OUT, **as_user())
            _, status, ru = os.wait4(p.pid, 0)
            p.returncode = os.waitstatus_to_exitcode(status)
            assert p.returncode == 0 and ru.ru_maxrss <= 32 << 10, (fmt, p.returncode, ru.ru_maxrss)

    @case("what pack refuses")
    def _():
        refused(["pack", "in.tar", "x"], "pack: --format is missing")
        refused(["pack", "--format", "ext5", "in.tar", "x"], "pack: unknown format 'ext5'")
        refused(["pack", "--format", "ext4", "in.tar"], "pack: an input and an output are needed")
        refused(["pack", "--format"], "pack: option '--format' needs a value")
        refused(["pack", "--frmat=x", "a", "b"], "pack: unknown option '--frmat=x'")
        refused(["pack", "--format", "ext4", "--free-mib", "-1", "in.tar", "x"],
                "pack: --free-mib '-1' is not a number of MiB from 0 to 65536")
        refused(["pack", "--format", "ext4", "--label", "sixteen letters!", "in.tar", "x"],
                "pack: --label 'sixteen letters!' is over 15 bytes")
        refused(["pack", "--format", "cpio", "--level", "23", "in.tar", "x"],
                "pack: --level '23' is not a number from 0 to 22")
        refused(["pack", "--format", "ext4", "--source-date-epoch", "now", "in.tar", "x"],
                "--source-date-epoch: 'now' is not a number of seconds from 0 to 4294967295")
        refused(["pack", "--format", "ext4", "/nonexistent", "x"], "'/nonexistent': No such file or directory")
        refused(["pack", "--format", "ext4", "in.tar", "/nonexistent/x"], "/nonexistent/x: No such file or directory")
        with open(f"{OUT}/short.tar", "wb") as f, open(f"{OUT}/in.tar", "rb") as src:
            f.write(src.read(1 << 20))
        before = sorted(os.listdir(OUT))
        p = osb("pack", "--format", "ext4", "short.tar", "x", ok=False)
        assert p.returncode == 1 and "'short.tar': entry './dir/2500000': " in p.stderr, p.stderr
        assert sorted(os.listdir(OUT)) == before, "nothing half-made is left"


def main():
    global OSBUILDER, OUT
    OUT = scratch_dir("image_pack")
    OSBUILDER = shutil.copy(os.path.join(BIN, "osbuilder"), os.path.join(OUT, "osbuilder"))
    make_tar(f"{OUT}/in.tar")
    make_tar(f"{OUT}/plain.tar", xattrs=False)
    os.chmod(OSBUILDER, 0o755)
    if os.geteuid() == 0:
        for name in ("", "in.tar", "plain.tar"):
            os.chown(f"{OUT}/{name}", UNPRIVILEGED, UNPRIVILEGED)
    cases()


if __name__ == "__main__":
    main()
    finish()
