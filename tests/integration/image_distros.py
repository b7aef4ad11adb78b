#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The recipes of distributions that cannot be reached from everywhere, against repositories in the same format that this program
makes: packages with the same names, signed, in the shapes that the real ones have. For each: a build that resolves, a lock file, builds
from it without network or programs, the same bytes each time, and what is in the image."""

import json
import os
import re
import shutil
import sys
import tarfile
import tempfile
import time
import tomllib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import worlds  # noqa: E402
from cases import Skip, as_user, case, finish, run, scratch_dir, tool  # noqa: E402
from package_repos import ApkRepo, RpmRepo, debian_archive, expect, read, sha256  # noqa: E402

BIN = os.path.abspath(os.environ.get("KATA_BIN", "build/host/bin"))
AGENT = os.path.abspath(os.environ.get("KATA_AGENT", "build/guest/bin/kata-agent"))
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
EPOCH = "1700000000"
TMP = scratch_dir("image_distros")
os.chmod(TMP, 0o755)
OUTPUTS = ("i.img", "n.img", "i.img.manifest.json", "n.img.manifest.json", "i.img.spdx.json", "n.img.spdx.json", "root.tar")
count = 0


# ---- what the rpm packages hold ------------------------------------------------------------------------------------------

def base_files(merged):
    """Files of some packages: path -> (attributes of %files, content); content "->x" is a symbolic link, "=x" a hard link to x,
    "@x" a copy of this machine's file x, None a directory. Whatever is not named gets one file."""
    passwd = "root:x:0:0:root:/root:/bin/bash\nmail:x:8:12:mail:/var/spool/mail:/sbin/nologin\n"
    group = "root:x:0:\ntty:x:5:\nmail:x:12:\n"
    accounts = {"/etc/passwd": ("", passwd), "/etc/group": ("", group), "/etc/shadow": ("%attr(0000,root,root)", "root:*:::::::\n")}
    chrony = {
        "/usr/sbin/chronyd": ("%attr(0755,root,root)", "chronyd\n"),
        "/etc/chrony.conf": ("%config(noreplace)", "pool 2.pool.ntp.org iburst\ndriftfile /var/lib/chrony/drift\n"),
        "/etc/chrony.keys": ("%attr(0640,root,chrony)", "#keys\n"),
        "/usr/lib/sysusers.d/chrony.conf": ("", 'u chrony - "chrony system user" /var/lib/chrony /sbin/nologin\n'),
        "/usr/lib/systemd/system/chronyd.service": ("", "[Unit]\nDescription=NTP\n[Service]\nType=forking\n"
                                                    "ExecStart=/usr/sbin/chronyd -u chrony\n[Install]\nWantedBy=multi-user.target\n"),
        "/var/lib/chrony": ("%dir %attr(0750,chrony,chrony)", None),
    }
    systemd = {
        "/usr/lib/systemd/systemd": ("%attr(0755,root,root)", f"@{AGENT}"),
        "/usr/lib/systemd/system/basic.target": ("", "[Unit]\nDescription=Basic\n"),
        "/usr/lib/systemd/system/systemd-journald.service": ("", "[Unit]\nDescription=Journal\n"),
        "/usr/lib/systemd/system-preset/90-systemd.preset": ("", "enable chronyd.service\ndisable *\n"),
        "/usr/lib/sysusers.d/basic.conf": ("", "u root 0 \"Super User\" /root /bin/bash\ng mail 12\ng tty 5\nu nobody 65534 Nobody /\n"),
    }
    iproute = {"/usr/sbin/ip": ("%attr(0755,root,root)", "ip\n"), "/usr/bin/arping": ("%attr(0755,root,root) %caps(cap_net_raw=ep)", "a\n")}
    files = {
        "bash": {"/usr/bin/bash" if merged else "/bin/bash": ("%attr(0755,root,root)", "bash\n"),
                 "/usr/bin/sh" if merged else "/bin/sh": ("", "->bash"), "/usr/share/man/bash.1": ("%doc", "pruned\n")},
        "chrony": chrony,
        "coreutils": {"/usr/bin/ls": ("%attr(0755,root,root)", "ls\n"), "/usr/bin/dir": ("%attr(0755,root,root)", "=/usr/bin/ls"),
                      "/usr/share/empty": ("", "")},
        "iproute": iproute, "iproute2": iproute,
        "iptables-nft": {"/usr/sbin/xtables-nft-multi": ("%attr(0755,root,root)", "x\n"), "/usr/sbin/iptables": ("%ghost", "ghost\n"),
                         "/usr/sbin/iptables-nft": ("", "->xtables-nft-multi")},
        "util-linux": {"/usr/bin/write": ("%attr(2755,root,tty)", "write\n"), "/usr/bin/mount": ("%attr(4755,root,root)", "m\n")},
        "systemd": systemd, "systemd-sysvinit": {"/sbin/init": ("", "->../usr/lib/systemd/systemd")},
        "dbus": {"/usr/lib/systemd/system/dbus.socket": ("", "[Socket]\nListenStream=/run/dbus/system_bus_socket\n"),
                 "/usr/lib/sysusers.d/dbus.conf": ("", 'u dbus 81 "System Message Bus"\n'),
                 "/usr/libexec/dbus-launch": ("%attr(4750,root,dbus)", "d\n")},
        "netcfg": {"/etc/hosts": ("%config", "127.0.0.1 localhost\n")},
    }
    files["dbus-1"] = files["dbus"]
    if merged:
        files["setup"] = files["filesystem"] = accounts
        # the owner of the links that merge /usr is a package, and a file below /bin comes through them
        files["filesystem"] = dict(accounts, **{"/bin": ("", "->usr/bin"), "/sbin": ("", "->usr/sbin")})
        systemd["/usr/sbin/init"] = ("", "->../lib/systemd/systemd")
    else:
        files["system-user-nobody"] = {"/usr/lib/sysusers.d/system-user-nobody.conf": ("", "u nobody 65534 nobody /var/lib/nobody\n"),
                                       "/usr/lib/sysusers.d/system-group-hardware.conf": ("", "g tty 5\ng mail 12\n")}
        iproute["/var/spool/mail"] = ("%dir %attr(1777,root,mail)", None)
    return files


