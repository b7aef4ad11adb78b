#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The package and image sources of osbuilder, each with a repository or layout that this program makes: container images
(OCI layouts), apk repositories with a key of their own, rpm repositories; as an ordinary user; and what must be refused."""

import base64
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import tomllib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cases import Skip, UNPRIVILEGED, as_user, case, results, run, tool  # noqa: E402

BIN = os.path.abspath(os.environ.get("KATA_BIN", "build/host/bin"))
AGENT = os.path.abspath(os.environ.get("KATA_AGENT", "build/guest/bin/kata-agent"))
OSBUILDER = os.path.join(BIN, "osbuilder")
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
EPOCH = 1700000000

TMP = tempfile.mkdtemp(prefix="image_sources-", dir="/var/tmp")
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


def expect(stderr, text):
    assert text in stderr, f"wanted: {text}\ngot: {stderr}"


def read(*path):
    with open(os.path.join(*path), "rb") as f:
        return f.read()


def write(data, *path):
    full = os.path.join(*path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as f:
        f.write(data)
    return full


def tar_of(entries, eoa=True):
    """A tar of (name, content or link or None[, mode]) in memory; content bytes: file, str: symbolic link, None: directory."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for name, content, *mode in entries:
            i = tarfile.TarInfo(name)
            i.mode = mode[0] if mode else 0o755 if content is None else 0o644
            i.mtime = 1600000000
            if content is None:
                i.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                i.type, i.linkname = tarfile.SYMTYPE, content
            else:
                i.size = len(content)
            t.addfile(i, io.BytesIO(content) if isinstance(content, bytes) else None)
        end = t.offset
    return out.getvalue() if eoa else out.getvalue()[:end]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


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


# ---- apk -------------------------------------------------------------------------------------------------------------

class ApkRepo:
    def __init__(self, name, key="test@example.org-1.rsa", sign="sha1"):
        self.openssl = tool("openssl")
        self.dir, self.sign = os.path.join(TMP, name), sign
        os.makedirs(f"{self.dir}/x86_64")
        self.key, self.name = f"{TMP}/{key}", f"{key}.pub"
        if not os.path.exists(self.key):
            run(self.openssl, "genrsa", "-out", self.key, "2048")
            run(self.openssl, "rsa", "-in", self.key, "-pubout", "-out", f"{self.key}.pub")
            os.chmod(f"{self.key}.pub", 0o644)
        self.index = ""

    def signed(self, data):
        with tempfile.NamedTemporaryFile(dir=TMP) as f:
            f.write(data)
            f.flush()
            sig = subprocess.run([self.openssl, "dgst", f"-{self.sign}", "-sign", self.key, f.name], capture_output=True,
                                 check=True).stdout
        kind = "RSA" if self.sign == "sha1" else "RSA256"
        return gzip.compress(tar_of([(f".SIGN.{kind}.{self.name}", sig)], eoa=False), mtime=0) + data

    def add(self, name, version, files, depends="", provides="", change=None):
        data = gzip.compress(tar_of(files), mtime=0)
        info = f"pkgname = {name}\npkgver = {version}\narch = x86_64\ndatahash = {sha256(data)}\n"
        control = gzip.compress(tar_of([(".PKGINFO", info.encode()), (".post-install", b"#!/bin/sh\nexit 1\n")], eoa=False), mtime=0)
        apk = self.signed(control) + data
        if change:
            apk = change(apk)
        write(apk, self.dir, "x86_64", f"{name}-{version}.apk")
        sum1 = base64.b64encode(hashlib.sha1(control).digest()).decode()
        self.index += f"C:Q1{sum1}\nP:{name}\nV:{version}\nA:x86_64\nS:{len(apk)}\nT:test\nD:{depends}\np:{provides}\n\n"
        return self

    def finish(self):
        body = gzip.compress(tar_of([("DESCRIPTION", b"test"), ("APKINDEX", self.index.encode())]), mtime=0)
        write(self.signed(body), self.dir, "x86_64", "APKINDEX.tar.gz")
        return self

    def source(self, packages, repo=None, key=None, more=""):
        return (f'[[source]]\ntype = "apk"\nrepositories = ["{repo or self.dir}"]\nkeys = ["{key or self.key + ".pub"}"]\n'
                f"packages = {json.dumps(packages)}\n{more}")


def flip(at):
    def change(data):
        data = bytearray(data)
        data[at] ^= 1
        return bytes(data)
    return change


def apk_cases():
    repo = None

    @case("apk: packages and what they need from a signed repository")
    def _():
        nonlocal repo
        repo = ApkRepo("apk")
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
        r = ApkRepo("apk256", sign="sha256").add("a", "1", [("a", b"a")]).finish()
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
        other = ApkRepo("apk-other", key="other@example.org-2.rsa")
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
        r = ApkRepo("apk-bad").add("data", "1", [("f", b"x" * 100)], change=lambda d: flip(d.rindex(b"\x1f\x8b\x08") + 9)(d))
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
        r = ApkRepo("apk-escape").add("evil", "1", [("../../out", b"x")]).finish()
        expect(build(r.source(["evil"]), ok=False), "entry '../../out': path contains '..'")
        expect(build(r.source(["none"]), ok=False), "the recipe needs 'none', which no repository has")


