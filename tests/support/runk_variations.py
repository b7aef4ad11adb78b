# SPDX-License-Identifier: Apache-2.0
"""The variations of config.json that runk_table.py runs: (name, function that changes the default config).

@ROOTFS@, @HOST@ and @BUNDLE@ stand for the container's root, a directory of the host, and the bundle.
"""

variations = []


def add(name, change):
    assert all(name != n for n, _ in variations), name
    variations.append((name, change))


def process(name, **members):
    add("process-" + name, lambda c: c["process"].update(members))


def user(name, **members):
    add("user-" + name, lambda c: c["process"]["user"].update(members))


def caps(name, uid=0, **sets):
    def change(c):
        c["process"]["capabilities"] = {k: ["CAP_" + x for x in v] for k, v in sets.items()}
        c["process"]["user"]["uid"] = uid
    add("caps-" + name, change)


def linux(name, **members):
    add("linux-" + name, lambda c: c["linux"].update(members))


def mount(name, destination, kind, source, *options):
    add("mount-" + name, lambda c: c["mounts"].append({"destination": destination, "type": kind, "source": source, "options": list(options)}))


def shell(name, script, *changes):
    """Another program than the probe, whose output begins as the probe's so that it counts as seen."""
    def change(c):
        c["process"]["args"] = ["sh", "-c", "echo '== id'; " + script]
        for f in changes:
            f(c)
    add(name, change)


add("default", lambda c: None)

# The process.
for n in (0, 1, 7, 126, 127, 255):
    shell(f"exit-{n}", f"exit {n}")
for s in ("KILL", "TERM", "SEGV"):
    shell(f"signal-{s.lower()}", f"sh -c 'kill -{s} $$'; echo $?")
for d in ("/tmp", "/newdir", "/newdir2/sub", "/tmp/../root", "/link"):
    process("cwd" + d.replace("/", "-").replace("..", "up"), cwd=d)
process("env-more", env=["PATH=/bin", "A=1", "B=two words", "EMPTY="])
process("env-home", env=["PATH=/bin", "HOME=/somewhere"])
process("env-path-second", env=["PATH=/nowhere:/bin"])
process("env-none", env=[])
process("nnp-off", noNewPrivileges=False)
process("args-path", args=["/bin/sh", "-c", "echo '== id'; echo $0"])
process("args-missing", args=["nosuch"])
process("args-missing-path", args=["/nosuch"])
process("args-directory", args=["/etc"])
process("args-not-executable", args=["/etc/passwd"])
process("args-empty", args=[])
process("cwd-relative", cwd="tmp")
process("cwd-file", cwd="/etc/passwd")
for n in (0, 1, 500, 1000):
    process(f"oom-{n}", oomScoreAdj=n)
user("1000", uid=1000)
user("1000-100", uid=1000, gid=100)
user("unknown", uid=4242, gid=4242)
user("groups", uid=1000, gid=1000, additionalGids=[5, 6, 7])
user("groups-root", additionalGids=[10])
user("nobody", uid=65534, gid=65534)
for m in (0, 0o22, 0o27, 0o77, 0o777):
    user(f"umask-{m:o}", umask=m)

# Limits: all below this machine's own, which may lack the right to raise any.
for kind, value in (("CPU", 3600), ("FSIZE", 1 << 30), ("DATA", 1 << 30), ("STACK", 4 << 20), ("CORE", 0), ("RSS", 1 << 30), ("NPROC", 1000),
                    ("NOFILE", 99), ("MEMLOCK", 4096), ("AS", 1 << 32), ("LOCKS", 100), ("SIGPENDING", 100), ("MSGQUEUE", 4096), ("NICE", 0),
                    ("RTPRIO", 0), ("RTTIME", 1000000)):
    process("rlimit-" + kind.lower(), rlimits=[{"type": "RLIMIT_" + kind, "soft": value, "hard": value}])
process("rlimit-soft", rlimits=[{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20}, {"type": "RLIMIT_CORE", "soft": 1, "hard": 2}])
process("rlimit-unknown", rlimits=[{"type": "RLIMIT_HOPE", "soft": 10, "hard": 20}])
process("rlimit-soft-above", rlimits=[{"type": "RLIMIT_NOFILE", "soft": 20, "hard": 10}])