def spec_of(packages, files, payload):
    """A spec file with one binary package for each name."""
    out = ["Name: all", "Version: 1.0", "Release: 1", "Summary: test", "License: none", "AutoReqProv: no",
           "%define debug_package %{nil}", "%define __os_install_post %{nil}", f"%define _binary_payload {payload}", "%description", "test"]
    install, lists = ["%install"], []
    for name in packages:
        out += [f"%package -n {name}", "Summary: test", "AutoReqProv: no", *(["Epoch: 1"] if name == "kmod" else []),
                *(["Requires: kmod >= 1:1.0"] if name == "e2fsprogs" else []), f"%description -n {name}", "test",
                f"%post -n {name} -p <lua>", 'error("scripts are never run")']
        lists.append(f"%files -n {name}")
        own = files.get(name, {f"/usr/share/{name}/data": ("", f"{name}\n" * 1000)})
        for path, (attr, content) in own.items():
            lists.append(f"{attr} {path}")
            there = f"%{{buildroot}}{path}"
            install.append(f"mkdir -p {there if content is None else os.path.dirname(there)}")
            if content is None:
                continue
            if content.startswith("->"):
                install.append(f"ln -s {content[2:]} {there}")
            elif content.startswith("="):
                install.append(f"ln {there.replace(path, content[1:])} {there}")
            elif content.startswith("@"):
                install.append(f"cp {content[1:]} {there}")
            else:
                install.append(f"cat > {there} <<'END'\n{content}END" if content else f": > {there}")
    return "\n".join(out + install + lists) + "\n"


def rpm_repo(name, recipes, merged, payload):
    packages = sorted({p for r in recipes for p in wanted(r)})
    repo = RpmRepo(TMP, name)
    repo.build(spec_of(packages, base_files(merged), payload), "_target_cpu x86_64").sign().finish()
    return repo


# ---- recipes ---------------------------------------------------------------------------------------------------------------