# ---- rpm -------------------------------------------------------------------------------------------------------------

SPEC = """Name: {name}
Version: {version}
Release: 1
Summary: test
License: none
BuildArch: noarch
{more}
%description
test
%post -p <lua>
error("scripts are never run")
%install
mkdir -p %{{buildroot}}/usr/share/{name}
echo {name}-{version} > %{{buildroot}}/usr/share/{name}/a
ln %{{buildroot}}/usr/share/{name}/a %{{buildroot}}/usr/share/{name}/b
ln -s a %{{buildroot}}/usr/share/{name}/c
%files
%attr(0640,{owner},root) /usr/share/{name}/a
/usr/share/{name}/b
/usr/share/{name}/c
"""


class RpmRepo:
    def __init__(self, name):
        for program in ("rpmbuild", "rpmsign", "rpmkeys", "createrepo_c", "gpg", "dnf"):
            tool(program)
        self.dir = os.path.join(TMP, name)
        self.key = f"{self.dir}/key.asc"
        os.makedirs(f"{self.dir}/repo")
        os.makedirs(f"{self.dir}/gpg", mode=0o700)
        self.env = dict(os.environ, HOME=self.dir, GNUPGHOME=f"{self.dir}/gpg")
        run("gpg", "--batch", "--quiet", "--passphrase", "", "--quick-gen-key", f"{name} <t@example.org>", "rsa2048", "sign",
            "never", env=self.env)
        run("gpg", "--batch", "--armor", "--output", self.key, "--export", env=self.env)

    def add(self, name, version, more="", owner="root", sign=True):
        write(SPEC.format(name=name, version=version, more=more, owner=owner).encode(), self.dir, f"{name}.spec")
        run("rpmbuild", "--quiet", "-bb", "--define", f"_topdir {self.dir}/top", "--define", f"_rpmdir {self.dir}/repo", "--define",
            "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm", "--dbpath", f"{self.dir}/db", f"{self.dir}/{name}.spec",
            env=self.env)
        path = f"{self.dir}/repo/{name}-{version}-1.noarch.rpm"
        if sign:
            run("rpmsign", "--define", "_gpg_name t@example.org", "--define",
                f"__gpg {tool('gpg')}", "--addsign", path, env=self.env)
        return self

    def finish(self):
        run("createrepo_c", "--quiet", f"{self.dir}/repo")
        run("gpgconf", "--kill", "all", ok=False, env=self.env)
        for top, _, files in os.walk(f"{self.dir}/repo"):
            os.chmod(top, 0o755)
            for f in files:
                os.chmod(f"{top}/{f}", 0o644)
        os.chmod(self.key, 0o644)
        return self

    def source(self, packages, key=None, more=""):
        return (f'[[source]]\ntype = "rpm"\nrepositories = ["{self.dir}/repo"]\nkeys = ["{key or self.key}"]\n'
                f"packages = {json.dumps(packages)}\n{more}")


def rpm_cases():
    repo = None

    @case("rpm: packages and what they need from a signed repository")
    def _():
        nonlocal repo
        r = RpmRepo("rpm")
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
        other = RpmRepo("rpm-other").finish()
        err = build(r.source(["lib"], key=other.key), ok=False)
        expect(err, "package lib-2.0-1.noarch.rpm: no good signature by a key of the recipe: digests SIGNATURES NOT OK")

    @case("rpm: a package that was changed after signing is refused, also when the repository's index knows it")
    def _():
        need_repo()
        r = RpmRepo("rpm-bad").add("lib", "2.0")
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


# ---- the recipes that use them -----------------------------------------------------------------------------------------

def recipe_text(name, **values):
    """The recipe with other values for some keys of its source."""
    with open(f"{ROOT}/recipes/{name}/recipe.toml", encoding="utf-8") as f:
        text = f.read()
    for key, value in values.items():
        text, n = re.subn(rf"^{key} = (\[[^]]*\]|\"[^\"]*\")$", lambda _: f"{key} = {json.dumps(value)}", text, flags=re.M)
        assert n == 1, f"{name}: {n} keys {key}"
    return text


def packages_of(name):
    with open(f"{ROOT}/recipes/{name}/recipe.toml", "rb") as f:
        return tomllib.load(f)["source"][0]["packages"]


def check_recipe(text, name, files):
    """The recipe makes an initrd in which these names are."""
    agent = shutil.copy(AGENT, os.path.join(TMP, "agent"))
    text = text.replace("format = 1\n", "").replace(f'name = "{name}"\n', "", 1)
    with gzip.open(build(text, extra=["--agent", agent], output="--initrd")) as f:
        data = f.read()
    for path in files + ["sbin/init", "usr/bin/kata-agent", "var/lib/osbuilder/osbuilder.yaml"]:
        assert f"{path}\0".encode() in data, f"{path} is missing"
    assert b'- "bash"' in data and b"pruned" not in data


