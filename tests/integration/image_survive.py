#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a build leaves when it is killed, when disks are full or read-only, when the cache is damaged and when others build the same at
the same time: no file under its final name is ever wrong, and the next build gives the bytes that it should. The packages come from a
signed repository made here; nothing is fetched from elsewhere."""

import concurrent.futures
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import image_lock as il  # noqa: E402
from cases import Skip, UNPRIVILEGED, as_user, case, finish, run, tool  # noqa: E402

TMP = il.TMP
OUTPUTS = ("i.img", "i.img.manifest.json", "i.img.spdx.json", "root_hash_locked.txt", "n.img", "n.img.manifest.json", "n.img.spdx.json")
KILLS = 50
MIB = 1 << 20
RND = random.Random(11)


def command(out, cache, *extra):
    return [f"{TMP}/osbuilder", "build", "--recipe", il.RECIPE, "--agent", f"{TMP}/agent", "--arch", "x86_64", "--cache", cache,
            "--image", f"{out}/i.img", "--measured", "--align-mib", "2", "--initrd", f"{out}/n.img",
            "--source-date-epoch", il.EPOCH, "--quiet", *extra]


def sums(out):
    return {n: il.sha256(f"{out}/{n}") for n in OUTPUTS}


def new_dir(name, user=False):
    path = f"{TMP}/{name}"
    os.mkdir(path)
    if user and os.geteuid() == 0:
        os.chown(path, UNPRIVILEGED, UNPRIVILEGED)
    return path


def copy_cache(name, user=False):
    path = f"{TMP}/{name}"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(il.CACHE, path)
    if user and os.geteuid() == 0:
        run(tool("chown"), "-R", str(UNPRIVILEGED), path)
    return path


def check_outputs(out):
    """Whatever lies there under its final name is whole, and nothing contradicts anything."""
    il.check_described(out)
    img, line = f"{out}/i.img", f"{out}/root_hash_locked.txt"
    if os.path.exists(line):
        with open(line, encoding="utf-8") as f:
            root = re.match(r"root_hash=(\w+),", f.read()).group(1)
        if os.path.exists(f"{img}.manifest.json"):
            with open(f"{img}.manifest.json", encoding="utf-8") as f:
                assert json.load(f)["verity"]["root_hash"] == root
    if os.path.exists(f"{img}.manifest.json"):
        run(f"{TMP}/osbuilder", "verify", img)


def check_cache(cache):
    """Package files by their names; unpacked ones by header and hash of the index (source/unpacked.h)."""
    for top, _, names in os.walk(f"{cache}/sha256"):
        for n in names:
            assert n.startswith(".tmp-") or il.sha256(f"{top}/{n}") == n, n
    for top, _, names in os.walk(f"{cache}/unpacked"):
        for n in (x for x in names if not x.startswith(".tmp-")):
            with open(f"{top}/{n}", "rb") as f:
                data = f.read()
            magic, at, size = struct.unpack("<8s8xQQ", data[:32])
            assert magic == b"KATAUNPK" and at + size == len(data), n
            assert hashlib.sha256(data[:32] + n.encode() + data[at:]).digest() == data[32:64], n


def main():
    why = il.setup()
    if why:
        print(f"1..0 # SKIP {why}")
        return 0
    il.lock()
    first = new_dir("first")
    begin = time.monotonic()
    run(*command(first, il.CACHE))
    cold_time = time.monotonic() - begin
    want = sums(first)
    begin = time.monotonic()
    run(*command(first, il.CACHE, "--force"))
    warm_time = time.monotonic() - begin

    @case(f"killed at {KILLS} random moments, with an empty and with a full cache: nothing under a final name is wrong")
    def _():
        out, cache = new_dir("killed"), copy_cache("killed-cache")
        for i in range(KILLS):
            cold = i % 2
            if cold:
                shutil.rmtree(cache)
            with subprocess.Popen(command(out, cache, *(["--force"] if i % 4 < 2 else [])), stderr=subprocess.DEVNULL) as p:
                try:
                    p.wait(RND.random() * (cold_time if cold else warm_time))
                except subprocess.TimeoutExpired:
                    p.send_signal(signal.SIGKILL)
            check_outputs(out)
            check_cache(cache)
            if i % 10 == 9:
                assert run(*command(out, cache)).stderr == ""
                assert sums(out) == want

    @case("a file size limit that is met anywhere: an error, or SIGXFSZ; the next build succeeds")
    def _():
        out = new_dir("limited", user=True)
        for limit in (0, 4096, 100 << 10, MIB, 3 * MIB, 4 * MIB):
            for ignore in (True, False):
                cache = copy_cache("limited-cache", user=True)
                if limit < 3 * MIB:
                    shutil.rmtree(f"{cache}/unpacked")
                p = run(*command(out, cache, "--force"), ok=False, restore_signals=not ignore,
                        preexec_fn=lambda n=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (n, n)), **as_user())
                assert p.returncode != 0, limit
                if ignore:
                    assert p.returncode == 1 and re.search(r"^osbuilder: .*File too large$", p.stderr, re.M), (limit, p.stderr)
                check_outputs(out)
                check_cache(cache)
        assert run(*command(out, cache), **as_user()).stderr == "" and sums(out) == want

    @case("a full disk for outputs: an error that says so, nothing half-made; room again, and the build succeeds")
    def _():
        if os.geteuid() != 0 or run("unshare", "-m", "true", ok=False).returncode:
            raise Skip("needs root with a private mount namespace")
        script = 'mount -t tmpfs -o size=$1 none "$2" && shift 2 && d=$1 && shift && { "$@"; s=$?; cp -a "$D/." "$d" && exit $s; }'
        where = new_dir("small")
        for size in ("1m", "4m", "6m", "64m"):
            kept = new_dir(f"small-{size}")
            p = run("unshare", "-m", "sh", "-c", script, "sh", size, where, kept, *command(where, il.CACHE), ok=False,
                    env=dict(os.environ, D=where))
            if size == "64m":
                assert p.returncode == 0 and sums(kept) == want, p.stderr
            else:
                assert p.returncode == 1 and re.search(r"^osbuilder: .*No space left on device$", p.stderr, re.M), (size, p.stderr)
                assert os.listdir(kept) == [], os.listdir(kept)

    @case("a full disk for the cache: what is there is used, what cannot be kept unpacked is unpacked elsewhere")
    def _():
        if os.geteuid() != 0 or run("unshare", "-m", "true", ok=False).returncode:
            raise Skip("needs root with a private mount namespace")
        script = 'mount -t tmpfs -o size=$1 none "$2" && cp -a "$3/." "$2" && shift 3 && exec "$@"'
        packages = copy_cache("packages")
        shutil.rmtree(f"{packages}/unpacked")
        out, where = new_dir("full"), new_dir("full-cache")
        used = sum(os.path.getsize(f"{t}/{n}") for t, _, names in os.walk(packages) for n in names)
        for more, good in ((64 << 10, True), (MIB + MIB // 2, True), (-used + MIB, False)):
            source = packages if good else new_dir("nothing")
            p = run("unshare", "-m", "sh", "-c", script, "sh", str(used + more), where, source, *command(out, where, "--force"), ok=False)
            if good:
                assert p.returncode == 0 and sums(out) == want, p.stderr
            else:
                assert p.returncode == 1 and "No space left on device" in p.stderr, p.stderr
                check_outputs(out)

    @case("a directory that cannot be written to is named; nothing is left behind")
    def _():
        if os.geteuid() != 0:
            raise Skip("needs root, to give a directory to somebody else")
        out, cache = new_dir("read-only"), copy_cache("read-only-cache", user=True)
        p = run(*command(out, cache), ok=False, **as_user())
        assert p.returncode == 1 and f"{out}/i.img" in p.stderr and "Permission denied" in p.stderr, p.stderr
        assert os.listdir(out) == []

    @case("a cache that cannot be written to is enough when it has all packages, unpacked or not")
    def _():
        if os.geteuid() != 0:
            raise Skip("needs root, to give a directory to somebody else")
        for unpacked in (True, False):
            out, cache = new_dir(f"read-only-{unpacked}", user=True), copy_cache("read-only-cache")
            if not unpacked:
                shutil.rmtree(f"{cache}/unpacked")
                os.mkdir(f"{cache}/unpacked")
            assert run(*command(out, cache), **as_user()).stderr == ""
            assert sums(out) == want

    @case("damaged files in the cache, of both kinds: warned about, never used, made again")
    def _():
        out = new_dir("damaged")
        for i in range(12):
            cache = copy_cache("damaged-cache")
            kind = ("sha256", "unpacked")[i % 2]
            if kind == "sha256":
                shutil.rmtree(f"{cache}/unpacked")
            files = sorted(f"{t}/{n}" for t, _, names in os.walk(f"{cache}/{kind}") for n in names)
            for path in RND.sample(files, 2):
                with open(path, "r+b") as f:
                    size = os.path.getsize(path)
                    if i % 4 < 2:
                        f.seek(RND.randrange(size))
                        byte = f.read(1)[0]
                        f.seek(-1, os.SEEK_CUR)
                        f.write(bytes([byte ^ 1 << RND.randrange(8)]))
                    else:
                        f.truncate(RND.randrange(size))
            p = run(*command(out, cache, "--force"))
            assert sums(out) == want
            if kind == "unpacked" and i % 4 >= 2:
                assert p.stderr.count("its unpacked form in the cache is damaged") == 2, p.stderr
            check_cache(cache)
            assert run(*command(out, cache, "--force")).stderr == ""

    @case("builds at once on the same outputs and cache, some of them killed: what is there is right, and the next one succeeds")
    def _():
        out, cache = new_dir("at-once"), f"{TMP}/at-once-cache"

        def one(kill):
            with subprocess.Popen(command(out, cache, "--force"), stderr=subprocess.PIPE, text=True) as p:
                try:
                    return p.communicate(timeout=kill)[1], p.returncode
                except subprocess.TimeoutExpired:
                    p.send_signal(signal.SIGKILL)
                    return "", 0
        for i in range(6):
            shutil.rmtree(cache, ignore_errors=True) if i % 2 else None
            with concurrent.futures.ThreadPoolExecutor(3) as pool:
                for said, code in pool.map(one, (None, None, RND.random() * cold_time)):
                    assert code == 0, said
            check_outputs(out)
            check_cache(cache)
            assert run(*command(out, cache)).stderr == "" and sums(out) == want

    @case("with all packages in the cache, unpacked or not, no other program is started")
    def _():
        out, trace = new_dir("traced"), f"{TMP}/trace"
        packages = copy_cache("traced-cache")
        for _ in ("packages", "unpacked"):
            run(tool("strace"), "-f", "-e", "trace=execve,execveat,fork,vfork,clone,clone3", "-o", trace,
                *command(out, packages, "--force"))
            with open(trace, encoding="utf-8") as f:
                calls = [x for x in f.read().splitlines() if "(" in x and "CLONE_THREAD" not in x]
            assert len(calls) == 1 and "execve(" in calls[0], calls
            shutil.rmtree(f"{packages}/unpacked", ignore_errors=True)

    @case("memory stays within 96 MiB and the largest package, whatever the packages hold")
    def _():
        root, blob = f"{TMP}/deb", RND.randbytes(MIB)
        os.makedirs(f"{root}/DEBIAN")
        os.makedirs(f"{root}/usr/share/large")
        with open(f"{root}/DEBIAN/control", "w", encoding="utf-8") as f:
            f.write("Package: large\nVersion: 1\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: test\n")
        for i in range(12):  # 240 MiB, no file like another
            with open(f"{root}/usr/share/large/{i}", "wb") as f:
                f.write(bytes([i]) + blob * 20)
        run("dpkg-deb", "--root-owner-group", "-Zzstd", "-z1", "-b", root, f"{il.REPO}/pool/large_1_all.deb")
        shutil.rmtree(root)
        il.publish()
        il.write_recipe('"one", "three", "large"')
        il.lock()
        out = new_dir("large")
        bound = 96 * MIB + os.path.getsize(f"{il.REPO}/pool/large_1_all.deb")
        for what in ("cold", "warm"):
            argv = [a for a in command(out, f"{TMP}/large-cache", "--force") if a not in ("--initrd", f"{out}/n.img")]
            with subprocess.Popen(argv) as p:
                _, status, usage = os.wait4(p.pid, 0)
                p.returncode = os.waitstatus_to_exitcode(status)
            assert p.returncode == 0 and usage.ru_maxrss * 1024 < bound, (what, usage.ru_maxrss, bound)
        il.write_recipe('"one", "three"')



if __name__ == "__main__":
    main()
    finish()