def load(name):
    with open(f"{ROOT}/recipes/{name}/recipe.toml", "rb") as f:
        return tomllib.load(f)


def wanted(name):
    r = load(name)
    return next(s for s in r["source"] if "packages" in s)["packages"] + r.get("systemd", {}).get("packages", [])


def make_recipe(name, **values):
    """A copy of the recipe with other values for some keys of its source, in a directory that everybody may write."""
    d = shutil.copytree(f"{ROOT}/recipes/{name}", f"{TMP}/recipes/{name}")
    with open(f"{d}/recipe.toml", encoding="utf-8") as f:
        text = f.read()
    for key, value in values.items():
        text, n = re.subn(rf"^{key} = (\[[^]]*\]|\"[^\"]*\")$", lambda _: f"{key} = {json.dumps(value)}", text, flags=re.M)
        assert n == 1, f"{name}: {n} keys {key}"
    with open(f"{d}/recipe.toml", "w", encoding="utf-8") as f:
        f.write(text)
    for path in [d] + [os.path.join(d, f) for f in os.listdir(d)]:
        os.chmod(path, 0o777 if path == d else 0o644)
    return d


def osbuilder(command, recipe, cache, *argv, ok=True, env=None, **kw):
    full = dict(os.environ, OSBUILDER_CACHE=cache, TMPDIR=TMP, SOURCE_DATE_EPOCH=EPOCH, **(env or {}))
    return run(f"{TMP}/bin/osbuilder", command, "--recipe", recipe, "--arch", "x86_64", *argv, ok=ok, env=full, **{**as_user(), **kw})


def build(recipe, cache, *argv, ok=True, **kw):
    """All kinds of output of a recipe with an agent; their hashes, and the directory."""
    global count
    count += 1
    out = f"{TMP}/out{count}"
    os.mkdir(out)
    os.chmod(out, 0o777)
    p = osbuilder("build", recipe, cache, "--agent", f"{TMP}/bin/agent", "--image", f"{out}/i.img", "--initrd", f"{out}/n.img", "--tar",
                  f"{out}/root.tar", "--measured", "--no-dax", *argv, ok=ok, **kw)
    if not ok:
        assert p.returncode == 1 and os.listdir(out) == [], (p.returncode, p.stderr, os.listdir(out))
        return p.stderr, out
    names = OUTPUTS + tuple(n for n in os.listdir(out) if n.startswith("root_hash_"))
    assert len(names) == len(OUTPUTS) + 1, names
    return {n: sha256(read(out, n)) for n in names}, out


def new_cache():
    d = tempfile.mkdtemp(prefix="cache-", dir=TMP)
    os.chmod(d, 0o777)
    return d


def same_bytes(recipe, repo_dir, *argv):
    """Resolved, locked, locked again in another world, offline without repository and programs: the same bytes. The tar."""
    cache, other = new_cache(), new_cache()
    first, out = build(recipe, cache, *argv)
    lock = osbuilder("lock", recipe, cache, *argv).stdout.strip()
    text = read(lock)
    assert osbuilder("lock", recipe, cache, "--offline", *argv).stdout.strip() == lock and read(lock) == text
    who = {"user": 12345, "group": 12345} if os.geteuid() == 0 else {}
    second, _ = build(recipe, other, "--locked", *argv, cwd="/", **worlds.other(TMP), **who)
    assert second == first, [n for n in first if first[n] != second.get(n)]
    os.rename(repo_dir, repo_dir + ".away")
    try:
        third, _ = build(recipe, cache, "--locked", "--offline", *argv, env={"PATH": f"{TMP}/empty"})
    finally:
        os.rename(repo_dir + ".away", repo_dir)
    assert third == first, [n for n in first if first[n] != third.get(n)]
    os.unlink(lock)
    run(f"{TMP}/bin/osbuilder", "verify", "--root-hash-file", next(f"{out}/{n}" for n in first if n.startswith("root_hash_")), f"{out}/i.img")
    check_ext4(f"{out}/i.img")
    with tarfile.open(f"{out}/root.tar") as t:
        return {m.name.removeprefix("./").rstrip("/"): (m, t.extractfile(m).read() if m.isfile() else b"") for m in t}


