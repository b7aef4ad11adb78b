#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The package and image sources of osbuilder, each with a repository or layout that this program makes: container images
(OCI layouts), apk repositories with a key of their own, rpm repositories; as an ordinary user; and what must be refused."""

import gzip
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cases import Skip, UNPRIVILEGED, as_user, case, finish, run, scratch_dir, tool  # noqa: E402
from package_repos import ApkRepo, RpmRepo, expect, flip, read, sha256, tar_of, write  # noqa: E402

BIN = os.path.abspath(os.environ.get("KATA_BIN", "build/host/bin"))
AGENT = os.path.abspath(os.environ.get("KATA_AGENT", "build/guest/bin/kata-agent"))
OSBUILDER = os.path.join(BIN, "osbuilder")
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
EPOCH = 1700000000

TMP = scratch_dir("image_sources")
os.chmod(TMP, 0o755)
CACHE = os.path.join(TMP, "cache")
count = 0


def build(source, ok=True, extra=(), env=None, output="--rootfs"):
    """A root file system from a recipe with this [[source]]; the directory, or what was said on failure."""
    global count
    count += 1
    top = os.path.join(TMP, f"build{count}")
    os.makedirs(f"{top}/recipe")
    os.makedirs(f"{top}/out")
    if os.geteuid() == 0:
        os.chown(f"{top}/out", UNPRIVILEGED, UNPRIVILEGED)
    with open(f"{top}/recipe/recipe.toml", "w", encoding="utf-8") as f:
        f.write('format = 1\nname = "test"\n' + source)
    full = dict(os.environ, OSBUILDER_CACHE=CACHE, TMPDIR=f"{top}/out", **(env or {}))
    p = run(OSBUILDER, "build", "--recipe", f"{top}/recipe", "--arch", "x86_64", output, f"{top}/out/root",
            "--source-date-epoch", str(EPOCH), *extra, ok=False, cwd=ROOT, env=full, **as_user())
    if ok:
        assert p.returncode == 0 and not p.stderr, p.stderr
        return f"{top}/out/root"
    assert p.returncode == 1, f"exit {p.returncode}: {p.stderr}"
    assert os.listdir(f"{top}/out") == [], os.listdir(f"{top}/out")
    return p.stderr


# ---- container images ------------------------------------------------------------------------------------------------

class Layout:
    def __init__(self, name):
        self.dir = os.path.join(TMP, name)
        write(b'{"imageLayoutVersion":"1.0.0"}', self.dir, "oci-layout")
        self.manifests = []

    def blob(self, kind, data):
        write(data, self.dir, "blobs/sha256", sha256(data))
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{sha256(data)}", "size": len(data)}

    def image(self, layers, arch="amd64", name=None, platform=True):
        config = self.blob("config.v1+json", json.dumps({"architecture": arch, "os": "linux"}).encode())
        descs = [self.blob("layer.v1.tar+gzip", gzip.compress(d, mtime=0)) for d in layers]
        m = self.blob("manifest.v1+json", json.dumps({"schemaVersion": 2, "config": config, "layers": descs}).encode())
        if name:
            m["annotations"] = {"org.opencontainers.image.ref.name": name}
        if platform:
            m["platform"] = {"architecture": arch, "os": "linux"}
        self.manifests.append(m)
        write(json.dumps({"schemaVersion": 2, "manifests": self.manifests}).encode(), self.dir, "index.json")
        return descs


def oci(path, reference=None):
    return f'[[source]]\ntype = "oci"\npath = "{path}"\n' + (f'reference = "{reference}"\n' if reference else "")


def oci_cases():
    base = tar_of([("etc", None), ("etc/gone", b"x"), ("etc/keep", b"keep"), ("opq", None), ("opq/a", b"a"),
                   ("bin/tool", b"#!\n", 0o755), ("link", "etc")])
    top = tar_of([("etc/.wh.gone", b""), ("opq/.wh..wh..opq", b""), ("opq/b", b"b"), ("link/via", b"v")])
    good = Layout("oci")
    good.image([base], arch="arm64", name="v1")
    descs = good.image([base, top], name="v1")
    good.image([base], name="v0")

    def check(root):
        assert sorted(os.listdir(f"{root}/etc")) == ["keep", "via"], os.listdir(f"{root}/etc")
        assert os.listdir(f"{root}/opq") == ["b"] and read(root, "etc/keep") == b"keep"
        assert stat.S_IMODE(os.stat(f"{root}/bin/tool").st_mode) == 0o755 and os.readlink(f"{root}/link") == "etc"

    @case("oci: a layout directory, platform and reference chosen, whiteouts applied")
    def _():
        check(build(oci(good.dir, "v1")))

    @case("oci: a tar of a layout gives the same")
    def _():
        with tarfile.open(f"{TMP}/oci.tar", "w") as t:
            t.add(good.dir, arcname=".")
        check(build(oci(f"{TMP}/oci.tar", "v1")))

    @case("oci: without a reference, several images are refused by name")
    def _():
        expect(build(oci(good.dir), ok=False), "holds 2 images, and 'reference' must name one: v1, v1, v0")

    @case("oci: a reference that is not there")
    def _():
        expect(build(oci(good.dir, "v9"), ok=False), "index.json: holds no image 'v9', only v1, v1, v0")

    @case("oci: a layer that was changed is named by its digest")
    def _():
        bad = shutil.copytree(good.dir, f"{TMP}/oci-bad")
        path = os.path.join(bad, "blobs/sha256", descs[1]["digest"][7:])
        data = bytearray(read(path))
        data[-1] ^= 1
        write(bytes(data), path)
        expect(build(oci(bad, "v1"), ok=False), f"blob {descs[1]['digest']} is damaged: its digest is sha256:{sha256(data)}")

    @case("oci: a layer that leaves the root")
    def _():
        lay = Layout("oci-escape")
        lay.image([base, tar_of([("a/../../out", b"x")])], platform=False)
        expect(build(oci(lay.dir), ok=False), "entry 'a/../../out': path contains '..'")

    @case("oci: an image for another architecture, said only by its configuration")
    def _():
        lay = Layout("oci-arch")
        lay.image([base], arch="s390x", platform=False)
        expect(build(oci(lay.dir), ok=False), "the image is for linux/s390x, not for linux/amd64")

    @case("oci: what is no layout")
    def _():
        os.mkdir(f"{TMP}/empty")
        expect(build(oci(f"{TMP}/empty"), ok=False), "is no OCI image layout: it has no file oci-layout")

    @case("oci: skopeo's copy of the layout is read alike")
    def _():
        skopeo = tool("skopeo")
        run(skopeo, "copy", "--insecure-policy", "--override-arch", "amd64", f"oci:{good.dir}:v0", f"oci-archive:{TMP}/sk.tar:v0")
        root = build(oci(f"{TMP}/sk.tar"))
        assert sorted(os.listdir(f"{root}/etc")) == ["gone", "keep"]


    @case("oci: a docker-archive is refused with what to do")
    def _():
        skopeo = tool("skopeo")
        run(skopeo, "copy", "--insecure-policy", "--override-arch", "amd64", f"oci:{good.dir}:v0", f"docker-archive:{TMP}/old.tar:x:v0")
        expect(build(oci(f"{TMP}/old.tar"), ok=False), "is a docker-archive, not an OCI image layout (skopeo copy docker-archive:FILE oci:DIR")

    @case("oci: a lock file pins the manifest; another image under the same name is drift; sources of all kinds in one lock file")
    def _():
        lay = Layout("oci-locked")
        lay.image([base], name="v1", platform=False)
        apk = ApkRepo(TMP, "apk-locked").add("a", "1-r0", [("a", b"a")]).finish()
        d = f"{TMP}/locked"
        text = 'format = 1\nname = "locked"\n' + oci(lay.dir, "v1") + apk.source(["a"])
        write(text.encode(), d, "recipe.toml")
        os.chmod(d, 0o777)

        def locked(command, *argv, ok=True):
            return run(OSBUILDER, command, "--recipe", d, "--arch", "x86_64", "--cache", CACHE, *argv, ok=ok, cwd=ROOT, **as_user())
        locked("lock")
        pins = read(d, "lock-x86_64.toml").decode()
        first = lay.manifests[0]["digest"]
        assert f'type = "oci"\npath = "{lay.dir}"\nreference = "v1"\ndigest = "{first}"\n' in pins and 'type = "apk"\n' in pins, pins
        out = f"{TMP}/locked-out"
        os.mkdir(out)
        os.chmod(out, 0o777)
        shutil.rmtree(apk.dir)
        locked("build", "--locked", "--offline", "--rootfs", f"{out}/root")
        assert read(out, "root/a") == b"a" and read(out, "root/etc/keep") == b"keep"
        lay.manifests = []
        lay.image([base, top], name="v1", platform=False)
        p = locked("build", "--rootfs", f"{out}/other", ok=False)
        expect(p.stderr, f"the image is not the one of the lock file: +{lay.manifests[0]['digest']} -{first}")
        assert os.listdir(out) == ["root"]


# ---- tar -------------------------------------------------------------------------------------------------------------

def tar_cases():
    @case("tar: the formats that tar writes, each by another compressor, give the same files")
    def _():
        d = f"{TMP}/tree"
        write(b"content", d, "a/file")
        os.symlink("file", f"{d}/a/link")
        os.link(f"{d}/a/file", f"{d}/a/hard")
        os.chmod(f"{d}/a/file", 0o741)
        long = "n" * 90 + "/" + "m" * 90
        for fmt, option, suffix, deep in (("v7", "-z", "gz", False), ("oldgnu", "-j", "bz2", True), ("gnu", "-J", "xz", True),
                                          ("ustar", "--zstd", "zst", False), ("posix", "-z", "gz", True)):
            if deep:
                write(b"deep", d, long)
                with open(f"{d}/sparse", "wb") as f:
                    f.truncate(1 << 20)
            name = f"{TMP}/{fmt}.tar.{suffix}"
            run("tar", f"--format={fmt}", *(["-S"] if deep else []), option, "--owner=0", "--group=0", "-cf", name, "-C", d, ".")
            root = build(f'[[source]]\ntype = "tar"\npath = "{name}"\n')
            st = os.stat(f"{root}/a/hard")
            assert read(root, "a/file") == b"content" and st.st_nlink == 2 and stat.S_IMODE(st.st_mode) == 0o741, fmt
            assert os.readlink(f"{root}/a/link") == "file", fmt
            if deep:
                assert read(root, long) == b"deep" and read(root, "sparse") == bytes(1 << 20), fmt

    @case("tar: a name that is there twice is refused")
    def _():
        name = write(tar_of([("etc/x", b"1"), ("./etc/x", b"2")]), TMP, "twice.tar")
        expect(build(f'[[source]]\ntype = "tar"\npath = "{name}"\n', ok=False), "twice.tar': entry './etc/x': is there twice")


# ---- apk -------------------------------------------------------------------------------------------------------------

def apk_cases():
    repo = None

    @case("apk: packages and what they need from a signed repository")
    def _():
        nonlocal repo
        repo = ApkRepo(TMP, "apk")
        repo.add("app", "1.0-r0", [("usr", None), ("usr/bin/app", b"app", 0o755)], "lib>=2 so:libz.so.1")
        repo.add("lib", "1.9-r3", [("usr/lib/version", b"1.9")]).add("lib", "2.1-r0", [("usr/lib/version", b"2.1")])
        repo.add("zlib", "1.3-r0", [("lib/libz.so.1", b"z")], provides="so:libz.so.1=1.3")
        repo.add("unwanted", "1-r0", [("bad", b"x")])
        repo.finish()
        root = build(repo.source(["app"]))
        assert read(root, "usr/lib/version") == b"2.1" and read(root, "lib/libz.so.1") == b"z"
        assert stat.S_IMODE(os.stat(f"{root}/usr/bin/app").st_mode) == 0o755
        assert sorted(os.listdir(root)) == ["lib", "usr"], os.listdir(root)

    def need_repo():
        if not repo:
            raise Skip("no repository could be made")
        return repo

    @case("apk: a version is pinned, a package is omitted, file:// works, signatures by SHA-256 too")
    def _():
        r = need_repo()
        root = build(r.source(["lib=1.9-r3", "zlib"], repo=f"file://{r.dir}", more='omit = ["zlib"]\n'))
        assert read(root, "usr/lib/version") == b"1.9" and not os.path.exists(f"{root}/lib")
        r = ApkRepo(TMP, "apk256", sign="sha256").add("a", "1", [("a", b"a")]).finish()
        assert read(build(r.source(["a"])), "a") == b"a"

    @case("apk: http, by apt's helper; then --offline from the cache")
    def _():
        r = need_repo()
        if not os.path.exists("/usr/lib/apt/apt-helper"):
            raise Skip("apt-helper is not installed")
        srv = subprocess.Popen([sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0", "--directory", r.dir],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            url = f"http://127.0.0.1:{srv.stdout.readline().split(' port ')[1].split()[0]}"
            env = {"no_proxy": "127.0.0.1", "http_proxy": "", "https_proxy": ""}
            root = build(r.source(["app"], repo=url), env=env)
            assert read(root, "usr/lib/version") == b"2.1"
            expect(build(r.source(["app"], repo=f"{url}/none"), ok=False, env=env), f"cannot fetch '{url}/none/x86_64/APKINDEX.tar.gz': ")
        finally:
            srv.kill()
            srv.wait()
            srv.stdout.close()
        root = build(r.source(["app"], repo=url), extra=["--offline"])
        assert read(root, "usr/lib/version") == b"2.1"
        expect(build(r.source(["unwanted"], repo=url), ok=False, extra=["--offline"]), "--offline forbids fetching it")

    @case("apk: another key under the same name is refused; so is a key the recipe lacks")
    def _():
        r = need_repo()
        os.mkdir(f"{TMP}/keys2")
        other = ApkRepo(TMP, "apk-other", key="other@example.org-2.rsa")
        shutil.copy(f"{other.key}.pub", f"{TMP}/keys2/{r.name}")
        expect(build(r.source(["app"], key=f"{TMP}/keys2/{r.name}"), ok=False), f"key {r.name}: the signature is wrong")
        expect(build(r.source(["app"], key=f"{other.key}.pub"), ok=False),
               f"is signed by RSA.{r.name}, which is no key of the recipe")

    @case("apk: a changed index is refused, and one with something behind the signed part")
    def _():
        r = need_repo()
        good = read(r.dir, "x86_64/APKINDEX.tar.gz")
        # the header's "operating system" byte is signed like all the rest, and gzip does not mind it
        second = good.index(b"\x1f\x8b\x08", 1)
        write(flip(second + 9)(good), r.dir, "x86_64/APKINDEX.tar.gz")
        expect(build(r.source(["app"]), ok=False), "the signature is wrong")
        evil = tar_of([("APKINDEX", b"P:evil\n")])
        write(good + gzip.compress(evil), r.dir, "x86_64/APKINDEX.tar.gz")
        expect(build(r.source(["app"]), ok=False), "bytes behind the signed part")
        write(good[second:], r.dir, "x86_64/APKINDEX.tar.gz")
        assert "index '" in build(r.source(["app"]), ok=False)
        write(good, r.dir, "x86_64/APKINDEX.tar.gz")

    @case("apk: a package whose data, control data or size changed is refused by name")
    def _():
        need_repo()
        r = ApkRepo(TMP, "apk-bad").add("data", "1", [("f", b"x" * 100)], change=lambda d: flip(d.rindex(b"\x1f\x8b\x08") + 9)(d))
        r.add("control", "1", [("f", b"x")], change=lambda d: flip(d.index(b"\x1f\x8b\x08", 1) + 9)(d)).add("size", "1", [("f", b"x")])
        r.finish()
        write(read(r.dir, "x86_64/size-1.apk") + b"x", r.dir, "x86_64/size-1.apk")
        expect(build(r.source(["data"]), ok=False), "SHA-256 of its data is ")
        expect(build(r.source(["control"]), ok=False), "package control-1: ")
        expect(build(r.source(["size"]), ok=False), " bytes, the index says ")
        # a good package of the same key under another's name
        shutil.copy(f"{r.dir}/x86_64/data-1.apk", f"{r.dir}/x86_64/control-1.apk")
        assert "package control-1: " in build(r.source(["control"]), ok=False)

    @case("apk: a package that leaves the root; one that nobody has")
    def _():
        need_repo()
        r = ApkRepo(TMP, "apk-escape").add("evil", "1", [("../../out", b"x")]).finish()
        expect(build(r.source(["evil"]), ok=False), "entry '../../out': path contains '..'")
        expect(build(r.source(["none"]), ok=False), "the recipe needs 'none', which no repository has")

    @case("apk: other hostile packages are refused with package and entry")
    def _():
        need_repo()
        r = ApkRepo(TMP, "apk-hostile")
        r.add("twice", "1", [("f", b"x"), ("f", b"y")]).add("absolute", "1", [("/etc/f", b"x")]).add("long", "1", [("n" * 256, b"x")])
        r.add("through", "1", [("out", "/nowhere"), ("out/f", b"x")]).add("spelt", "1", [("a/f", b"x"), ("a/./f", b"y")])
        huge = tarfile.TarInfo("zeros")
        huge.size = (8 << 30) + 1
        r.add("bomb", "1", [], tar=huge.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20)).finish()
        for name, said in (("twice", "entry 'f' is there twice"), ("absolute", "entry '/etc/f': absolute path"),
                           ("long", f"entry '{'n' * 200}': name is longer than 255 bytes"), ("spelt", "entry 'a/./f' is there twice"),
                           ("bomb", "entry 'zeros': unpacks to more than 8589934592 bytes"),
                           ("through", "entry 'out/f': path goes through a dangling symbolic link")):
            err = build(r.source([name]), ok=False)
            expect(err, f"package {name}: ")
            expect(err, said)


# ---- rpm -------------------------------------------------------------------------------------------------------------

def rpm_cases():
    repo = None

    @case("rpm: packages and what they need from a signed repository")
    def _():
        nonlocal repo
        r = RpmRepo(TMP, "rpm")
        r.add("app", "1.0", "Requires: lib >= 2").add("lib", "1.9").add("lib", "2.0").add("weak", "1").add("owned", "1", owner="games")
        r.add("unsigned", "1", sign=False)
        repo = r.finish()
        root = build(repo.source(["app"]))
        assert sorted(os.listdir(f"{root}/usr/share")) == ["app", "lib"], os.listdir(f"{root}/usr/share")
        top = f"{root}/usr/share/app"
        assert read(top, "a") == b"app-1.0\n" and read(root, "usr/share/lib/a") == b"lib-2.0\n"
        st = os.stat(f"{top}/a")
        assert stat.S_IMODE(st.st_mode) == 0o640 and st.st_nlink == 2 and st.st_ino == os.stat(f"{top}/b").st_ino, st
        assert os.readlink(f"{top}/c") == "a"

    def need_repo():
        if not repo:
            raise Skip("no repository could be made")
        return repo

    @case("rpm: omit, and --offline from the cache gives the same")
    def _():
        r = need_repo()
        source = r.source(["app"], more='omit = ["lib"]\nrelease = "40"\n')
        first = build(source)
        assert os.listdir(f"{first}/usr/share") == ["app"]
        again = build(source, extra=["--offline"])
        assert read(first, "usr/share/app/a") == read(again, "usr/share/app/a")

    @case("rpm: a package without a signature, and one by another key, are refused by name")
    def _():
        r = need_repo()
        err = build(r.source(["unsigned"]), ok=False)
        expect(err, "package unsigned-1-1.noarch.rpm: no good signature by a key of the recipe: ")
        other = RpmRepo(TMP, "rpm-other").finish()
        err = build(r.source(["lib"], key=other.key), ok=False)
        expect(err, "package lib-2.0-1.noarch.rpm: no good signature by a key of the recipe: digests SIGNATURES NOT OK")

    @case("rpm: a package that was changed after signing is refused, also when the repository's index knows it")
    def _():
        need_repo()
        r = RpmRepo(TMP, "rpm-bad").add("lib", "2.0")
        path = f"{r.dir}/repo/lib-2.0-1.noarch.rpm"
        write(flip(-20)(read(path)), path)
        r.finish()
        expect(build(r.source(["lib"]), ok=False), "package lib-2.0-1.noarch.rpm: no good signature by a key of the recipe: ")

    @case("rpm: an owner that is not root is refused, or left out when the recipe says so")
    def _():
        r = need_repo()
        expect(build(r.source(["owned"]), ok=False),
               "package owned: entry '/usr/share/owned/a' belongs to user games, whom no package makes (plain_owners gives it to root)")
        root = build(r.source(["owned"], more="plain_owners = true\n"))
        assert read(root, "usr/share/owned/a") == b"owned-1\n"

    @case("rpm: a package that nobody has; without dnf, what to install")
    def _():
        r = need_repo()
        expect(build(r.source(["none"]), ok=False), "dnf: No package none available.")
        os.mkdir(f"{TMP}/nobin")
        expect(build(r.source(["app"]), ok=False, env={"PATH": f"{TMP}/nobin"}),
               "rpm sources need dnf, dnf-plugins-core and rpm to be installed")


def main():
    global OSBUILDER
    OSBUILDER = shutil.copy(OSBUILDER, os.path.join(TMP, "osbuilder"))
    os.chmod(OSBUILDER, 0o755)
    os.mkdir(CACHE)
    if os.geteuid() == 0:
        os.chown(CACHE, UNPRIVILEGED, UNPRIVILEGED)
    oci_cases()
    tar_cases()
    apk_cases()
    rpm_cases()


if __name__ == "__main__":
    main()
    finish()
