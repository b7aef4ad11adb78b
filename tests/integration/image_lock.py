#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lock files, the package cache and bills of materials, with a signed Debian repository made here: nothing is fetched from
elsewhere."""

import gzip
import hashlib
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cases import Skip, UNPRIVILEGED, case, described_sha512, finish, run, scratch_dir, tool  # noqa: E402

BIN = os.path.abspath(os.environ.get("KATA_BIN", "build/host/bin"))
AGENT = os.path.abspath(os.environ.get("KATA_AGENT", "build/guest/bin/kata-agent"))
EPOCH = "1700000000"
TMP = scratch_dir("image_lock")
REPO, RECIPE, CACHE = (os.path.join(TMP, n) for n in ("repo", "recipe", "cache"))
LOCK = os.path.join(RECIPE, "lock-x86_64.toml")
OUTPUTS = ("i.img", "i.img.manifest.json", "i.img.spdx.json", "n.img", "n.img.manifest.json", "n.img.spdx.json")
KILLS = 10


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


# ---- the repository --------------------------------------------------------------------------------------------------

def make_deb(name, version, text):
    root = os.path.join(TMP, "deb")
    os.makedirs(f"{root}/DEBIAN")
    os.makedirs(f"{root}/usr/share/{name}")
    with open(f"{root}/DEBIAN/control", "w", encoding="utf-8") as f:
        f.write(f"Package: {name}\nVersion: {version}\nArchitecture: {'all' if name == 'three' else 'amd64'}\n"
                f"Maintainer: T <t@example.org>\nDescription: test\n"
                + ("Depends: two\n" if name == "one" else ""))
    with open(f"{root}/usr/share/{name}/data", "wb") as f:
        f.write(text.encode() + random.Random(name).randbytes(1 << 20))
    arch = "all" if name == "three" else "amd64"
    pool = f"{REPO}/pool/{name}_{version.replace(':', '%3a')}_{arch}.deb"
    os.makedirs(f"{REPO}/pool", exist_ok=True)
    run("dpkg-deb", "--root-owner-group", "-Zxz", "-b", root, pool)
    shutil.rmtree(root)


def publish():
    """Packages, Release, InRelease of what is in the pool."""
    dists = f"{REPO}/dists/test"
    shutil.rmtree(dists, ignore_errors=True)
    os.makedirs(f"{dists}/main/binary-amd64")
    text = ""
    for deb in sorted(os.listdir(f"{REPO}/pool")):
        path = f"{REPO}/pool/{deb}"
        text += run("dpkg-deb", "-f", path).stdout.rstrip() + "\n"
        # the file name in a URI: the % of an epoch is escaped once more
        text += f"Filename: pool/{deb}\nSize: {os.path.getsize(path)}\nSHA256: {sha256(path)}\n\n"
    index = f"{dists}/main/binary-amd64/Packages"
    with open(index, "w", encoding="utf-8") as f:
        f.write(text)
    with gzip.open(index + ".gz", "wb") as f:
        f.write(text.encode())
    release = "Origin: T\nSuite: test\nCodename: test\nArchitectures: amd64\nComponents: main\n" \
        f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S UTC', time.gmtime())}\nSHA256:\n"
    for name in ("main/binary-amd64/Packages", "main/binary-amd64/Packages.gz"):
        release += f" {sha256(f'{dists}/{name}')} {os.path.getsize(f'{dists}/{name}')} {name}\n"
    with open(f"{dists}/Release", "w", encoding="utf-8") as f:
        f.write(release)
    gpg("--clearsign", "-o", f"{dists}/InRelease", f"{dists}/Release")


def gpg(*argv):
    return run("gpg", "--homedir", f"{TMP}/gnupg", "--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", "", *argv)


def setup():
    for tool in ("gpg", "dpkg-deb", "apt-get"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    os.chmod(TMP, 0o755)
    os.mkdir(f"{TMP}/gnupg", 0o700)
    gpg("--quick-gen-key", "test <t@example.org>", "rsa2048", "sign", "never")
    gpg("--export", "-o", f"{TMP}/key.gpg")
    os.chmod(f"{TMP}/key.gpg", 0o644)
    for name, version in (("one", "1:1.0+a"), ("two", "2"), ("three", "3")):
        make_deb(name, version, "first")
    publish()
    os.mkdir(RECIPE)
    write_recipe('"one", "three"')
    shutil.copy(f"{BIN}/osbuilder", f"{TMP}/osbuilder")
    shutil.copy(AGENT, f"{TMP}/agent")
    os.chmod(f"{TMP}/agent", 0o755)
    return None


def write_recipe(packages, mirror=f"file:{REPO}"):
    with open(f"{RECIPE}/recipe.toml", "w", encoding="utf-8") as f:
        f.write(f'format = 1\nname = "locked"\n[distribution]\nname = "Debian"\n[agent]\npath = "/sbin/init"\n'
                f'[[source]]\ntype = "deb"\nsuites = ["test"]\ncomponents = ["main"]\npackages = [{packages}]\n'
                f'mirror = "{mirror}"\nkeyring = "{TMP}/key.gpg"\n')


# ---- builds ----------------------------------------------------------------------------------------------------------

def command(out, cache, *extra):
    return [f"{TMP}/osbuilder", "build", "--recipe", RECIPE, "--agent", f"{TMP}/agent", "--arch", "x86_64", "--cache", cache,
            "--force", "--image", f"{out}/i.img", "--initrd", f"{out}/n.img", "--source-date-epoch", EPOCH, *extra]


def build(name, *extra, cache=CACHE, ok=True, **kw):
    out = os.path.join(TMP, name)
    os.makedirs(out, exist_ok=True)
    if "user" in kw:
        os.chown(out, kw["user"], kw["user"])
    p = run(*command(out, cache, *extra), ok=ok, **kw)
    return p if not ok else {n: sha256(f"{out}/{n}") for n in OUTPUTS}


def lock(*extra, ok=True):
    return run(f"{TMP}/osbuilder", "lock", "--recipe", RECIPE, "--arch", "x86_64", "--cache", CACHE, *extra, ok=ok)


def cached(name):
    with open(LOCK, encoding="utf-8") as f:
        digest = re.search(rf'name = "{name}".*sha256 = "(\w+)"', f.read()).group(1)
    return f"{CACHE}/sha256/{digest[:2]}/{digest}"


def check_described(out):
    """Whatever lies there under its final name is right: a manifest or bill fits the file beside it."""
    for name in ("i.img", "n.img"):
        path = f"{out}/{name}"
        if not os.path.exists(path):
            assert not os.path.exists(path + ".manifest.json") and not os.path.exists(path + ".spdx.json"), os.listdir(out)
            continue
        if os.path.exists(path + ".manifest.json"):
            with open(path + ".manifest.json", encoding="utf-8") as f:
                m = json.load(f)
            assert m["sha512"] == described_sha512(path, m["sha512_size"]), path
        if os.path.exists(path + ".spdx.json"):
            with open(path + ".spdx.json", encoding="utf-8") as f:
                image = json.load(f)["packages"][0]
            if "checksums" in image:
                assert image["checksums"][0]["checksumValue"] == described_sha512(path, os.path.getsize(path)), path
            else:
                size, digest = re.fullmatch(r"SHA-512 of the first (\d+) bytes, which only zeros follow: (\w+)", image["comment"]).groups()
                assert digest == described_sha512(path, int(size)), path


def check_store():
    for top, _, names in os.walk(f"{CACHE}/sha256"):
        for n in names:
            assert n.startswith(".tmp-") or sha256(f"{top}/{n}") == n, n


def main():
    why = setup()
    if why:
        print(f"1..0 # SKIP {why}")
        return 0
    want = {}

    @case("osbuilder lock writes the exact packages, the same bytes again")
    def _():
        assert lock().stdout == LOCK + "\n"
        with open(LOCK, encoding="utf-8") as f:
            text = f.read()
        names = re.findall(r'\{ name = "(\w+)", version = "([^"]+)", architecture = "(\w+)"', text)
        assert names == [("one", "1:1.0+a", "amd64"), ("three", "3", "all"), ("two", "2", "amd64")], text
        assert f'size = {os.path.getsize(f"{REPO}/pool/two_2_amd64.deb")}, sha256 = "{sha256(f"{REPO}/pool/two_2_amd64.deb")}", ' \
            'path = "pool/two_2_amd64.deb"' in text, text
        lock()
        with open(LOCK, encoding="utf-8") as f:
            assert f.read() == text

    @case("--locked without a lock file is refused; --no-lock and no lock file give what the lock gives")
    def _():
        want.update(build("locked", "--locked"))
        assert build("ignored", "--no-lock") == want
        os.rename(LOCK, LOCK + ".away")
        p = build("refused", "--locked", ok=False)
        assert p.returncode == 1 and p.stderr == \
            f"osbuilder: recipe 'locked': there is no '{LOCK}'\nhint: osbuilder lock makes it, with the same --recipe and --arch\n", p.stderr
        assert build("without") == want
        os.rename(LOCK + ".away", LOCK)

    @case("with a full cache no program is started, and the repository may be gone")
    def _():
        if not want:
            raise Skip("nothing was built")
        os.rename(REPO, REPO + ".away")
        try:
            assert build("offline", "--offline", env=dict(os.environ, PATH="/nonexistent")) == want
        finally:
            os.rename(REPO + ".away", REPO)

    @case("a cold cache, another user, umask, time zone and locale give the same bytes")
    def _():
        kw = {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []} if os.geteuid() == 0 else {}
        cold = os.path.join(TMP, "cold")
        os.mkdir(cold)
        if kw:
            os.chown(cold, UNPRIVILEGED, UNPRIVILEGED)
        got = build("other", cache=cold, umask=0o077, env=dict(os.environ, TZ="Asia/Tokyo", LC_ALL="C.UTF-8"), **kw)
        assert got == want

    @case("a damaged file in the cache is said, never used, and fetched again")
    def _():
        path = cached("two")
        for damage in (lambda d: b"\0" + d[1:], lambda d: d[:-1]):
            with open(path, "rb") as f:
                data = f.read()
            with open(path, "wb") as f:
                f.write(damage(data))
            shutil.rmtree(f"{CACHE}/unpacked")
            p = build("damaged", "--offline", ok=False)
            assert p.returncode == 1 and "the cache lacks 1 package (the first is two 2), and --offline forbids" in p.stderr, p.stderr
            p = run(*command(f"{TMP}/damaged", CACHE))
            warnings = [x for x in p.stderr.splitlines() if x]
            short = damage(b"xx") == b"x"
            assert len(warnings) == (0 if short else 1), p.stderr  # a file of the wrong size is no hit at all
            assert short or "osbuilder: warning: package two: the cached file has SHA-256" in warnings[0], p.stderr
            assert {n: sha256(f"{TMP}/damaged/{n}") for n in OUTPUTS} == want
            check_store()

    @case("a damaged unpacked package in the cache is said, never used, and made again")
    def _():
        path = cached("two").replace("/sha256/", "/unpacked/x86_64/")
        size = os.path.getsize(path)
        for damage in (lambda f: f.write(b"x"), lambda f: (f.seek(100000), f.write(b"x")), lambda f: f.truncate(size - 1),
                       lambda f: f.truncate(0)):
            with open(path, "r+b") as f:
                damage(f)
            out = f"{TMP}/unpacked-damage"
            os.makedirs(out, exist_ok=True)
            p = run(*command(out, CACHE, "--offline"))
            assert p.stderr.startswith("osbuilder: warning: package two: its unpacked form in the cache is damaged: "), p.stderr
            assert {n: sha256(f"{out}/{n}") for n in OUTPUTS} == want
            assert os.path.getsize(path) == size and run(*command(out, CACHE, "--offline")).stderr == ""

    @case("unpacked packages alone are enough, and so is a cache that nothing can be written to")
    def _():
        only = os.path.join(TMP, "only")
        os.mkdir(only)
        shutil.copytree(f"{CACHE}/unpacked", f"{only}/unpacked")
        assert build("from-unpacked", "--offline", cache=only) == want
        shutil.rmtree(f"{only}/unpacked")
        shutil.copytree(f"{CACHE}/sha256", f"{only}/sha256", dirs_exist_ok=True)
        with open(f"{only}/unpacked", "w", encoding="utf-8"):
            pass  # a file where the directory would be
        assert build("from-packages", "--offline", cache=only) == want

    @case("a package that would write outside, or has a name twice, is refused by package and entry; the cache keeps nothing of it")
    def _():
        root, pool = f"{TMP}/evil", f"{REPO}/pool/evil_1_all.deb"
        os.makedirs(root)
        with open(f"{root}/control", "w", encoding="utf-8") as f:
            f.write("Package: evil\nVersion: 1\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: test\n")
        with open(f"{root}/debian-binary", "w", encoding="utf-8") as f:
            f.write("2.0\n")
        run("tar", "-C", root, "-cJf", f"{root}/control.tar.xz", "./control")
        for entries, said in (((("../../out", "x"),), "entry '../../out': path contains '..'"),
                              ((("a/" + "n" * 256, "x"),), f"entry 'a/{'n' * 198}': name is longer than 255 bytes"),
                              ((("./a", "x"), ("./a", "y")), "entry './a' is there twice"),
                              ((("./a/b", "x"), ("a/.//b", "y")), "entry 'a/.//b' is there twice")):
            with tarfile.open(f"{root}/data.tar.xz", "w:xz") as tar:
                for name, text in entries:
                    info = tarfile.TarInfo(name)
                    info.size = len(text)
                    tar.addfile(info, io.BytesIO(text.encode()))
            if os.path.exists(pool):
                os.unlink(pool)
            run("ar", "rc", pool, *(f"{root}/{n}" for n in ("debian-binary", "control.tar.xz", "data.tar.xz")))
            publish()
            write_recipe('"one", "three", "evil"')
            p = build("evil", "--no-lock", ok=False)
            assert p.returncode == 1 and f"package evil: {said}\n" in p.stderr, p.stderr
            assert not os.path.exists(f"{TMP}/evil/i.img") and not os.path.exists(
                f"{CACHE}/unpacked/x86_64/{sha256(pool)[:2]}/{sha256(pool)}")
        os.unlink(pool)
        publish()
        write_recipe('"one", "three"')

    @case("a mirror may be written file:///DIR: the same lock file, and the same image from an empty cache")
    def _():
        with open(LOCK, encoding="utf-8") as f:
            text = f.read()
        write_recipe('"one", "three"', mirror=f"file://{REPO}/")
        lock()
        with open(LOCK, encoding="utf-8") as f:
            assert f.read() == text
        empty = os.path.join(TMP, "file-slashes")
        os.mkdir(empty)
        assert build("slashes", "--locked", cache=empty) == want
        write_recipe('"one", "three"')

    @case("a recipe that asks for something else does not fit its lock")
    def _():
        write_recipe('"one", "two", "three"')
        p = build("drift", ok=False)
        assert p.returncode == 1 and f"asks for something else than '{LOCK}' was made for: +two\nhint: make the lock file again" in p.stderr, p.stderr
        write_recipe('"one", "three"')

    @case("what is not offered any more is listed")
    def _():
        shutil.copytree(f"{REPO}/pool", f"{TMP}/pool.old")
        os.unlink(f"{REPO}/pool/two_2_amd64.deb")
        make_deb("two", "2.1", "second")
        os.unlink(f"{REPO}/pool/three_3_all.deb")
        make_deb("three", "3", "other content")
        publish()
        assert build("held", "--offline") == want  # the cache still has them
        p = build("moved", cache=f"{TMP}/empty", ok=False)
        assert p.returncode == 1 and "2 packages cannot be had as wanted: three 3 all, two 2 amd64 (" in p.stderr, p.stderr
        assert os.listdir(f"{TMP}/moved") == []
        shutil.rmtree(f"{REPO}/pool")
        os.rename(f"{TMP}/pool.old", f"{REPO}/pool")
        publish()

    @case("a lock file that is not one is refused with its line")
    def _():
        with open(LOCK, encoding="utf-8") as f:
            text = f.read()
        with open(LOCK, "w", encoding="utf-8") as f:
            f.write(text.replace('sha256 = "', 'sha256 = "x', 1))
        p = build("broken", ok=False)
        assert p.returncode == 1 and f"{LOCK}:12: " in p.stderr and "is not a SHA-256" in p.stderr, p.stderr
        with open(LOCK, "w", encoding="utf-8") as f:
            f.write(text)

    @case("two builds at once with one empty cache and one output both succeed")
    def _():
        shutil.rmtree(CACHE)
        out = os.path.join(TMP, "both")
        os.mkdir(out)
        with subprocess.Popen(command(out, CACHE), stderr=subprocess.PIPE) as a, \
                subprocess.Popen(command(out, CACHE), stderr=subprocess.PIPE) as b:
            said = a.communicate()[1] + b.communicate()[1]
        assert a.returncode == 0 and b.returncode == 0, said
        assert {n: sha256(f"{out}/{n}") for n in OUTPUTS} == want
        check_store()

    @case(f"killed at {KILLS} random moments: nothing under a final name is wrong, and the next build succeeds")
    def _():
        out, rnd = os.path.join(TMP, "killed"), random.Random(7)
        os.mkdir(out)
        begin = time.monotonic()
        run(*command(out, CACHE))
        whole = time.monotonic() - begin
        for i in range(KILLS):
            if i % 2:
                shutil.rmtree(CACHE)
            with subprocess.Popen(command(out, CACHE), stderr=subprocess.DEVNULL) as p:
                time.sleep(rnd.random() * whole)
                p.send_signal(signal.SIGKILL)
            check_described(out)
            check_store()
        run(*command(out, CACHE))
        assert {n: sha256(f"{out}/{n}") for n in OUTPUTS} == want

    @case("the bill of materials names what is in the image")
    def _():
        with open(f"{TMP}/locked/i.img.spdx.json", encoding="utf-8") as f:
            d = json.load(f)
        assert d["spdxVersion"] == "SPDX-2.3" and d["creationInfo"]["created"] == "2023-11-14T22:13:20Z", d["creationInfo"]
        pkgs = {p["name"]: p for p in d["packages"]}
        assert sorted(pkgs) == ["kata-agent", "locked", "one", "three", "two"], pkgs
        one = pkgs["one"]
        assert one["versionInfo"] == "1:1.0+a" and one["externalRefs"][0]["referenceLocator"] == \
            "pkg:deb/debian/one@1%3A1.0%2Ba?arch=amd64", one
        ids = {x["SPDXID"]: x for x in d["packages"] + d["files"]}
        owner = {}
        for r in d["relationships"]:
            assert r["relatedSpdxElement"] in ids and r["spdxElementId"] in {*ids, "SPDXRef-DOCUMENT"}, r
            owner[r["relatedSpdxElement"]] = r["spdxElementId"]
        files = {f["fileName"]: f for f in d["files"]}
        data = files["./usr/share/one/data"]
        content = b"first" + random.Random("one").randbytes(1 << 20)
        sums = {c["algorithm"]: c["checksumValue"] for c in data["checksums"]}
        assert sums == {"SHA1": hashlib.sha1(content).hexdigest(), "SHA256": hashlib.sha256(content).hexdigest()}, sums
        assert owner[data["SPDXID"]] == one["SPDXID"]
        assert owner[files["./sbin/init"]["SPDXID"]] == "SPDXRef-Agent"
        code = hashlib.sha1(sums["SHA1"].encode()).hexdigest()
        assert one["packageVerificationCode"]["packageVerificationCodeValue"] == code, one



if __name__ == "__main__":
    main()
    finish()