def check_ext4(image):
    with open(f"{image}.manifest.json", encoding="utf-8") as f:
        part = json.load(f)["partitions"][0]
    with open(image, "rb") as f, open(f"{image}.fs", "wb") as o:
        f.seek(part["offset"])
        shutil.copyfileobj(f, o)
        o.truncate(part["size"])
    run(tool("e2fsck"), "-fn", f"{image}.fs")
    os.unlink(f"{image}.fs")


def account(tree, name, kind="passwd"):
    """The numbers of a user's or group's line."""
    line = next(x for x in tree[f"etc/{kind}"][1].decode().splitlines() if x.startswith(f"{name}:"))
    return [int(x) for x in line.split(":")[2:4] if x.isdigit()]


def check_common(tree, packages):
    for path in ("usr/bin/kata-agent", "var/lib/osbuilder/osbuilder.yaml", "etc/resolv.conf", "dev/null"):
        assert path in tree, path
    yaml = tree["var/lib/osbuilder/osbuilder.yaml"][1].decode()
    for p in packages:
        assert f'- "{p}"' in yaml, p


# ---- rpm distributions -------------------------------------------------------------------------------------------------------

def check_rpm(tree, name, systemd):
    merged = load(name).get("merge_usr", False)
    check_common(tree, ["bash", "chrony"])
    uid, gid = account(tree, "chrony")
    assert uid == gid == 999 and account(tree, "chrony", "group") == [999], (uid, gid)
    keys, var = tree["etc/chrony.keys"][0], tree["var/lib/chrony"][0]
    assert (keys.uid, keys.gid, keys.mode) == (0, gid, 0o640) and (var.uid, var.gid, var.mode) == (uid, gid, 0o750)
    write, mount = tree["usr/bin/write"][0], tree["usr/bin/mount"][0]
    assert (write.gid, write.mode) == (5, 0o2755) and mount.mode == 0o4755, (write.gid, write.mode)
    caps = tree["usr/bin/arping"][0].pax_headers["SCHILY.xattr.security.capability"].encode("utf-8", "surrogateescape")
    assert caps == bytes.fromhex("0100000200200000000000000000000000000000"), caps
    # the first name in the archive has the content
    links = [tree["usr/bin/dir"][0], tree["usr/bin/ls"][0]]
    assert sorted(m.islnk() for m in links) == [False, True], links
    assert tree["usr/share/empty"][1] == b"" and "usr/share/man/bash.1" not in tree
    conf = tree["etc/chrony.conf"][1].decode()
    assert "refclock PHC /dev/ptp0" in conf and "# pool 2.pool" in conf, conf
    for d in {"bin", "sbin", "lib"} & set(tree):
        assert tree[d][0].issym() == merged, d
    assert tree["usr/bin/sh" if merged else "bin/sh"][0].linkname == "bash"
    if "iptables-nft" in wanted(name):
        assert tree["usr/sbin/iptables"][0].linkname == "iptables-nft" and "usr/sbin/ip6tables" not in tree
    init = tree["usr/sbin/init" if merged else "sbin/init"][0].linkname
    assert init.endswith("systemd/systemd" if systemd else "kata-agent"), init
    if systemd:
        check_systemd(tree)


def check_systemd(tree):
    units = "usr/lib/systemd/system"
    assert f"{units}/kata-agent.service" in tree and f"{units}/systemd-journald.service" not in tree
    for link in ("basic.target.wants/kata-containers.target", "kata-containers.target.wants/dbus.socket",
                 "multi-user.target.wants/chronyd.service"):
        assert tree[f"etc/systemd/system/{link}"][0].issym(), link
    unit = tree[f"{units}/chronyd.service"][1].decode()
    assert "ConditionPathExists=/dev/ptp0" in unit and "-u chrony" not in unit, unit
    assert account(tree, "dbus") == [81, 81] and tree["usr/libexec/dbus-launch"][0].gid == 81


