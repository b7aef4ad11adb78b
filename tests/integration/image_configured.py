#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Debian root whose package scripts never ran, compared entry by entry with one that mmdebstrap configured by running them.

Every difference that may be is listed here with its reason; any other fails. Needs mmdebstrap and a Debian mirror, else skipped.
Environment: KATA_AGENT, KATA_BIN.
"""

import os
import re
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cases import Skip, case, finish, run, scratch_dir, tool  # noqa: E402

OSBUILDER = os.path.abspath(os.path.join(os.environ.get("KATA_BIN", "build/host/bin"), "osbuilder"))
AGENT = os.path.abspath(os.environ.get("KATA_AGENT", "build/guest/bin/kata-agent"))
TMP = scratch_dir("image_configured")
HOOKS = "/usr/share/mmdebstrap/hooks/merged-usr"
PACKAGES = "systemd,systemd-sysv,iptables,chrony,kmod,libseccomp2,dbus,usr-is-merged,iproute2,e2fsprogs,netbase,ca-certificates"

RECIPE = """format = 1
name = "configured"
merge_usr = true
[agent]
path = "/usr/bin/kata-agent"
init = "systemd"
[systemd]
trim = false
disable = ["chrony-wait.service", "reboot.target", "remote-*setup.target", "systemd-network-generator.service", "systemd-networkd*",
	"systemd-sysext.service"]