# Capabilities.
FEW = ["CHOWN", "KILL", "NET_BIND_SERVICE"]
caps("none")
caps("few", bounding=FEW, effective=FEW, permitted=FEW)
caps("bounding-only", bounding=FEW)
caps("permitted", bounding=FEW, permitted=FEW)
caps("inheritable", bounding=FEW, effective=FEW, permitted=FEW, inheritable=FEW)
caps("ambient", bounding=FEW, effective=FEW, permitted=FEW, inheritable=FEW, ambient=FEW)
caps("user", uid=1000, bounding=FEW, effective=FEW, permitted=FEW)
caps("user-inheritable", uid=1000, bounding=FEW, effective=FEW, permitted=FEW, inheritable=FEW)
caps("user-ambient", uid=1000, bounding=FEW, effective=FEW, permitted=FEW, inheritable=FEW, ambient=FEW)
caps("user-ambient-one", uid=1000, bounding=FEW, effective=FEW, permitted=FEW, inheritable=FEW, ambient=["KILL"])
caps("admin", bounding=["SYS_ADMIN"], effective=["SYS_ADMIN"], permitted=["SYS_ADMIN"])
caps("new", bounding=["BPF", "PERFMON", "CHECKPOINT_RESTORE"], effective=["BPF"], permitted=["BPF", "PERFMON", "CHECKPOINT_RESTORE"])
add("caps-absent", lambda c: c["process"].pop("capabilities"))
add("caps-absent-user", lambda c: (c["process"].pop("capabilities"), c["process"]["user"].update(uid=1000)))

# Names and the root.
add("hostname", lambda c: c.update(hostname="box"))
add("hostname-none", lambda c: c.pop("hostname"))
add("root-readonly", lambda c: c["root"].update(readonly=True))
add("root-missing", lambda c: c["root"].update(path="/nonexistent"))
add("root-file", lambda c: c["root"].update(path="@ROOTFS@/etc/passwd"))
add("version-bad", lambda c: c.update(ociVersion="two"))

# Mounts: file systems.
for o in ("ro", "nosuid", "nodev", "noexec", "noatime", "strictatime", "relatime", "nodiratime", "sync", "dirsync", "size=1m", "mode=0700",
          "uid=7", "gid=8", "size=1m,mode=1777,noexec", "rw", "suid", "dev", "exec"):
    mount("tmpfs-" + o.replace("=", "-").replace(",", "-"), "/mnt", "tmpfs", "tmpfs", *o.split(","))
mount("tmpfs-new", "/new/deep/er", "tmpfs", "tmpfs")
mount("tmpfs-link", "/link/below", "tmpfs", "tmpfs")
mount("tmpfs-over", "/full", "tmpfs", "tmpfs")
mount("tmpfs-copyup", "/full", "tmpfs", "tmpfs", "tmpcopyup")
mount("tmpfs-bad-option", "/mnt", "tmpfs", "tmpfs", "nosuchoption")
mount("type-bad", "/mnt", "nosuchfs", "none")
mount("sysfs-again", "/mnt", "sysfs", "sysfs", "ro", "nosuid", "noexec", "nodev")
mount("proc-again", "/mnt", "proc", "proc", "ro")
mount("ramfs", "/mnt", "ramfs", "ramfs", "nosuid")
# ... and bound ones.
for o in ("bind", "rbind", "bind,ro", "rbind,ro", "bind,nosuid", "bind,nodev", "bind,noexec", "bind,noatime", "bind,ro,noexec,nosuid,nodev",
          "rbind,private", "rbind,rprivate", "rbind,shared", "rbind,rshared", "rbind,slave", "rbind,rslave", "bind,unbindable", "rbind,rro",
          "rbind,rnosuid", "rbind,rnoexec,rnodev", "bind,rw"):
    mount("bind-" + o.replace(",", "-"), "/mnt", "bind", "@HOST@", *o.split(","))
