#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""osbuilder build, looked at with foreign tools: recipes agent, debian and busybox as an ordinary user, twice, the same
bytes; and what must be refused."""

import gzip
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cases import Skip, UNPRIVILEGED, as_user, case, described_sha512, finish, run, scratch_dir, tool  # noqa: E402
from images import initrd_names, partition, sha512  # noqa: E402

BIN = os.path.abspath(os.environ.get("KATA_BIN", "build/host/bin"))
AGENT = os.path.abspath(os.environ.get("KATA_AGENT", "build/guest/bin/kata-agent"))
BUILD = os.path.abspath(os.environ.get("KATA_BUILD", "build"))
OSBUILDER = os.path.join(BIN, "osbuilder")
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
EPOCH = "1700000000"

def build(recipe, out, *extra, ok=True, agent=None, umask=0o022, user=True):
    # what differs between two builds: umask, place of temporary files, time zone
    env = dict(os.environ, OSBUILDER_CACHE=CACHE, TMPDIR=out, TZ="UTC" if umask == 0o022 else "Asia/Tokyo")
    argv = [OSBUILDER, "build", "--recipe", recipe, "--agent", agent or TEST_AGENT, "--arch", "x86_64",
            "--image", f"{out}/kata-containers.img", "--initrd", f"{out}/kata-containers-initrd.img",
            "--source-date-epoch", EPOCH, *extra]
    return run(*argv, ok=ok, cwd=ROOT, env=env, umask=umask, **(as_user() if user else {}))


def build_rootfs(recipe, out, *extra, ok=True, user=True, umask=0o022):
    env = dict(os.environ, OSBUILDER_CACHE=CACHE, TMPDIR=os.path.dirname(out))
    argv = [OSBUILDER, "build", "--recipe", recipe, "--arch", "x86_64", "--rootfs", out, "--source-date-epoch", EPOCH, *extra]
    return run(*argv, ok=ok, cwd=ROOT, env=env, umask=umask, **(as_user() if user else {}))


def listing(top):
    """Everything about a directory that a build decides, one line an entry."""
    lines = []
    for path, dirs, files in os.walk(top):
        for name in ["."] + files + [d for d in dirs if os.path.islink(os.path.join(path, d))]:
            full = os.path.normpath(os.path.join(path, name))
            st = os.lstat(full)
            what = os.readlink(full) if stat.S_ISLNK(st.st_mode) else sha512(full) if stat.S_ISREG(st.st_mode) else ""
            lines.append(f"{os.path.relpath(full, top)} {st.st_mode:o} {st.st_uid}:{st.st_gid} {st.st_mtime_ns} "
                         f"{st.st_nlink if not stat.S_ISDIR(st.st_mode) else '-'} {what}")
    return sorted(lines)


def offline(p):
    """Why a build that needs packages cannot be had here; None when it failed for another reason, or did not."""
    if p.returncode and "apt: " in p.stderr and ("Failed to fetch" in p.stderr or "resolv" in p.stderr):
        return f"no Debian mirror can be reached: {p.stderr.strip()}"
    return None


def out_dir(name):
    d = os.path.join(TMP, name)
    os.mkdir(d)
    if os.geteuid() == 0:
        os.chown(d, UNPRIVILEGED, UNPRIVILEGED)
    return d


def debugfs(part, cmd):
    return run(tool("debugfs"), "-R", cmd, part).stdout


def check_manifest(path, kind):
    with open(path + ".manifest.json", encoding="utf-8") as f:
        m = json.load(f)
    assert m["format"] == 1 and m["kind"] == kind and m["architecture"] == "x86_64", m
    assert m["size"] == os.path.getsize(path) and m["sha512"] == described_sha512(path, m["sha512_size"]), m
    if kind == "image":
        end = m["partitions"][-1]
        assert m["sha512_size"] == end["offset"] + end["size"], m
    else:
        assert m["sha512_size"] == m["size"], m
    with open(TEST_AGENT, "rb") as f:
        assert m["agent"]["sha256"] == hashlib.sha256(f.read()).hexdigest()
    assert m["source_date_epoch"] == int(EPOCH)
    return m


def no_leftovers(d):
    assert not [n for n in os.listdir(d) if n.startswith(".tmp-")], os.listdir(d)


TMP = scratch_dir("image_build")
os.chmod(TMP, 0o755)
TEST_AGENT = os.path.join(TMP, "kata-agent")
# The packages are kept between runs of the tests, like those of the build itself, but the user may be another.
CACHE = os.path.join(os.environ.get("OSBUILDER_CACHE") or os.path.join(BUILD, "cache"), "test-image-build")


def main():
    shutil.copy(AGENT, TEST_AGENT)
    os.chmod(TEST_AGENT, 0o755)
    global OSBUILDER
    # the build tree may lie where other users cannot look
    OSBUILDER = shutil.copy(OSBUILDER, os.path.join(TMP, "osbuilder"))
    os.chmod(OSBUILDER, 0o755)
    global CACHE
    if os.geteuid() == 0:
        CACHE = os.path.join(TMP, "cache")
        os.mkdir(CACHE)
        os.chown(CACHE, UNPRIVILEGED, UNPRIVILEGED)
    one, two, deb, deb2 = (out_dir(n) for n in ("agent1", "agent2", "debian1", "debian2"))

    @case("recipe agent builds as an ordinary user")
    def _():
        build("agent", one)
        no_leftovers(one)
        m = check_manifest(f"{one}/kata-containers.img", "image")
        assert m["packages"] == [] and m["filesystem"] == "ext4" and m["dax"] is True, m
        check_manifest(f"{one}/kata-containers-initrd.img", "initrd")

    @case("agent image: partitions, e2fsck, /sbin/init")
    def _():
        part = partition(f"{one}/kata-containers.img")
        run(tool("e2fsck"), "-fn", part)
        ls = debugfs(part, "ls -l /sbin")
        assert re.search(r"100755 \(1\)\s+0\s+0\s+%d .* init" % os.path.getsize(TEST_AGENT), ls), ls
        stat = debugfs(part, "stat /dev/console")
        assert "Type: character special" in stat and "05:01" in stat, stat
        assert "Mode:  01777" in debugfs(part, "stat /tmp")
        got = os.path.join(one, "init")
        debugfs(part, f"dump /sbin/init {got}")
        assert sha512(got) == sha512(TEST_AGENT)

    @case("agent initrd: cpio lists it, /init is there")
    def _():
        names = initrd_names(f"{one}/kata-containers-initrd.img")
        for want in ("init", "sbin/init", "dev/console", "proc", "sys", "etc/resolv.conf"):
            assert want in names, names

    @case("a second build of recipe agent gives the same bytes under another umask, place and time zone")
    def _():
        build("agent", two, umask=0o077)
        for name in sorted(os.listdir(two)):
            assert sha512(f"{one}/{name}") == sha512(f"{two}/{name}"), name

    @case("osbuilder inspect accepts both and refuses a changed byte")
    def _():
        out = run(OSBUILDER, "inspect", f"{one}/kata-containers.img").stdout
        assert "kind: image\n" in out and "filesystem: ext4\n" in out, out
        out = run(OSBUILDER, "inspect", f"{one}/kata-containers-initrd.img").stdout
        assert "kind: initrd\n" in out, out
        bad = os.path.join(TMP, "changed.img")
        shutil.copy(f"{one}/kata-containers.img", bad)
        shutil.copy(f"{one}/kata-containers.img.manifest.json", bad + ".manifest.json")
        with open(bad, "r+b") as f:
            f.seek(-1, 2)
            f.write(b"x")
        p = run(OSBUILDER, "inspect", bad, ok=False)
        assert p.returncode == 1 and "its SHA-512 is not the one of its manifest" in p.stderr, p.stderr

    network = True

    @case("recipe debian builds as an ordinary user")
    def _():
        nonlocal network
        network = False
        p = build("debian", deb, ok=False)
        if offline(p):
            raise Skip(offline(p))
        assert p.returncode == 0, p.stderr
        network = True
        no_leftovers(deb)
        m = check_manifest(f"{deb}/kata-containers.img", "image")
        names = {pkg["name"] for pkg in m["packages"]}
        assert {"bash", "libc6", "iptables", "kmod"} <= names and "dpkg" not in names, names
        assert m["agent"]["init"] is True and m["agent"]["path"] == "/usr/bin/kata-agent", m
        assert all(re.fullmatch(r"[0-9a-f]{64}", pkg["sha256"]) for pkg in m["packages"])

    @case("debian image: e2fsck, merged /usr, accounts, summary, links")
    def _():
        if not network:
            raise Skip("recipe debian was not built")
        part = partition(f"{deb}/kata-containers.img")
        run(tool("e2fsck"), "-fn", part)
        assert 'Fast link dest: "usr/bin"' in debugfs(part, "stat /bin")
        assert 'Fast link dest: "/usr/bin/kata-agent"' in debugfs(part, "stat /usr/sbin/init")
        assert "Mode:  0755" in debugfs(part, "stat /usr/bin/bash")
        assert "root:x:0:0:" in debugfs(part, "cat /etc/passwd")
        assert "root:*:" in debugfs(part, "cat /etc/shadow")
        assert 'Fast link dest: "/etc/alternatives/iptables"' in debugfs(part, "stat /usr/sbin/iptables")
        assert 'Fast link dest: "/usr/sbin/iptables-nft"' in debugfs(part, "stat /etc/alternatives/iptables")
        summary = debugfs(part, "cat /var/lib/osbuilder/osbuilder.yaml")
        assert 'rootfs-creation-time: "2023-11-14T22:13:20' in summary and '- "iptables"' in summary, summary
        assert "File not found" in run(tool("debugfs"), "-R", "stat /usr/share/doc", part).stderr

    @case("debian initrd: programs run in it")
    def _():
        if not network:
            raise Skip("recipe debian was not built")
        if os.geteuid() != 0:
            raise Skip("chroot needs root")
        root = os.path.join(TMP, "root")
        os.mkdir(root)
        with gzip.open(f"{deb}/kata-containers-initrd.img") as f:
            data = f.read()
        path = os.path.join(TMP, "cpio")
        with open(path, "wb") as f:
            f.write(data)
        with open(path, "rb") as f:
            subprocess.run(["sh", "-c", "while cpio -idm --quiet 2>/dev/null; do :; done"], cwd=root, stdin=f,
                           check=False)
        for argv, want in ((["/bin/sh", "-c", "echo $((6*7))"], "42"), (["/usr/bin/id", "-un"], "root"),
                           (["/sbin/ip", "-V"], "iproute2"), (["/usr/sbin/iptables", "--version"], "nf_tables"),
                           (["/sbin/modprobe", "--version"], "kmod"), (["/usr/bin/awk", "BEGIN{print 7}"], "7")):
            out = run(tool("chroot"), root, *argv).stdout
            assert want in out, (argv, out)

    @case("a second build of recipe debian, offline, gives the same bytes")
    def _():
        if not network:
            raise Skip("recipe debian was not built")
        build("debian", deb2, "--offline", umask=0o077)
        for name in sorted(os.listdir(deb2)):
            assert sha512(f"{deb}/{name}") == sha512(f"{deb2}/{name}"), name

    rootfs_cases()
    refusals(one)


def rootfs_cases():
    out = out_dir("rootfs")
    first, second = f"{out}/busybox", f"{out}/again"
    built = False

    @case("recipe busybox becomes a directory, as an ordinary user and without an agent")
    def _():
        nonlocal built
        p = build_rootfs("busybox", first, ok=False)
        if offline(p):
            raise Skip(offline(p))
        assert p.returncode == 0 and not p.stderr, p.stderr
        built = True
        assert os.listdir(out) == ["busybox"], os.listdir(out)
        names = sorted(os.listdir(first))
        assert names == ["bin", "dev", "etc", "proc", "root", "run", "sys", "tmp", "var"], names
        st = os.lstat(f"{first}/bin/busybox")
        uid = UNPRIVILEGED if os.geteuid() == 0 else os.geteuid()
        assert stat.S_IMODE(st.st_mode) == 0o755 and st.st_uid == uid, st
        assert stat.S_IMODE(os.lstat(f"{first}/tmp").st_mode) == 0o1777
        for applet in "sh ls cat echo ps free uname sleep true id mount env dd sha256sum awk date df".split():
            assert os.readlink(f"{first}/bin/{applet}") == "busybox", applet
        others = [n for n in os.listdir(f"{first}/bin") if not os.path.islink(f"{first}/bin/{n}")]
        assert others == ["busybox"], others
        with open(f"{first}/etc/passwd", encoding="utf-8") as f:
            assert f.read() == "root:x:0:0:root:/root:/bin/sh\n"
        newest = max(int(line.split()[3]) for line in listing(first))
        assert newest <= int(EPOCH) * 10**9, newest

    @case("every name in busybox's /bin is one that the program knows, and it runs in the directory")
    def _():
        if not built:
            raise Skip("recipe busybox was not built")
        knows = set(run(f"{first}/bin/busybox", "--list").stdout.split())
        assert set(os.listdir(f"{first}/bin")) <= knows, set(os.listdir(f"{first}/bin")) - knows
        if os.geteuid() != 0:
            raise Skip("chroot needs root")
        got = run(tool("chroot"), first, "/bin/sh", "-c", "id -un; echo $((6*7)) | sed s/4/5/; ls /bin | grep -c .",
                  env={"PATH": "/bin"}).stdout.split()
        assert got == ["root", "52", str(len(os.listdir(f"{first}/bin")))], got

    @case("a second directory, offline and under another umask, is the same")
    def _():
        if not built:
            raise Skip("recipe busybox was not built")
        build_rootfs("busybox", second, "--offline", umask=0o077)
        assert listing(first) == listing(second), set(listing(first)) ^ set(listing(second))

    @case("built by root the directory is root's")
    def _():
        if not built:
            raise Skip("recipe busybox was not built")
        if os.geteuid() != 0:
            raise Skip("needs root")
        build_rootfs("busybox", f"{out}/root", "--offline", user=False)
        assert {line.split()[2] for line in listing(f"{out}/root")} == {"0:0"}

    @case("a directory that exists is refused and stays as it is")
    def _():
        if not built:
            raise Skip("recipe busybox was not built")
        before = listing(first)
        p = build_rootfs("busybox", first, "--offline", ok=False)
        assert p.returncode == 1 and p.stderr == \
            f"osbuilder: '{first}' exists already\nhint: remove it, or choose another name\n", p.stderr
        assert listing(first) == before
        no_leftovers(out)

    @case("recipe agent as a directory: root has its devices, others are told")
    def _():
        d = out_dir("rootfs-agent")
        p = build_rootfs("agent", f"{d}/user", "--agent", TEST_AGENT, ok=False)
        assert p.returncode == 1 and os.listdir(d) == [], (p, os.listdir(d))
        assert p.stderr == ("osbuilder: /dev/console: cannot make the character device as an ordinary user: "
                            "Operation not permitted\n"), p.stderr
        if os.geteuid() != 0:
            raise Skip("the other half needs root")
        build("agent", d, "--rootfs", f"{d}/root", user=False)
        st = os.lstat(f"{d}/root/dev/console")
        assert stat.S_ISCHR(st.st_mode) and st.st_rdev == os.makedev(5, 1), st
        assert sha512(f"{d}/root/sbin/init") == sha512(TEST_AGENT)
        # the initrd of the same run has /init, which is nothing for a directory
        assert not os.path.lexists(f"{d}/root/init") and "init" in initrd_names(f"{d}/kata-containers-initrd.img")


def refusals(good_dir):
    def recipe(name, text):
        d = os.path.join(TMP, "recipe-" + name)
        os.mkdir(d)
        with open(f"{d}/recipe.toml", "w", encoding="utf-8") as f:
            f.write(text)
        return d

    head = 'format = 1\nname = "x"\n[agent]\npath = "/sbin/init"\n'
    dynamic = shutil.which("true")
    evil = os.path.join(TMP, "evil.tar")
    import io
    import tarfile
    with tarfile.open(evil, "w") as t:
        i = tarfile.TarInfo("../../etc/evil")
        i.size = 1
        t.addfile(i, io.BytesIO(b"x"))
    cases = [
        ("missing agent", ["agent"], {"agent": "/nonexistent/agent"},
         "agent '/nonexistent/agent': No such file or directory"),
        ("dynamic agent", ["agent"], {"agent": dynamic}, "is not statically linked"),
        ("unknown recipe", ["nosuch"], {}, "unknown recipe 'nosuch'"),
        ("unknown key", [recipe("key", head + "colour = 1\n")], {}, "recipe.toml:5: agent.colour: unknown key"),
        ("broken TOML", [recipe("toml", head + "x = [\n")], {}, "recipe.toml:"),
        ("hostile tar", [recipe("tar", head + f'[[source]]\ntype = "tar"\npath = "{evil}"\n')], {},
         "entry '../../etc/evil': path contains '..'"),
        ("architecture", ["agent", "--arch", "aarch64"], {}, "is for x86_64, the image is for aarch64"),
        ("image without an agent", ["busybox"], {}, "recipe 'busybox' has no agent: only --rootfs and --tar can be made of it"),
        ("bad epoch", ["agent", "--source-date-epoch", "yesterday"], {}, "--source-date-epoch: 'yesterday'"),
        ("bad file system", ["agent", "--fs", "ntfs"], {}, "unknown file system 'ntfs'"),
        ("unknown option", ["agent", "--frobnicate"], {}, "unknown option '--frobnicate'"),
    ]
    for name, args, kw, message in cases:
        @case(f"refused with one line, nothing written: {name}")
        def _():
            d = out_dir("refuse-" + name.replace(" ", "-"))
            p = build(args[0], d, *args[1:], ok=False, **kw)
            assert p.returncode == 1, p
            assert message in p.stderr and re.fullmatch(r"osbuilder: .+\n(hint: .+\n)?", p.stderr), p.stderr
            assert os.listdir(d) == [], os.listdir(d)

    @case("osbuilder build without an output, and without the agent it needs")
    def _():
        p = run(OSBUILDER, "build", "--recipe", "agent", ok=False, cwd=ROOT)
        assert p.returncode == 1, p
        assert p.stderr == "osbuilder: build: --image, --initrd, --rootfs or --tar is missing\n", p.stderr
        p = run(OSBUILDER, "build", "--recipe", "agent", "--rootfs", f"{TMP}/never", ok=False, cwd=ROOT)
        assert p.returncode == 1, p
        assert p.stderr.startswith("osbuilder: recipe 'agent' has an agent: --agent is missing\nhint: "), p.stderr
        assert not os.path.exists(f"{TMP}/never")

    @case("extended attributes in an initrd: refused, or left out when the recipe says so")
    def _():
        tar = os.path.join(TMP, "caps.tar")
        with tarfile.open(tar, "w", format=tarfile.PAX_FORMAT) as t:
            i = tarfile.TarInfo("usr/bin/ping")
            i.size, i.mode = 1, 0o755
            i.pax_headers = {"SCHILY.xattr.user.note": "kept"}
            t.addfile(i, io.BytesIO(b"x"))
        text = head + f'[[source]]\ntype = "tar"\npath = "{tar}"\n'
        d = out_dir("refuse-xattrs")
        p = build(recipe("xattrs", text), d, ok=False)
        assert p.returncode == 1 and os.listdir(d) == [], p
        assert p.stderr == ("osbuilder: initrd (the recipe may allow it by initrd.drop_xattrs): /usr/bin/ping: "
                            'cpio newc cannot store its extended attribute "user.note"\n'), p.stderr
        build(recipe("xattrs2", text + "[initrd]\ndrop_xattrs = true\n"), d)
        assert "usr/bin/ping" in initrd_names(f"{d}/kata-containers-initrd.img")
        part = partition(f"{d}/kata-containers.img")  # the image has it
        assert 'kept' in debugfs(part, "ea_get /usr/bin/ping user.note")

    @case("an image that exists stays when a build fails")
    def _():
        before = sha512(f"{good_dir}/kata-containers.img")
        p = build("agent", good_dir, ok=False, agent="/nonexistent")
        assert p.returncode == 1 and sha512(f"{good_dir}/kata-containers.img") == before


if __name__ == "__main__":
    main()
    finish()
