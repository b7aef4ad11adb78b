# SPDX-License-Identifier: Apache-2.0
"""Package repositories for tests, made below a directory: apk and rpm ones with a key of their own, a signed Debian archive. And what
tests of sources have in common."""

import base64
import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile

from cases import run, tool


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



class ApkRepo:
    def __init__(self, top, name, key="test@example.org-1.rsa", sign="sha1"):
        self.openssl = tool("openssl")
        self.top = top
        self.dir, self.sign = os.path.join(top, name), sign
        os.makedirs(f"{self.dir}/x86_64")
        self.key, self.name = f"{top}/{key}", f"{key}.pub"
        if not os.path.exists(self.key):
            run(self.openssl, "genrsa", "-out", self.key, "2048")
            run(self.openssl, "rsa", "-in", self.key, "-pubout", "-out", f"{self.key}.pub")
            os.chmod(f"{self.key}.pub", 0o644)
        self.index = ""

    def signed(self, data):
        with tempfile.NamedTemporaryFile(dir=self.top) as f:
            f.write(data)
            f.flush()
            sig = subprocess.run([self.openssl, "dgst", f"-{self.sign}", "-sign", self.key, f.name], capture_output=True,
                                 check=True).stdout
        kind = "RSA" if self.sign == "sha1" else "RSA256"
        return gzip.compress(tar_of([(f".SIGN.{kind}.{self.name}", sig)], eoa=False), mtime=0) + data

    def add(self, name, version, files, depends="", provides="", change=None, tar=None):
        data = gzip.compress(tar or tar_of(files), mtime=0)
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
    """rpm-md, with packages that rpmbuild makes and gpg signs."""

    def __init__(self, top, name):
        for program in ("rpmbuild", "rpmsign", "rpmkeys", "createrepo_c", "gpg", "dnf"):
            tool(program)
        self.dir = os.path.join(top, name)
        self.key = f"{self.dir}/key.asc"
        os.makedirs(f"{self.dir}/repo")
        os.makedirs(f"{self.dir}/gpg", mode=0o700)
        self.env = dict(os.environ, HOME=self.dir, GNUPGHOME=f"{self.dir}/gpg")
        run("gpg", "--batch", "--quiet", "--passphrase", "", "--quick-gen-key", f"{name} <t@example.org>", "rsa2048", "sign",
            "never", env=self.env)
        run("gpg", "--batch", "--armor", "--output", self.key, "--export", env=self.env)

    def build(self, spec, *defines):
        """Everything that the text of a spec file makes."""
        path = write(spec.encode(), self.dir, "test.spec")
        run("rpmbuild", "--quiet", "-bb", "--define", f"_topdir {self.dir}/top", "--define", f"_rpmdir {self.dir}/repo", "--define",
            "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm", "--dbpath", f"{self.dir}/db",
            *(a for d in defines for a in ("--define", d)), path, env=self.env)
        return self

    def add(self, name, version, more="", owner="root", sign=True):
        self.build(SPEC.format(name=name, version=version, more=more, owner=owner))
        if sign:
            self.sign(f"{name}-{version}-1.noarch.rpm")
        return self

    def sign(self, *names):
        names = names or [n for n in os.listdir(f"{self.dir}/repo") if n.endswith(".rpm")]
        run("rpmsign", "--define", "_gpg_name t@example.org", "--define", f"__gpg {tool('gpg')}", "--addsign",
            *(f"{self.dir}/repo/{n}" for n in names), env=self.env)
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


def debian_archive(top, names, suites, components, more):
    """A signed archive with these packages in the first component of each suite. `more`: files below /usr/share of some of them."""
    for program in ("dpkg-deb", "gpg", "apt-get"):
        tool(program)
    d = f"{top}/debian-archive"
    os.makedirs(f"{d}/gpg", mode=0o700)
    env = dict(os.environ, HOME=d, GNUPGHOME=f"{d}/gpg")
    run("gpg", "--batch", "--quiet", "--passphrase", "", "--quick-gen-key", "archive <t@example.org>", "rsa2048", "sign", "never", env=env)
    run("gpg", "--batch", "--output", f"{d}/key.gpg", "--export", env=env)
    os.chmod(f"{d}/key.gpg", 0o644)
    index = ""
    for name in names:
        control = f"Package: {name}\nVersion: 1.0\nArchitecture: amd64\nMaintainer: t <t@example.org>\nDescription: test\n"
        write(control.encode(), f"{d}/tree-{name}/DEBIAN/control")
        for path in [f"test/{name}"] + more.get(name, []):
            write(b"x\n", f"{d}/tree-{name}/usr/share/{path}")
        deb = f"{d}/pool/{name}_1.0_amd64.deb"
        os.makedirs(f"{d}/pool", exist_ok=True)
        run("dpkg-deb", "--root-owner-group", "-Znone", "--build", f"{d}/tree-{name}", deb)
        data = read(deb)
        index += control + f"Filename: pool/{os.path.basename(deb)}\nSize: {len(data)}\nSHA256: {sha256(data)}\n\n"
    for suite in suites:
        release = f"Origin: Ubuntu\nSuite: {suite}\nCodename: test\nArchitectures: amd64\nComponents: {' '.join(components)}\n"
        release += "Date: Thu, 25 Apr 2024 15:10:33 UTC\nSHA256:\n"
        for component in components:
            data = index.encode() if component == components[0] else b""
            write(data, f"{d}/dists/{suite}/{component}/binary-amd64/Packages")
            release += f" {sha256(data)} {len(data)} {component}/binary-amd64/Packages\n"
        write(release.encode(), f"{d}/dists/{suite}/Release")
        run("gpg", "--batch", "--clearsign", "--output", f"{d}/dists/{suite}/InRelease", f"{d}/dists/{suite}/Release", env=env)
    run("gpgconf", "--kill", "all", ok=False, env=env)
    return d