[[source]]
type = "deb"
suites = ["bookworm"]
components = ["main"]
packages = [%s]
[[user]]
name = "_chrony"
gecos = "Chrony daemon"
home = "/var/lib/chrony"
[[owner]]
path = "/etc/chrony/chrony.keys"
group = "_chrony"
mode = "0640"
[[owner]]
path = "/var/lib/chrony"
user = "_chrony"
group = "_chrony"
mode = "0750"
[[owner]]
path = "/usr/lib/dbus-1.0/dbus-daemon-launch-helper"
group = "messagebus"
mode = "4754"
"""

# Only in the configured root: pattern, reason.
ABSENT = [
    (r"/var/lib/(dpkg|apt|ucf|pam|shells\.state)(/.*)?", "records of dpkg, apt, ucf, pam-auth-update, update-shells"),
    (r"/var/cache/.*", "caches of tools"),
    (r"/var/lib/systemd/(deb-systemd-helper-.*|catalog(/.*)?)", "records of deb-systemd-helper, compiled message catalog"),
    (r"/etc/(passwd|group|shadow|gshadow)-|/etc/\.pwd\.lock|/etc/security/opasswd", "backups, locks and old passwords"),
    (r"/etc/ssl/certs/[0-9a-f]{8}\.\d", "names by hash: OpenSSL finds the bundle, which is there"),
    (r"/etc/alternatives/.*\.gz|/usr/share/(man|info)/.*", "manual pages"),
    (r"/etc/rc.\.d/.*", "System V's init"),
    (r"/etc/ld\.so\.cache", "speeds up loading; all libraries are where the loader looks without it"),
    (r"/etc/(apt/sources\.list|hostname|fstab)", "mmdebstrap's own, or the recipe's"),
    (r"/etc/(ca-certificates\.conf|modules)|/usr/local/share/ca-certificates", "settings of tools that a guest does not run"),
    (r"/etc/apparmor\.d/local(/.*)?", "empty includes of AppArmor profiles"),
    (r"/var/log/faillog|/run/lock/subsys", "made by programs when they need them"),
    (r"/dev(/.*)?", "devtmpfs is mounted there"),
]
# Only in ours.
ADDED = [
    (r"/(usr/bin/kata-agent|usr/lib/systemd/system/kata-(agent|containers)\..*|var/lib/osbuilder(/.*)?)", "the agent"),
    (r"/etc/systemd/system/(basic|kata-containers)\.target\.wants(/.*)?|/etc/systemd/system/tmp\.mount", "the agent"),
    (r"/var/lib/dbus/machine-id", "tmpfiles.d of dbus, which mmdebstrap removes"),
]
# In both, but not alike: pattern, what may differ, reason.
CHANGED = [
    (r"/etc/(passwd|group|shadow|gshadow)", "content", "ids of system accounts are found from above; days of passwords"),
    (r"/etc/chrony/chrony\.conf|/usr/lib/systemd/system/chrony\.service", "content", "the guest's clock is the host's"),
    (r"/etc/resolv\.conf", "content mode", "the builder's file against an empty one"),
    (r"/etc/machine-id", "content mode", "a guest gets its own"),
    (r"/(proc|sys)", "mode", "mounted over"),
    (r"/var/(run|tmp)", "type target mode", "links as upstream's builder lays them"),
]


class Root:
    def __init__(self, path):
        self.tar = tarfile.open(path)
        self.entries = {}
        for m in self.tar:
            name = "/" + m.name.lstrip("./").rstrip("/")
            # Debian's packages have /bin, /sbin and /lib, which are links into /usr
            self.entries["/usr" + name if re.match(r"/(bin|sbin|lib|lib64)/", name) else name] = m
        self.users, self.groups = (dict((line.split(":")[2], line.split(":")[0]) for line in self.text(f).splitlines())
                                   for f in ("/etc/passwd", "/etc/group"))

    def bytes(self, name):
        m = self.entries[name]
        return self.tar.extractfile(m).read()

    def text(self, name):
        return self.bytes(name).decode()

    def type(self, m):
        return "file" if m.isreg() or m.islnk() else m.type

    def owner(self, m):
        return self.users.get(str(m.uid), m.uid), self.groups.get(str(m.gid), m.gid)


def target(m):
    return re.sub(r"^/lib/systemd/", "/usr/lib/systemd/", m.linkname)


def differences(a, b, name):
    x, y = a.entries[name], b.entries[name]
    found = set()
    if a.type(x) != b.type(y):
        found.add("type")
    elif x.issym() and target(x) != target(y):
        found.add("target")
    elif a.type(x) == "file" and a.bytes(name) != b.bytes(name):
        found.add("content")
    if not x.issym() and x.mode != y.mode:
        found.add("mode")
    if a.owner(x) != b.owner(y):
        found.add("owner")
    return found


def expected(table, name):
    return next((row for row in table if re.fullmatch(row[0], name)), None)


def make_configured():
    tool("mmdebstrap")
    if not os.path.isdir(HOOKS):
        raise Skip(f"no {HOOKS}")
    p = subprocess.run(["mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", f"--hook-dir={HOOKS}", "bookworm", f"{TMP}/want.tar",
                        "deb http://deb.debian.org/debian bookworm main"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       check=False)
    if p.returncode:
        raise Skip("mmdebstrap cannot make a root here: " + p.stderr.strip().splitlines()[-1][:200])
    return Root(f"{TMP}/want.tar")


def make_ours(names):
    os.mkdir(f"{TMP}/recipe")
    with open(f"{TMP}/recipe/recipe.toml", "w", encoding="utf-8") as f:
        f.write(RECIPE % ", ".join(f'"{n}"' for n in names))
    run(OSBUILDER, "build", "--recipe", f"{TMP}/recipe", "--arch", "x86_64", "--agent", AGENT, "--tar", f"{TMP}/have.tar")
    return Root(f"{TMP}/have.tar")


@case("a root without package scripts is as one with them, but for what is listed")
def _():
    want = make_configured()
    names = re.findall(r"^Package: (.*)$", want.text("/var/lib/dpkg/status"), re.M)
    have = make_ours(names)
    bad = [f"missing: {n}" for n in sorted(want.entries) if n not in have.entries and not expected(ABSENT, n)]
    bad += [f"not expected: {n}" for n in sorted(have.entries)
            if n not in want.entries and not expected(ADDED, n) and not expected(ABSENT, n)]
    for n in sorted(set(want.entries) & set(have.entries)):
        row = expected(CHANGED, n)
        more = differences(want, have, n) - (set(row[1].split()) if row else set())
        if more and not expected(ABSENT, n):
            bad.append(f"{n}: {' '.join(sorted(more))} differs")
    assert len(want.entries) > 5000 and not bad, "\n".join(bad[:60])
    # the accounts are the same, with whatever ids
    assert set(want.users.values()) == set(have.users.values()), set(want.users.values()) ^ set(have.users.values())
    assert set(want.groups.values()) == set(have.groups.values()), set(want.groups.values()) ^ set(have.groups.values())


finish()