mount("bind-by-option", "/mnt", "none", "@HOST@", "bind")
mount("bind-file", "/etc/passwd", "bind", "@HOST@/file", "bind", "ro")
mount("bind-new-file", "/newfile", "bind", "@HOST@/file", "bind")
mount("bind-new-dir", "/newdirs/a/b", "bind", "@HOST@/sub", "bind")
mount("bind-link", "/link/here", "bind", "@HOST@", "bind")
mount("bind-missing", "/mnt", "bind", "@HOST@/nosuch", "bind")
mount("bind-dir-on-file", "/etc/passwd", "bind", "@HOST@/sub", "bind")
add("mounts-dev-noexec", lambda c: c["mounts"][1]["options"].append("noexec"))
add("mounts-dev-ro", lambda c: c["mounts"][1]["options"].append("ro"))
add("mounts-no-dev", lambda c: c["mounts"].__delitem__(slice(1, 5)))
add("mounts-pts-modes", lambda c: c["mounts"][2].update(options=["newinstance", "ptmxmode=0600", "mode=0600"]))

# Namespaces.
for ns in ("pid", "network", "ipc", "uts", "cgroup"):
    def without(c, ns=ns):
        c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != ns]
        if ns == "uts":
            c.pop("hostname", None)
    add("ns-without-" + ns, without)
add("ns-join-net", lambda c: [n.update(path="/proc/1/ns/net") for n in c["linux"]["namespaces"] if n["type"] == "network"])
add("ns-join-uts", lambda c: (c.pop("hostname"), [n.update(path="/proc/1/ns/uts") for n in c["linux"]["namespaces"] if n["type"] == "uts"]))
add("ns-join-missing", lambda c: [n.update(path="/nosuch") for n in c["linux"]["namespaces"] if n["type"] == "ipc"])
add("ns-twice", lambda c: c["linux"]["namespaces"].append({"type": "ipc"}))
add("ns-unknown", lambda c: c["linux"]["namespaces"].append({"type": "warp"}))


def mapped(*maps, **more):
    def change(c):
        c["linux"]["namespaces"].append({"type": "user"})
        lst = [{"containerID": a, "hostID": b, "size": n} for a, b, n in maps]
        c["linux"].update(uidMappings=lst, gidMappings=lst, **more)
    return change


add("userns-simple", mapped((0, 100000, 65536)))
add("userns-pieces", mapped((0, 100000, 1000), (1000, 300000, 64536)))
add("userns-root-host", mapped((0, 0, 65536)))
add("userns-user", lambda c: (mapped((0, 100000, 65536))(c), c["process"]["user"].update(uid=1000, gid=1000, additionalGids=[7])))
add("userns-bind", lambda c: (mapped((0, 100000, 65536))(c), c["mounts"].append(
    {"destination": "/mnt", "type": "bind", "source": "@HOST@", "options": ["bind", "ro"]})))
add("userns-maps-without", lambda c: c["linux"].update(uidMappings=[{"containerID": 0, "hostID": 1, "size": 1}]))
add("userns-no-maps", lambda c: c["linux"]["namespaces"].append({"type": "user"}))

# The rest of linux.
for p in ("private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable"):
    linux("propagation-" + p, rootfsPropagation=p)
linux("propagation-bad", rootfsPropagation="loud")
linux("masked-none", maskedPaths=[])
linux("masked-file", maskedPaths=["/etc/passwd"])
linux("masked-dir", maskedPaths=["/full", "/nosuch/at/all"])
linux("readonly-none", readonlyPaths=[])
linux("readonly-dir", readonlyPaths=["/full", "/nosuch"])
linux("readonly-file", readonlyPaths=["/etc/passwd"])
linux("sysctl-net", sysctl={"net.ipv4.ip_forward": "1"})
linux("sysctl-ipc", sysctl={"kernel.msgmax": "9000", "fs.mqueue.msg_max": "20"})
linux("sysctl-host", sysctl={"vm.swappiness": "10"})
linux("sysctl-missing", sysctl={"net.ipv4.nosuch": "1"})
linux("device-char", devices=[{"path": "/dev/mine", "type": "c", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 3, "gid": 4}])
linux("device-block", devices=[{"path": "/dev/blk", "type": "b", "major": 7, "minor": 100, "fileMode": 0o600}])
linux("device-fifo", devices=[{"path": "/dev/pipe", "type": "p", "fileMode": 0o622}])
linux("device-dir", devices=[{"path": "/dev/sub/mine", "type": "c", "major": 1, "minor": 3}])
linux("device-type-bad", devices=[{"path": "/dev/mine", "type": "x", "major": 1, "minor": 5}])
linux("resources-none", resources={})
linux("resources-memory", resources={"memory": {"limit": 64 << 20}})
linux("resources-pids", resources={"pids": {"limit": 20}})
linux("resources-cpu", resources={"cpu": {"shares": 512, "quota": 50000, "period": 100000}})
linux("resources-cpus", resources={"cpu": {"cpus": "0"}})
linux("resources-cpus-bad", resources={"cpu": {"cpus": "900"}})

