#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""osbuilder extract, diff, inspect and seal: images, initrds and file systems read back as an ordinary user."""

import json
import os
import re
import shutil
import socket
import stat
import subprocess
import zlib

import image_build as ib
from image_build import case, finish, run, Skip, as_user, sha512 as sha, tool

OUT = ib.out_dir("read")
IMG, INITRD = f"{OUT}/kata-containers.img", f"{OUT}/kata-containers-initrd.img"
SUMMARY = "/var/lib/osbuilder/osbuilder.yaml"


def osb(*argv, ok=True, user=True):
    return run(OSBUILDER, *argv, ok=ok, cwd=OUT, umask=0o022, **(as_user() if user else {}))


def diff(a, b, *extra):
    p = osb("diff", *extra, a, b, ok=False)
    assert p.returncode in (0, 1) and not p.stderr, (p.returncode, p.stderr)
    return p.returncode, p.stdout


def refused(argv, status, line):
    p = osb(*argv, ok=False)
    assert p.returncode == status and p.stderr == f"osbuilder: {line}\n", (p.returncode, p.stderr)


def mine(path):
    if os.geteuid() == 0:
        os.chown(path, ib.UNPRIVILEGED, ib.UNPRIVILEGED)
    return path


def diff_cases():
    @case("an image and its initrd differ in /init only")
    def _():
        assert diff(IMG, INITRD) == (1, "+ /init\n")
        assert diff(INITRD, IMG) == (1, "- /init\n")
        assert diff(IMG, IMG, "--times") == (0, "")

    @case("ext4 and erofs images of one recipe hold the same")
    def _():
        ib.build("agent", ib.out_dir("erofs"), "--fs", "erofs")
        assert diff(IMG, f"{ib.TMP}/erofs/kata-containers.img", "--times") == (0, "")

    @case("one line a difference, for every kind of difference")
    def _():
        if os.geteuid() != 0:
            raise Skip("owners need root")
        a, b = f"{OUT}/a", f"{OUT}/b"
        for d in (a, b):
            os.mkdir(d)
            for name in ("content", "same", "size", "mode", "owner", "type"):
                with open(f"{d}/{name}", "w", encoding="utf-8") as f:
                    f.write(name)
            os.symlink("one", f"{d}/link")
            os.link(f"{d}/same", f"{d}/second")
            os.mkdir(f"{d}/sub")
            os.utime(f"{d}/same", (0, 1))
        with open(f"{b}/content", "w", encoding="utf-8") as f:
            f.write("CONTENT")
        with open(f"{b}/size", "w", encoding="utf-8") as f:
            f.write("longer")
        os.chmod(f"{b}/mode", 0o4755)
        os.chown(f"{b}/owner", 1, 2)
        os.remove(f"{b}/type")
        os.mkdir(f"{b}/type")
        os.remove(f"{b}/link")
        os.symlink("tw\no", f"{b}/link")
        os.remove(f"{b}/second")
        shutil.copy2(f"{b}/same", f"{b}/second")
        os.mkdir(f"{a}/gone")
        os.mkdir(f"{a}/gone/below")
        with open(f"{b}/sub/new\\", "w", encoding="utf-8"):
            pass
        os.mknod(f"{a}/dev", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        os.mknod(f"{b}/dev", stat.S_IFCHR | 0o600, os.makedev(1, 5))
        want = ("! /content: content differs\n! /dev: device 1:3 -> 1:5\n- /gone\n"
                "! /link: target one -> tw\\x0ao\n! /mode: mode 0644 -> 4755\n! /owner: owner 0:0 -> 1:2\n"
                "! /second: hard links /same -> none\n! /size: size 4 -> 6\n+ /sub/new\\x5c\n"
                "! /type: type file -> directory\n")
        got = osb("diff", a, b, ok=False, user=False)
        assert (got.returncode, got.stdout) == (1, want), got.stdout
        os.utime(f"{a}/same", (0, 2))
        got = osb("diff", "--times", a, b, ok=False, user=False).stdout
        assert "! /same: mtime 2.000000000 -> 1.000000000\n" in got, got
        # the same through an archive
        run(tool("tar"), "-C", b, "-cf", f"{OUT}/b.tar", ".")
        got = osb("diff", a, f"{OUT}/b.tar", ok=False, user=False)
        assert (got.returncode, got.stdout) == (1, want), got.stdout

    @case("diff refuses with status 2")
    def _():
        refused(["diff", IMG], 2, "diff: exactly two files are needed")
        refused(["diff", "--times=x", IMG, IMG], 2, "diff: unknown option '--times=x'")
        refused(["diff", IMG, "/nonexistent"], 2, "'/nonexistent': No such file or directory")


def extract_cases():
    @case("extract as an ordinary user: devices are refused by name, or left out and named")
    def _():
        d = f"{OUT}/extracted"
        refused(["extract", IMG, d], 1,
                "/dev/console: cannot make the character device as an ordinary user: Operation not permitted")
        assert not os.path.exists(d)
        p = osb("extract", "--no-devices", IMG, d)
        assert p.stderr == "osbuilder: left out device /dev/null\nosbuilder: left out device /dev/console\n", p.stderr
        assert sha(f"{d}/sbin/init") == sha(ib.TEST_AGENT)
        uid = ib.UNPRIVILEGED if os.geteuid() == 0 else os.geteuid()
        assert {os.lstat(os.path.join(top, n)).st_uid for top, _, names in os.walk(d) for n in names} == {uid}
        assert stat.S_IMODE(os.lstat(f"{d}/tmp").st_mode) == 0o1777
        p = osb("extract", "--no-devices", INITRD, f"{d}-initrd")
        lines = diff(d, f"{d}-initrd", "--times")
        assert lines == (1, "+ /init\n"), lines

    @case("extract as root gives everything back")
    def _():
        if os.geteuid() != 0:
            raise Skip("needs root")
        osb("extract", IMG, f"{OUT}/as-root", user=False)
        assert osb("diff", "--times", IMG, f"{OUT}/as-root", user=False).stdout == ""

    @case("extract refuses what exists and what is no image, and leaves nothing")
    def _():
        before = sorted(os.listdir(OUT))
        p = osb("extract", INITRD, OUT, ok=False)
        assert p.returncode == 1 and "exists" in p.stderr, p.stderr
        refused(["extract", IMG], 1, "extract: an image and a directory are needed")
        refused(["extract", OSBUILDER, f"{OUT}/no"], 1,
                f"'{OSBUILDER}': is no disk image, file system, initrd, tar file or directory")
        assert sorted(os.listdir(OUT)) == before


def tar_cases():
    tar = f"{OUT}/all.tar"

    @case("extract --tar: an ordinary user gets everything of an image and an initrd, twice the same")
    def _():
        osb("extract", "--tar", tar, IMG)
        assert diff(IMG, tar, "--times") == (0, "")
        osb("extract", "--tar", f"{tar}.2", IMG)
        assert sha(tar) == sha(f"{tar}.2")
        osb("extract", "--tar", f"{tar}.initrd", INITRD)
        assert diff(INITRD, f"{tar}.initrd", "--times") == (0, "")
        assert diff(tar, f"{tar}.initrd", "--times") == (1, "+ /init\n")

    @case("extract --tar -: through a pipe, into tar and bsdtar")
    def _():
        for argv in ([tool("tar"), "-t", "--numeric-owner", "-vf", "-"], [tool("bsdtar"), "--numeric-owner", "-tvf", "-"]):
            with subprocess.Popen([OSBUILDER, "extract", "--tar", "-", IMG], stdout=subprocess.PIPE, **as_user()) as p:
                got = subprocess.run(argv, stdin=p.stdout, capture_output=True, text=True, check=True)
            assert p.returncode == 0 and not got.stderr, got
            assert re.search(r"^crw\S+ .* dev/null$", got.stdout, re.M), got.stdout
            assert re.search(r"var/run -> ../run$", got.stdout, re.M), got.stdout

    @case("build --tar: what the image holds")
    def _():
        ib.build("agent", ib.out_dir("tar"), "--tar", f"{ib.TMP}/tar/root.tar")
        assert diff(IMG, f"{ib.TMP}/tar/root.tar", "--times") == (0, "")
        p = ib.build("agent", ib.out_dir("tar2"), "--tar", f"{ib.TMP}/no/root.tar", ok=False)
        assert p.returncode == 1 and f"{ib.TMP}/no/root.tar: No such file" in p.stderr and not os.listdir(f"{ib.TMP}/tar2"), p.stderr

    @case("extract --tar refuses a socket with its name, or leaves it out and names it")
    def _():
        d = f"{OUT}/with-socket"
        os.mkdir(d)
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(f"{d}/s")
        refused(["extract", "--tar", f"{OUT}/no.tar", d], 1, "/s: tar has no type for a socket")
        assert not os.path.exists(f"{OUT}/no.tar")
        p = osb("extract", "--no-sockets", "--tar", f"{OUT}/yes.tar", d)
        assert p.stderr == "osbuilder: left out socket /s\n", p.stderr
        refused(["extract", "--tar", "x", d, d], 1, "extract: with --tar one image is needed")
        refused(["extract", "--tar"], 1, "extract: option '--tar' needs a value")
        refused(["extract", "--tar", "/nonexistent/x.tar", d], 1, "/nonexistent/x.tar: No such file or directory")


def inspect_cases():
    @case("inspect prints what an image is")
    def _():
        got = osb("inspect", "kata-containers.img").stdout
        got = re.sub(r"(size|bytes in|sectors|,) \d+|\d+ (bytes|sectors)", "N", got)
        got = re.sub(r"version \S+ protocol \S+", "version V protocol P", got)
        got = re.sub(r"(?m)^uuid: [0-9a-f-]{36}$", "uuid: U", got)
        want = ("file: kata-containers.img\nkind: image\nsize: 134217728N on the disk\narchitecture: x86_64\nfilesystem: ext4\nuuid: U\n"
                "dax: yes\npartition 1: offset 3145728 N\npartition 1 as a disk: start sector 6144N sectors\n"
                "partition 1 as persistent memory: start sector 2048N sectors\n"
                "pfn checksum: 685b032be3943830, right\nmanifest: yes\nrecipe: agent\nbill of materials: yes\n"
                "agent: version V protocol P\ninit: the agent\n"
                "content: 19 entriesN bytes in files\n")
        assert got == want, got

    @case("inspect --json, with and without the manifest")
    def _():
        j = json.loads(osb("inspect", "--json", IMG).stdout)
        part = j["partitions"][0]
        assert (part["offset"], part["disk_start_sector"], part["pmem_start_sector"]) == (3 << 20, 6144, 2048), j
        assert j["manifest"] is True and j["content"]["entries"] == 19 and j["filesystem"] == "ext4", j
        shutil.copy(IMG, f"{OUT}/bare.img")
        k = json.loads(osb("inspect", "--json", f"{OUT}/bare.img").stdout)
        assert k["manifest"] is False and k["architecture"] is None and k["packages"] == [], k
        # the agent's note is found in the image itself
        assert [k["agent"][w] == j["agent"][w] for w in ("version", "protocol")] == [True, True], k
        assert k["content"] == j["content"], k

    @case("inspect names a wrong PFN block")
    def _():
        bad = f"{OUT}/bad.img"
        shutil.copy(IMG, bad)
        with open(bad, "r+b") as f:
            f.seek(4096 + 84)
            f.write(b"\1")
        refused(["inspect", bad], 1,
                f"image '{bad}': the nd_pfn block at byte 4096 is not the one of a guest image")


def other_agent():
    """The agent with another version in its note, so that summary and manifest change, too."""
    with open(ib.TEST_AGENT, "rb") as f:
        data = f.read()
    with open(f"{IMG}.manifest.json", encoding="utf-8") as f:
        m = json.load(f)["agent"]
    if not m["version"]:
        raise Skip("the agent has no version note")
    old = f"{m['version']} {m['protocol']}".encode() + b"\0"
    new = f"{'9' * len(m['version'])} {m['protocol']}".encode() + b"\0"
    assert data.count(old) == 1, data.count(old)
    path = f"{ib.TMP}/agent2"
    with open(path, "wb") as f:
        f.write(data.replace(old, new))
    os.chmod(path, 0o755)
    st = os.stat(ib.TEST_AGENT)
    os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))
    return path, m["version"]