def rpm_cases():
    repos = {}

    def repo_of(name):
        key = "leap" if name == "opensuse" else "merged"
        if key not in repos:
            repos[key] = None  # a second try would fail alike
            recipes = ["opensuse"] if key == "leap" else ["fedora", "centos-stream", "azurelinux"]
            repos[key] = rpm_repo(key, recipes, key == "merged", "w7.xzdio" if key == "leap" else "w5.zstdio")
        if not repos[key]:
            raise Skip("no repository could be made")
        return repos[key]

    for name in ("fedora", "centos-stream", "azurelinux", "opensuse"):
        recipe = None

        @case(f"recipe {name}: resolved, locked, offline; the same bytes; users, capabilities, links")
        def _():
            nonlocal recipe
            repo = repo_of(name)
            recipe = make_recipe(name, repositories=[f"{repo.dir}/repo"], keys=[repo.key])
            check_rpm(same_bytes(recipe, f"{repo.dir}/repo"), name, False)

        @case(f"recipe {name} with systemd as init: the same")
        def _():
            if not recipe:
                raise Skip("no recipe could be made")
            repo = repo_of(name)
            check_rpm(same_bytes(recipe, f"{repo.dir}/repo", "--agent-init", "no"), name, True)


def drift_cases():
    @case("rpm: what the repository has no more, or with other content, is listed")
    def _():
        repo = RpmRepo(TMP, "drift").add("app", "1.0", "Requires: lib").add("lib", "1.0").finish()
        d = f"{TMP}/recipes/drift"
        os.makedirs(d)
        os.chmod(d, 0o777)
        with open(f"{d}/recipe.toml", "w", encoding="utf-8") as f:
            f.write('format = 1\nname = "drift"\n[agent]\npath = "/sbin/init"\n' + repo.source(["app"]))
        osbuilder("lock", d, new_cache())
        cache = new_cache()
        build(d, cache)
        os.unlink(f"{repo.dir}/repo/lib-1.0-1.noarch.rpm")
        repo.add("lib", "1.1").finish()
        build(d, cache)  # the cache has them
        for top, _, files in os.walk(cache):
            for f in files:
                os.utime(f"{top}/{f}", (time.time() + 60,) * 2)  # as if dnf had fetched its metadata only now
        p = osbuilder("lock", d, cache, "--check", ok=False)
        assert p.returncode == 1 and p.stdout == "- lib 1.0-1 noarch\n+ lib 1.1-1 noarch\n", p.stdout
        expect(p.stderr, "lock-x86_64.toml' is not what the archives have now: 2 changes")
        said, _ = build(d, new_cache(), ok=False)
        expect(said, "source rpm: 1 package cannot be had as wanted: lib 1.0-1 noarch (")
        said, _ = build(d, new_cache(), "--offline", ok=False)
        expect(said, "the cache lacks 2 packages (the first is app 1.0-1), and --offline forbids fetching")
        with open(f"{d}/recipe.toml", "a", encoding="utf-8") as f:
            f.write('release = "9"\n')
        said, _ = build(d, cache, ok=False)
        expect(said, "the recipe asks for something else than ")
        expect(said, ": +9\n")


# ---- the others ----------------------------------------------------------------------------------------------------------------

def other_cases():
    @case("recipe alpine: resolved, locked, offline; the same bytes")
    def _():
        r = ApkRepo(TMP, "apk-alpine")
        for p in wanted("alpine"):
            r.add(p, "1.0-r0", [(f"usr/share/{p}", b"x"), (f"usr/share/man/{p}", b"pruned")])
        r.finish()
        tree = same_bytes(make_recipe("alpine", repositories=[r.dir], keys=[f"{r.key}.pub"]), r.dir)
        check_common(tree, ["bash", "busybox"])
        assert tree["bin/ls"][0].linkname == "busybox" and "usr/share/musl" in tree and "usr/share/man/musl" not in tree

    @case("recipe ubuntu: resolved, locked, offline; the same bytes")
    def _():
        more = {"base-passwd": ["base-passwd/passwd.master", "base-passwd/group.master"], "base-files": ["base-files/profile"],
                "libc-bin": ["libc-bin/nsswitch.conf"]}
        d = debian_archive(TMP, wanted("ubuntu"), ("noble", "noble-updates", "noble-security"), ("main", "universe"), more)
        recipe = make_recipe("ubuntu", mirror=f"file:{d}", security_mirror=f"file:{d}", keyring=f"{d}/key.gpg")
        tree = same_bytes(recipe, d)
        check_common(tree, ["bash", "iptables"])
        assert "usr/share/test/bash" in tree and "etc/passwd" in tree and tree["usr/sbin/iptables"][0].issym()