# Seccomp.


def seccomp(name, script, default="SCMP_ACT_ALLOW", nnp=True, **call):
    def change(c):
        c["process"]["noNewPrivileges"] = nnp
        sc = {"defaultAction": default, "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "syscalls": [call] if call else []}
        c["linux"]["seccomp"] = sc
    shell("seccomp-" + name, "grep Seccomp: /proc/self/status; " + script, change)


MK = ["mkdir", "mkdirat"]
seccomp("empty", "true")
seccomp("errno", "mkdir /tmp/a 2>&1", names=MK, action="SCMP_ACT_ERRNO")
seccomp("errno-ret", "mkdir /tmp/a 2>&1", names=MK, action="SCMP_ACT_ERRNO", errnoRet=38)
seccomp("errno-caps", "mkdir /tmp/a 2>&1", nnp=False, names=MK, action="SCMP_ACT_ERRNO")
seccomp("kill", "sh -c 'mkdir /tmp/a'; echo $?", names=MK, action="SCMP_ACT_KILL")
seccomp("kill-process", "sh -c 'mkdir /tmp/a'; echo $?", names=MK, action="SCMP_ACT_KILL_PROCESS")
seccomp("trap", "sh -c 'mkdir /tmp/a'; echo $?", names=MK, action="SCMP_ACT_TRAP")
seccomp("log", "mkdir /tmp/a; rmdir /tmp/a; echo $?", names=MK, action="SCMP_ACT_LOG")
seccomp("unknown-call", "echo here", names=["nosuchcall"], action="SCMP_ACT_ERRNO")
seccomp("unknown-action", "echo here", names=MK, action="SCMP_ACT_HOPE")
for op, value, two in (("EQ", 9, 0), ("NE", 9, 0), ("LT", 5, 0), ("GE", 9, 0), ("GT", 15, 0), ("LE", 9, 0), ("MASKED_EQ", 8, 8)):
    seccomp("arg-" + op.lower(), "sleep 9 & kill -9 $! 2>&1; sh -c 'kill -15 $$' 2>&1; echo $?", names=["kill"], action="SCMP_ACT_ERRNO",
            args=[{"index": 1, "value": value, "valueTwo": two, "op": "SCMP_CMP_" + op}])

# Hooks, which leave their name in the bundle.
KINDS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")


def hook(kind, script):
    path = "/bin/sh"
    return {kind: [{"path": path, "args": ["sh", "-c", script], "env": ["PATH=/bin:/usr/bin"]}]}


for k in KINDS[:3] + KINDS[4:]:
    add("hook-" + k, lambda c, k=k: c.update(hooks=hook(k, f"grep -o '\"status\": *\"[a-z]*\"' | tr -d ' ' >> @BUNDLE@/hooks; echo {k} >> @BUNDLE@/hooks")))
add("hook-startContainer", lambda c: c.update(hooks=hook("startContainer", "echo here > /tmp/from-hook")))
add("hooks-order", lambda c: c.update(hooks={k: hook(k, f"echo {k} >> @BUNDLE@/hooks")[k] for k in KINDS if k != "startContainer"}))
for k in KINDS[:4]:
    add("hook-fails-" + k, lambda c, k=k: c.update(hooks=hook(k, "exit 3")))
add("hook-relative", lambda c: c.update(hooks={"prestart": [{"path": "true"}]}))
add("hook-missing", lambda c: c.update(hooks={"createRuntime": [{"path": "/nosuch"}]}))
add("hook-timeout", lambda c: c.update(hooks={"createRuntime": [{"path": "/bin/sleep", "args": ["sleep", "20"], "timeout": 1}]}))