def recipe_cases():
    @case("recipe alpine builds from a local repository with its packages")
    def _():
        r = ApkRepo("apk-alpine")
        for p in packages_of("alpine"):
            r.add(p, "1.0-r0", [(f"usr/share/{p}", b"x"), (f"usr/share/man/{p}", b"pruned")])
        r.finish()
        check_recipe(recipe_text("alpine", repositories=[r.dir], keys=[r.key + ".pub"]), "alpine", ["bin/ls", "usr/share/musl"])

    @case("recipe fedora builds from a local repository with its packages")
    def _():
        r = RpmRepo("rpm-fedora")
        for p in packages_of("fedora"):
            r.add(p, "1.0", owner="games" if p == "setup" else "root")
        r.finish()
        check_recipe(recipe_text("fedora", repositories=[f"{r.dir}/repo"], keys=[r.key]), "fedora", ["usr/share/bash/a", "usr/share/setup/a"])

    @case("recipe ubuntu builds from a local repository with its packages")
    def _():
        d = ubuntu_repo()
        text = recipe_text("ubuntu", mirror=f"file://{d}", security_mirror=f"file://{d}", keyring=f"{d}/key.gpg")
        check_recipe(text, "ubuntu", ["usr/share/test/bash", "etc/passwd", "usr/sbin/iptables"])


def ubuntu_repo():
    """A signed archive of three suites; all packages are in each."""
    for program in ("dpkg-deb", "gpg", "apt-get"):
        tool(program)
    d = f"{TMP}/ubuntu"
    os.makedirs(f"{d}/gpg", mode=0o700)
    env = dict(os.environ, HOME=d, GNUPGHOME=f"{d}/gpg")
    run("gpg", "--batch", "--quiet", "--passphrase", "", "--quick-gen-key", "ubuntu <t@example.org>", "rsa2048", "sign", "never", env=env)
    run("gpg", "--batch", "--output", f"{d}/key.gpg", "--export", env=env)
    os.chmod(f"{d}/key.gpg", 0o644)
    # what the recipe copies comes from these packages
    more = {"base-passwd": ["base-passwd/passwd.master", "base-passwd/group.master"], "base-files": ["base-files/profile"],
            "libc-bin": ["libc-bin/nsswitch.conf"]}
    index = ""
    for name in packages_of("ubuntu"):
        control = f"Package: {name}\nVersion: 1.0\nArchitecture: amd64\nMaintainer: t <t@example.org>\nDescription: test\n"
        write(control.encode(), f"{d}/tree-{name}/DEBIAN/control")
        for path in [f"test/{name}"] + more.get(name, []):
            write(b"x\n", f"{d}/tree-{name}/usr/share/{path}")
        deb = f"{d}/pool/{name}_1.0_amd64.deb"
        os.makedirs(f"{d}/pool", exist_ok=True)
        run("dpkg-deb", "--root-owner-group", "-Znone", "--build", f"{d}/tree-{name}", deb)
        data = read(deb)
        index += control + f"Filename: pool/{os.path.basename(deb)}\nSize: {len(data)}\nSHA256: {sha256(data)}\n\n"
    for suite in ("noble", "noble-updates", "noble-security"):
        release = f"Origin: Ubuntu\nSuite: {suite}\nCodename: noble\nArchitectures: amd64\nComponents: main universe\n"
        release += "Date: Thu, 25 Apr 2024 15:10:33 UTC\nSHA256:\n"
        for component in ("main", "universe"):
            data = index.encode() if component == "main" else b""
            write(data, f"{d}/dists/{suite}/{component}/binary-amd64/Packages")
            release += f" {sha256(data)} {len(data)} {component}/binary-amd64/Packages\n"
        write(release.encode(), f"{d}/dists/{suite}/Release")
        run("gpg", "--batch", "--clearsign", "--output", f"{d}/dists/{suite}/InRelease", f"{d}/dists/{suite}/Release", env=env)
    run("gpgconf", "--kill", "all", ok=False, env=env)
    return d


def main():
    global OSBUILDER
    OSBUILDER = shutil.copy(OSBUILDER, os.path.join(TMP, "osbuilder"))
    os.chmod(OSBUILDER, 0o755)
    os.mkdir(CACHE)
    if os.geteuid() == 0:
        os.chown(CACHE, UNPRIVILEGED, UNPRIVILEGED)
    oci_cases()
    apk_cases()
    rpm_cases()
    recipe_cases()
    print(f"1..{len(results)}")
    return 0 if all(results) else 1


if __name__ == "__main__":
    try:
        status = main()
    finally:
        shutil.rmtree(TMP, ignore_errors=True)
    sys.exit(status)