# ---- osbuilder new ---------------------------------------------------------------------------------------------------------------

def new(name, source, **values):
    """A recipe that `osbuilder new` started, built; the tree. `values` replace keys of its source."""
    top = f"{TMP}/new"
    os.makedirs(top, exist_ok=True)
    os.chmod(top, 0o777)
    p = run(f"{TMP}/bin/osbuilder", "new", "--from", source, "--recipes", top, name, **as_user())
    assert p.stdout == f"{top}/{name}/recipe.toml\n", p.stdout
    with open(f"{top}/{name}/recipe.toml", encoding="utf-8") as f:
        text = f.read()
    for key, value in values.items():
        text, n = re.subn(rf"^{key} = .*$", lambda _: f"{key} = {json.dumps(value)}", text, flags=re.M)
        if not n:  # a key that has a default
            text = text.replace(f'type = "{source}"\n', f'type = "{source}"\n{key} = {json.dumps(value)}\n')
    if values:
        os.unlink(f"{top}/{name}/recipe.toml") if os.geteuid() == 0 else None
        with open(f"{top}/{name}/recipe.toml", "w", encoding="utf-8") as f:
            f.write(text)
    _, out = build(f"{top}/{name}", new_cache())
    with tarfile.open(f"{out}/root.tar") as t:
        return [m.name.removeprefix("./").rstrip("/") for m in t]


def new_cases():
    @case("osbuilder new --from dir builds as it is; the name is checked, an existing one refused")
    def _():
        names = new("mine", "dir")
        assert {"etc/hosts", "etc/hostname", "sbin/init", "usr/bin/kata-agent"} <= set(names), names
        for name, said in (("mine", "exists already"), ("../mine", "is no name for a recipe")):
            p = run(f"{TMP}/bin/osbuilder", "new", "--recipes", f"{TMP}/new", name, ok=False)
            assert p.returncode == 1 and said in p.stderr, p.stderr
        assert os.listdir(f"{TMP}/new") == ["mine"], os.listdir(f"{TMP}/new")

    @case("osbuilder new --from deb, rpm and apk, with repositories that hold these packages")
    def _():
        names = ["base-files", "base-passwd", "bash", "coreutils", "mount"]
        d = debian_archive(f"{TMP}/new", names, ("bookworm",), ("main",), {})
        assert "usr/share/test/mount" in new("deb", "deb", mirror=f"file:{d}", keyring=f"{d}/key.gpg")
        r = ApkRepo(f"{TMP}/new", "apk-repo")
        for p in ("alpine-baselayout", "bash", "busybox", "busybox-binsh", "musl"):
            r.add(p, "1.0-r0", [(f"usr/share/{p}", b"x")])
        r.finish()
        assert "usr/share/musl" in new("apk", "apk", repositories=[r.dir], keys=[f"{r.key}.pub"])
        r = RpmRepo(f"{TMP}/new", "rpm-repo")
        r.build(spec_of(["bash", "coreutils", "setup", "util-linux"], {}, "w1.gzdio"), "_target_cpu x86_64").sign().finish()
        assert "usr/share/setup/data" in new("rpm", "rpm", repositories=[f"{r.dir}/repo"], keys=[r.key])


def main():
    for d in ("bin", "recipes", "empty"):
        os.mkdir(f"{TMP}/{d}")
    os.chmod(TMP, 0o777)
    for path, name in ((f"{BIN}/osbuilder", "osbuilder"), (AGENT, "agent")):
        os.chmod(shutil.copy(path, f"{TMP}/bin/{name}"), 0o755)
    rpm_cases()
    drift_cases()
    other_cases()
    new_cases()


if __name__ == "__main__":
    main()
    finish()