def copy_to(d, *names):
    for name in names:
        mine(shutil.copy(f"{OUT}/{name}", f"{d}/{name}"))
        mine(shutil.copy(f"{OUT}/{name}.manifest.json", f"{d}/{name}.manifest.json"))


def same_files(a, b):
    assert sorted(os.listdir(a)) == sorted(os.listdir(b)), (os.listdir(a), os.listdir(b))
    for name in os.listdir(a):
        assert sha(f"{a}/{name}") == sha(f"{b}/{name}"), name


def seal_cases():
    @case("a sealed image and initrd are, byte for byte, what a build with that agent makes")
    def _():
        agent, version = other_agent()
        want, got = ib.out_dir("want"), ib.out_dir("sealed")
        ib.build("agent", want, agent=agent)
        copy_to(got, "kata-containers.img", "kata-containers-initrd.img")
        osb("seal", "--agent", agent, f"{got}/kata-containers.img")
        osb("seal", "--agent", agent, f"{got}/kata-containers-initrd.img")
        same_files(want, got)
        lines = diff(IMG, f"{got}/kata-containers.img")
        assert lines == (1, f"! /sbin/init: content differs\n! {SUMMARY}: content differs\n"), lines
        assert f"agent: version {'9' * len(version)} " in osb("inspect", f"{got}/kata-containers.img").stdout

    @case("the same for a measured image, an erofs one, and one with free space and without the DAX header")
    def _():
        agent, _ = other_agent()
        for name, args in (("measured", ["--measured"]), ("e", ["--fs", "erofs", "--measured"]),
                           ("free", ["--free-mib", "5", "--no-dax", "--align-mib", "4"]),
                           ("lz4", ["--fs", "erofs", "--erofs-compression", "lz4"]),
                           ("zstd", ["--initrd-compression", "zstd"]), ("plain", ["--initrd-compression", "none"])):
            got, want = ib.out_dir(f"{name}-got"), ib.out_dir(f"{name}-want")
            ib.build("agent", got, *args)
            ib.build("agent", want, *args, agent=agent)
            for f in ("kata-containers.img", "kata-containers-initrd.img"):
                osb("seal", "--agent", agent, f"{got}/{f}")
            same_files(want, got)
            osb("verify", f"{got}/kata-containers.img")

    @case("initrds by gzip, zstd and not compressed hold the same; another agent changes the end of the file only")
    def _():
        for name, magic in (("read", b"\x1f\x8b"), ("zstd-got", b"\x28\xb5\x2f\xfd"), ("plain-got", b"0707")):
            with open(f"{ib.TMP}/{name}/kata-containers-initrd.img", "rb") as f:
                assert f.read(len(magic)) == magic, name
        for kind in ("zstd", "plain"):
            lines = diff(INITRD, f"{ib.TMP}/{kind}-got/kata-containers-initrd.img", "--times")
            assert lines == (1, f"! /sbin/init: content differs\n! {SUMMARY}: content differs\n"), lines
        with open(INITRD, "rb") as a, open(f"{ib.TMP}/sealed/kata-containers-initrd.img", "rb") as b:
            old, new = a.read(), b.read()
        same = next(i for i, (x, y) in enumerate(zip(old, new)) if x != y)
        base = zlib.decompressobj(31)
        head = base.decompress(old)
        first = len(old) - len(base.unused_data)
        assert b"dev/console" in head and b"\x7fELF" not in head and first <= same, (first, same)
        p = ib.build("agent", ib.out_dir("bad"), "--initrd-compression", "lz4", ok=False)
        assert p.stderr == "osbuilder: initrd: cpio cannot be compressed by lz4\n", p.stderr

    @case("an erofs by LZ4 is smaller, holds the same, and has no DAX header")
    def _():
        packed, plain = (f"{ib.TMP}/{d}/kata-containers.img" for d in ("lz4-want", "e-want"))
        assert diff(packed, plain, "--times") == (0, "")
        assert os.path.getsize(packed) < 3 << 20, os.path.getsize(packed)
        assert "dax: no\n" in osb("inspect", packed).stdout
        with open(f"{OUT}/part", "wb") as f, open(packed, "rb") as img:
            img.seek(1 << 20)
            f.write(img.read())
        run(tool("fsck.erofs"), f"{OUT}/part")
        for args, line in ((["--fs", "ext4", "--erofs-compression", "lz4"], "ext4 cannot be compressed by lz4"),
                           (["--fs", "erofs", "--erofs-compression", "lzma"], "unknown compression 'lzma'")):
            p = ib.build("agent", OUT, *args, ok=False)
            assert p.returncode == 1 and p.stderr == f"osbuilder: {line}\n", p.stderr

    @case("seal --output leaves the image alone; with the old agent it is the image again")
    def _():
        before = sha(IMG)
        osb("seal", "--agent", ib.TEST_AGENT, "--output", f"{OUT}/again.img", IMG)
        assert sha(IMG) == before == sha(f"{OUT}/again.img")

    @case("seal refuses what it cannot do, and changes nothing")
    def _():
        d = ib.out_dir("refused")
        copy_to(d, "kata-containers.img")
        img = f"{d}/kata-containers.img"
        before = sha(img)
        refused(["seal", img], 1, "seal: --agent is missing")
        p = osb("seal", "--agent", shutil.which("true"), img, ok=False)
        assert p.returncode == 1 and p.stderr.startswith(f"osbuilder: agent '{shutil.which('true')}': "), p.stderr
        refused(["seal", "--variant", "x", "--agent", ib.TEST_AGENT, img], 1, f"'{img}' is not measured")
        refused(["seal", "--agent", ib.TEST_AGENT, f"{OUT}/bare.img"], 1,
                f"'{OUT}/bare.img' has no manifest, which says how it must be written again")
        with open(img, "r+b") as f:
            f.seek(-1, 2)
            f.write(b"x")
        refused(["seal", "--agent", ib.TEST_AGENT, img], 1,
                f"image '{img}': its SHA-512 is not the one of its manifest")
        with open(img, "r+b") as f:
            f.seek(-1, 2)
            f.write(b"\0")
        assert sha(img) == before and sorted(os.listdir(d)) == ["kata-containers.img", "kata-containers.img.manifest.json"]
        m = f"{ib.TMP}/measured-got"
        os.remove(f"{m}/root_hash_agent.txt")
        refused(["seal", "--agent", ib.TEST_AGENT, f"{m}/kata-containers.img"], 1,
                f"{m}/root_hash_agent.txt (another name is given by --variant): No such file or directory")


def main():
    global OSBUILDER
    shutil.copy(ib.AGENT, ib.TEST_AGENT)
    os.chmod(ib.TEST_AGENT, 0o755)
    OSBUILDER = ib.OSBUILDER = shutil.copy(ib.OSBUILDER, os.path.join(ib.TMP, "osbuilder"))
    os.chmod(OSBUILDER, 0o755)
    ib.CACHE = ib.out_dir("cache")
    ib.build("agent", OUT)
    diff_cases()
    extract_cases()
    tar_cases()
    inspect_cases()
    seal_cases()


if __name__ == "__main__":
    main()
    finish()
