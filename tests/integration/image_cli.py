#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""osbuilder as people and programs meet it: progress on a terminal, in a log and as JSON; help; what an error says and how it exits."""

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import tarfile
import termios

import image_build as ib
from image_build import case, finish, run, sha512 as sha

OUT = ib.out_dir("cli")
IMG, INITRD = f"{OUT}/kata.img", f"{OUT}/initrd.img"


def osb(*argv, progress=None, ok=False, **kw):
    env = {k: v for k, v in os.environ.items() if k != "OSBUILDER_PROGRESS"}
    env.update(OSBUILDER_CACHE=ib.CACHE, TERM="xterm", **({"OSBUILDER_PROGRESS": progress} if progress else {}))
    return run(OSBUILDER, *argv, ok=ok, cwd=ib.ROOT, env=env, **kw)


def build(*extra, **kw):
    return osb("build", "--recipe", "agent", "--agent", ib.TEST_AGENT, "--image", IMG, "--initrd", INITRD, "--force",
               *extra, **kw)


def events(text):
    """Every line an object with an event; start first, result last."""
    assert text.endswith("\n"), text
    got = [json.loads(line) for line in text.splitlines()]
    assert got[0]["event"] == "start" and got[0]["format"] == 1 and got[-1]["event"] == "result", got
    assert {e["event"] for e in got} <= {"start", "stage-begin", "progress", "stage-end", "warning", "result"}, got
    return got


def on_terminal(columns, *argv, wait_for=None, signo=0):
    """What a program writes to a terminal of so many columns; the signal is sent to it as soon as it has written `wait_for`."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {k: v for k, v in os.environ.items() if k != "OSBUILDER_PROGRESS"}
    env.update(TERM="xterm", OSBUILDER_CACHE=ib.CACHE)
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=child, cwd=ib.ROOT, env=env,
                         preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # a job in the background ignores it
    os.close(child)
    data = b""
    while True:
        try:
            part = os.read(parent, 65536)
        except OSError:  # EIO: nobody has it open any more
            break
        if not part:
            break
        data += part
        if wait_for and wait_for in data:
            p.send_signal(signo)
            wait_for = None
    os.close(parent)
    out = p.communicate()[0]
    return p.returncode, out, data.decode()


def progress_cases():
    @case("in a log: one line a stage, and the outputs")
    def _():
        p = build("--measured", ok=True)
        assert p.stdout == "", p.stdout
        want = (r"osbuilder: passes: \d+\.\d\d s\n"
                rf"osbuilder: write {IMG}: [\d.]+ MiB, \d+\.\d\d s\nosbuilder: seal {IMG}: \d+\.\d\d s\n"
                rf"osbuilder: write {INITRD}: [\d.]+ KiB, \d+\.\d\d s\nosbuilder: seal {INITRD}: \d+\.\d\d s\n"
                rf"osbuilder: image {IMG}: 128\.0 MiB, root hash [0-9a-f]{{64}}\nosbuilder: initrd {INITRD}: [\d.]+ KiB\n")
        assert re.fullmatch(want, p.stderr), p.stderr

    @case("--quiet and OSBUILDER_PROGRESS=quiet say nothing; another word is refused")
    def _():
        for p in (build("--quiet", ok=True), build(progress="quiet", ok=True)):
            assert p.stdout == p.stderr == "", p
        p = build(progress="loud")
        assert (p.returncode, p.stderr) == (1, "osbuilder: build: OSBUILDER_PROGRESS: 'loud' is none of live, plain, quiet\n"), p

    @case("on a terminal: one line, never wider than it, gone at the end")
    def _():
        for columns in (100, 20):
            code, out, text = on_terminal(columns, OSBUILDER, "build", "--force", "--recipe", "agent", "--agent", ib.TEST_AGENT,
                                          "--image", IMG)
            assert code == 0 and out == b"", (code, out)
            head, tail = text.rsplit("\r\x1b[K", 1)
            assert re.fullmatch(rf"osbuilder: image {IMG}: 128\.0 MiB\r\n", tail), text
            drawn = head.split("\r\x1b[K")
            assert drawn[0] == "" and [d.split()[0] for d in drawn[1:]][0] == "passes", text
            assert "\n" not in head and max(map(len, drawn)) < columns, text
        code, out, text = on_terminal(100, OSBUILDER, "build", "--recipe", "agent", "--agent", "/nonexistent", "--image", IMG)
        assert code == 1 and text.startswith("osbuilder: agent '/nonexistent': No such file or directory\r\n"), text

    @case("on a terminal: a build that is interrupted takes its line away, and dies of the signal")
    def _():
        os.makedirs(f"{OUT}/endless")
        os.mkfifo(f"{OUT}/endless/never.tar")  # nobody writes to it
        with open(f"{OUT}/endless/recipe.toml", "w", encoding="utf-8") as f:
            f.write('format = 1\nname = "endless"\n[[source]]\ntype = "tar"\npath = "never.tar"\n')
        for signo in (signal.SIGINT, signal.SIGTERM):
            code, out, text = on_terminal(100, OSBUILDER, "build", "--recipe", f"{OUT}/endless", "--rootfs", f"{OUT}/endless.d",
                                          wait_for=b"\x1b[Kunpack", signo=signo)
            assert code == -signo and out == b"" and text.endswith("\r\x1b[K"), (code, out, text)
            assert not os.path.exists(f"{OUT}/endless.d"), signo

    @case("verify, extract and diff: one line on a terminal, gone at the end; nothing in a log")
    def _():
        build("--measured", "--quiet", ok=True)
        for argv, stages, code in ((["verify", IMG], ["check"], 0), (["extract", IMG, f"{OUT}/live.d"], ["unpack", "write"], None),
                                   (["diff", IMG, INITRD], ["unpack", "check"], 1)):
            status, out, text = on_terminal(100, OSBUILDER, *argv)
            assert code is None or status == code, (argv, status, text)
            head, tail = text.rsplit("\r\x1b[K", 1)
            drawn = [d.split()[0] for d in head.split("\r\x1b[K") if d]
            assert set(drawn) == set(stages), (argv, text)
            assert "\n" not in head and (status != 0 or tail == ""), (argv, text)
            assert argv[0] == "extract" or out, argv
            if argv[0] != "extract":
                p = osb(*argv)
                assert (p.returncode, p.stdout.encode(), p.stderr) == (code, out, ""), (argv, p)

    @case("--json: stages and results on standard output, nothing else anywhere")
    def _():
        p = build("--measured", "--json", ok=True)
        assert p.stderr == "", p.stderr
        got = events(p.stdout)
        stages = [(e["event"], e["stage"], e.get("what")) for e in got if e["event"].startswith("stage")]
        want = [(e, s, w) for s, w in (("passes", None), ("write", IMG), ("seal", IMG), ("write", INITRD), ("seal", INITRD))
                for e in ("stage-begin", "stage-end")]
        assert stages == want, stages
        assert all(isinstance(e["usec"], int) and e["usec"] >= 0 for e in got if e["event"] == "stage-end"), got
        r = got[-1]
        assert (r["status"], r["error"], r["hint"]) == (0, None, None), r
        with open(f"{IMG}.manifest.json", encoding="utf-8") as f:
            m = json.load(f)
        assert r["outputs"] == [
            {"kind": "image", "path": IMG, "size": os.path.getsize(IMG), "sha512": m["sha512"],
             "sha512_size": m["sha512_size"], "root_hash": m["verity"]["root_hash"]},
            {"kind": "initrd", "path": INITRD, "size": os.path.getsize(INITRD), "sha512": sha(INITRD),
             "sha512_size": os.path.getsize(INITRD), "root_hash": None}], r

    @case("the same command again does nothing and says so; --force, another option and a changed output make it build")
    def _():
        cmd = ("build", "--recipe", "agent", "--agent", ib.TEST_AGENT, "--image", IMG, "--json")
        first = events(osb(*cmd, ok=True).stdout)[-1]["outputs"]
        again = events(osb(*cmd, ok=True).stdout)
        assert [e["event"] for e in again] == ["start", "result"], again
        assert again[-1]["outputs"] == [dict(first[0], unchanged=True)], again
        for extra, before in (("--force", None), ("--measured", None), ("--measured", lambda: os.utime(IMG))):
            if before:
                before()
            assert "unchanged" not in events(osb(*cmd, extra, ok=True).stdout)[-1]["outputs"][0], extra
        p = osb(*cmd[:-1], "--measured", "--quiet", ok=True)  # other words, so built
        p = osb(*cmd[:-1], "--measured", ok=True)
        p = osb(*cmd[:-1], "--measured", ok=True)
        assert p.stderr.startswith(f"osbuilder: image {IMG}: ") and p.stderr.endswith(", nothing has changed\n"), p.stderr

    @case("--json-file: into a file or a descriptor; a failed build has its error and hint in the result")
    def _():
        osb("build", "--recipe", "agent", "--agent", ib.TEST_AGENT, "--image", IMG, "--json-file", f"{OUT}/log.json", ok=True)
        with open(f"{OUT}/log.json", encoding="utf-8") as f:
            assert events(f.read())[-1]["status"] == 0
        r, w = os.pipe()
        p = build("--json-file", f"/dev/fd/{w}", "--agent", "/nonexistent", pass_fds=[w])
        os.close(w)
        with os.fdopen(r, encoding="utf-8") as f:
            got = events(f.read())
        assert p.returncode == 1 and p.stdout == "", p
        last = got[-1]
        assert last["status"] == 1 and last["error"] == "agent '/nonexistent': No such file or directory", last
        assert last["hint"] and last["outputs"] == [], last
        assert p.stderr == f"osbuilder: {last['error']}\nhint: {last['hint']}\n", p.stderr

    @case("--json of seal and pack; a name that is not UTF-8 stays valid JSON")
    def _():
        osb("build", "--recipe", "agent", "--agent", ib.TEST_AGENT, "--image", IMG, "--measured", "--quiet", ok=True)
        p = osb("seal", "--agent", ib.TEST_AGENT, "--json", IMG, ok=True)
        got = events(p.stdout)
        with open(f"{IMG}.manifest.json", encoding="utf-8") as f:
            m = json.load(f)
        assert got[-1]["outputs"][0]["sha512"] == m["sha512"] and got[-1]["outputs"][0]["root_hash"], got
        assert [e["stage"] for e in got if e["event"] == "stage-end"] == ["unpack", "write", "seal"], got
        odd = os.fsencode(OUT) + b"/\xff\x1b.erofs"
        got = events(osb("pack", "--format", "erofs", "--json", IMG, odd, ok=True).stdout)
        assert got[-1]["outputs"] == [{"kind": "erofs", "path": f"{OUT}/\\xff\x1b.erofs", "size": os.path.getsize(odd),
                                       "sha512": None, "sha512_size": None, "root_hash": None}], got
        p = osb("pack", "--format", "erofs", IMG, odd, ok=True)
        assert f"osbuilder: erofs {OUT}/\\xff\\x1b.erofs: " in p.stderr and "\x1b" not in p.stderr, p.stderr


def hostile_root():
    """A directory with names that would take over a terminal, and a tar file of it with an owner and devices."""
    top = ib.out_dir("hostile")
    names = ["\x1b[2Jcls", "new\nline", "\u202egpj.exe", "tab\there", "back\\slash", "\u00e9"]
    for n in names:
        with open(f"{top}/{n}", "w", encoding="utf-8") as f:
            f.write(n)
    with open(os.fsencode(top) + b"/\xff\x9b31m", "wb"):
        pass
    os.symlink("\x1b]0;title\x07", f"{top}/link")
    return top


def clean(text):
    """Nothing that a terminal acts on, but for the ends of lines."""
    assert all(c == "\n" or c >= " " and c != "\x7f" and not "\x80" <= c < "\xa0" and c not in "\u202e" for c in text), repr(text)
    return text


def json_cases():
    @case("inspect --json has what text has, of images and initrds, ours and bare")
    def _():
        build("--measured", "--quiet", ok=True)
        with open(f"{IMG}.manifest.json", encoding="utf-8") as f:
            m = json.load(f)
        i = json.loads(osb("inspect", "--json", IMG, ok=True).stdout)
        assert i["verity"] == m["verity"] and i["root_hash"] == m["verity"]["root_hash"] and i["sbom"] is True, i
        assert i["pfn_checksum"] == "685b032be3943830" and i["dax"] is True, i
        assert (i["size"], i["sha512"], i["uuid"], i["recipe"]) == (m["size"], m["sha512"], m["uuid"], "agent"), i
        assert i["allocated"] == os.stat(IMG).st_blocks * 512, i
        assert i["agent"] == {k: m["agent"][k] for k in ("version", "protocol", "path", "sha256", "init")}, i
        assert [(p["offset"], p["size"]) for p in i["partitions"]] == [(p["offset"], p["size"]) for p in m["partitions"]], i
        assert [p["pmem_start_sector"] * 512 + (2 << 20) for p in i["partitions"]] == [p["offset"] for p in i["partitions"]], i
        r = json.loads(osb("inspect", "--json", INITRD, ok=True).stdout)
        assert (r["kind"], r["filesystem"], r["partitions"], r["verity"], r["pfn_checksum"]) == ("initrd", "cpio", [], None, None), r
        assert set(r) == set(i), set(r) ^ set(i)
        bare = shutil.copy(IMG, f"{OUT}/bare.img")
        b = json.loads(osb("inspect", "--json", bare, ok=True).stdout)
        assert set(b) == set(i) and (b["manifest"], b["sbom"], b["verity"], b["recipe"], b["sha512"]) == (False, False, None, None, None), b
        assert len(b["partitions"]) == 2 and b["agent"]["version"] == i["agent"]["version"] and b["agent"]["init"] is None, b
        assert "root hash: not known" in osb("inspect", bare, ok=True).stdout

    @case("inspect reads an image that other tools made: one partition table, mke2fs, no manifest")
    def _():
        sfdisk, mke2fs = ib.tool("sfdisk"), ib.tool("mke2fs")
        root, img, part = f"{OUT}/foreign", f"{OUT}/foreign.img", f"{OUT}/foreign.ext4"
        os.makedirs(f"{root}/usr/bin")
        shutil.copy(ib.TEST_AGENT, f"{root}/usr/bin/kata-agent")
        run(mke2fs, "-q", "-t", "ext4", "-d", root, part, "20M")
        with open(img, "wb") as f:
            f.truncate(32 << 20)
        subprocess.run([sfdisk, "-q", img], input="label: dos\nstart=2048, size=40960, type=83, bootable\n", text=True, check=True)
        with open(part, "rb") as src, open(img, "r+b") as dst:
            dst.seek(1 << 20)
            shutil.copyfileobj(src, dst)
        i = json.loads(osb("inspect", "--json", img, ok=True).stdout)
        part = {"offset": 1 << 20, "size": 20 << 20, "disk_start_sector": 2048}
        assert (i["dax"], i["partitions"], i["filesystem"], i["architecture"]) == (False, [part], "ext4", None), i
        assert i["agent"]["version"] and i["content"]["entries"] == 5, i  # with lost+found

    @case("inspect says what is in a bare file system, a tar file and a directory, too")
    def _():
        top = f"{OUT}/foreign"
        osb("pack", "--format", "erofs", top, f"{OUT}/bare.erofs", ok=True)
        run(ib.tool("tar"), "-C", top, "-czf", f"{OUT}/bare.tar.gz", ".")
        for path, kind, fs in ((f"{OUT}/bare.erofs", "filesystem", "erofs"), (f"{OUT}/bare.tar.gz", "tar", "tar"),
                               (top, "directory", None)):
            i = json.loads(osb("inspect", "--json", path, ok=True).stdout)
            assert (i["kind"], i["filesystem"], i["partitions"], i["manifest"]) == (kind, fs, [], False), i
            assert i["agent"]["version"] and i["content"] == {"entries": 4, "bytes": os.path.getsize(ib.TEST_AGENT)}, i
            assert osb("inspect", path, ok=True).stdout.startswith(f"file: {path}\nkind: {kind}\n"), path

    @case("verify --json: what is right, and the first bad block")
    def _():
        p = osb("verify", "--json", IMG, ok=True)
        v = json.loads(p.stdout)
        assert (v["ok"], v["error"], v["tables"], v["sha512"], v["verity"]["ok"], v["verity"]["bad"]) == \
            (True, None, True, True, True, None), v
        at = 3 << 20 | 5 * 4096 | 77
        bad = f"{OUT}/bad.img"
        for f in ("", ".manifest.json"):
            shutil.copy(IMG + f, bad + f)
        with open(bad, "r+b") as f:
            f.seek(at)
            byte = f.read(1)[0]
            f.seek(at)
            f.write(bytes([byte ^ 1]))
        p = osb("verify", "--json", bad)
        v = json.loads(p.stdout)
        assert p.returncode == 1 and p.stderr == f"osbuilder: {v['error']}\n", p
        assert (v["ok"], v["checked"], v["tables"], v["verity"]["ok"], v["sha512"]) == (False, True, True, False, None), v
        assert v["verity"]["bad"] == {"partition": 1, "block": 5, "offset": at - 77}, v
        v = json.loads(osb("verify", "--json", INITRD, ok=True).stdout)
        assert (v["kind"], v["ok"], v["verity"], v["sha512"]) == ("initrd", True, None, True), v

    @case("verify: exit 1 is a verdict, exit 2 says that there is none")
    def _():
        bad = f"{OUT}/verdict.img"

        def expect(status, message, *argv):
            p = osb("verify", *argv)
            assert p.returncode == status and message in p.stderr, (argv, p)

        def fresh():
            for f in ("", ".manifest.json"):
                shutil.copy(IMG + f, bad + f)

        fresh()
        os.truncate(bad, 4 << 20)
        expect(1, "is truncated", bad)
        fresh()
        with open(bad, "r+b") as f:
            f.seek(0x1000)
            f.write(b"X")
        expect(1, "its DAX header or partitions are not those of its manifest", bad)
        fresh()
        expect(1, "root hash", "--root-hash", "00" * 32, bad)  # it is sound, and not that image
        expect(2, "root_hash has 7 hex digits, not 64", "--root-hash", "no hash", bad)
        os.remove(f"{bad}.manifest.json")
        expect(2, "neither a manifest nor --root-hash says its root hash", bad)
        v = json.loads(osb("verify", "--json", bad).stdout)
        assert (v["ok"], v["checked"]) == (False, False), v
        expect(2, "No such file", f"{OUT}/none.img")
        expect(2, "is not a regular file", OUT)
        expect(2, "exactly one file is needed", bad, bad)
        expect(2, "unknown option", "--what", bad)

    @case("diff --json; names that are hostile stay text")
    def _():
        top = hostile_root()
        empty = ib.out_dir("empty")
        p = osb("diff", "--json", empty, top)
        got = [json.loads(line) for line in p.stdout.splitlines()]
        assert p.returncode == 1 and {g["change"] for g in got} == {"added"}, got
        assert {g["path"] for g in got} == {"/\x1b[2Jcls", "/new\nline", "/\u202egpj.exe", "/tab\there", "/back\\slash", "/\u00e9",
                                            "/\\xff\\x9b31m", "/link"}, got
        text = clean(osb("diff", empty, top).stdout)
        assert "+ /\\x1b[2Jcls\n" in text and "+ /back\\x5cslash\n" in text and text.count("\n") == 8, text
        os.chmod(f"{top}/\u00e9", 0o600)
        osb("pack", "--format", "cpio", top, f"{OUT}/hostile.cpio", ok=True)
        os.chmod(f"{top}/\u00e9", 0o644)
        os.remove(f"{top}/link")
        os.symlink("elsewhere", f"{top}/link")
        got = [json.loads(line) for line in osb("diff", "--json", f"{OUT}/hostile.cpio", top).stdout.splitlines()]
        assert got == [{"change": "changed", "path": "/link", "what": "target", "first": "\x1b]0;title\x07", "second": "elsewhere"},
                       {"change": "changed", "path": "/\u00e9", "what": "mode", "first": "0600", "second": "0644"}], got
        assert osb("diff", "--json", top, top, ok=True).stdout == ""

    @case("no message brings control characters of names to the terminal")
    def _():
        top = ib.out_dir("hostile2")
        name = "\x1b[2J\x9b\u202e\n"
        os.mkdir(f"{top}/{name}")
        os.mkfifo(f"{top}/{name}/x")
        for argv in (["pack", "--format", "nothing", f"{top}/{name}", f"{top}/out"], ["inspect", f"{top}/{name}/none"], [f"{name}"],
                     ["diff", f"{top}/{name}/missing", top], ["build", "--recipe", name, "--image", f"{top}/{name}/img"],
                     ["verify", f"--{name}"], ["extract", f"{top}/{name}/none", f"{top}/to"]):
            p = osb(*argv)
            assert p.returncode and p.stdout == "" and p.stderr, p
            clean(p.stderr)
        out = f"{top}/device.tar"  # extract names what it leaves out
        with tarfile.open(out, "w") as t:
            i = tarfile.TarInfo(name.strip())
            i.type, i.devmajor, i.devminor = tarfile.CHRTYPE, 1, 3
            t.addfile(i)
        p = osb("extract", "--no-devices", out, f"{top}/to", ok=True)
        assert "left out device /\\x1b[2J" in clean(p.stderr), p.stderr

    @case("what cannot be written to standard output is no success")
    def _():
        with open("/dev/full", "wb") as full:
            for argv, status in ((["inspect", IMG], 1), (["diff", IMG, INITRD], 2), (["verify", "--json", IMG], 2), (["help"], 1)):
                p = subprocess.run([OSBUILDER, *argv], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
                assert p.returncode == status, (argv, p)


def library_cases():
    @case("libarchive is loaded where an archive is read, and nowhere else; one that cannot be loaded is an error")
    def _():
        libs, env = ib.out_dir("libs"), dict(os.environ, OSBUILDER_CACHE=ib.CACHE)
        with open(f"{libs}/libarchive.so.13", "w", encoding="utf-8") as f:
            f.write("this is no library\n" * 10)
        env["LD_LIBRARY_PATH"] = libs
        run(OSBUILDER, "build", "--force", "--recipe", "agent", "--agent", ib.TEST_AGENT, "--image", IMG, cwd=ib.ROOT, env=env)
        run(OSBUILDER, "inspect", IMG, env=env)
        p = run(OSBUILDER, "pack", "--format", "erofs", f"{OUT}/bare.tar.gz", f"{OUT}/no.erofs", ok=False, env=env)
        assert p.returncode == 1 and "cannot load libarchive: " in p.stderr and "libarchive.so.13" in p.stderr, p
        assert not os.path.exists(f"{OUT}/no.erofs")


def hint_cases():
    def recipe(name, source):
        os.makedirs(f"{OUT}/{name}")
        with open(f"{OUT}/{name}/recipe.toml", "w", encoding="utf-8") as f:
            f.write(f'format = 1\nname = "{name}"\n[[source]]\n{source}')
        return f"{OUT}/{name}"

    deb = 'type = "deb"\nsuites = ["bookworm"]\ncomponents = ["main"]\npackages = ["bash"]\n'
    nowhere = recipe("nowhere", deb + 'mirror = "http://127.0.0.1:9/debian"\n')
    os.makedirs(f"{OUT}/unsigned/dists/bookworm")
    with open(f"{OUT}/unsigned/dists/bookworm/Release", "w", encoding="utf-8") as f:
        f.write("Suite: bookworm\nCodename: bookworm\nComponents: main\nArchitectures: amd64\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n")
    unsigned = recipe("unsigned-archive", deb + f'mirror = "file:{OUT}/unsigned"\n')
    empty = ib.out_dir("emptycache")
    rootfs = ["--rootfs", f"{OUT}/never"]
    cases = [
        ("agent", ["build", "--recipe", "agent", "--image", f"{OUT}/x.img"], {}, "has an agent: --agent is missing", "make builds it"),
        ("recipe", ["build", "--recipe", "nosuch", *rootfs], {}, "unknown recipe 'nosuch'", "--recipes says where"),
        ("directory", ["build", "--recipe", "agent", "--agent", ib.TEST_AGENT, "--image", f"{OUT}/no/x.img"], {},
         "No such file or directory", "make the directory first"),
        ("lock", ["build", "--recipe", nowhere, "--locked", *rootfs], {}, "there is no '", "osbuilder lock makes it"),
        ("cache", ["build", "--recipe", nowhere, "--offline", "--cache", empty, *rootfs], {}, "--offline forbids fetching",
         "run it once without --offline"),
        ("network", ["build", "--recipe", nowhere, "--cache", f"{empty}/1", *rootfs], {}, "apt: Failed to fetch http://127.0.0.1:9/",
         "is the mirror reachable?"),
        ("keyring", ["build", "--recipe", unsigned, "--cache", f"{empty}/3", *rootfs], {}, "is not signed",
         "install the archive's keyring"),
        ("tool", ["build", "--recipe", nowhere, "--cache", f"{empty}/2", *rootfs], {"PATH": "/nonexistent"},
         "apt is needed to fetch Debian packages", "install the package apt"),
        ("what is in the way", ["build", "--recipe", nowhere, "--rootfs", OUT], {}, "exists already", "remove it, or choose another name"),
    ]
    for name, argv, env, error, hint in cases:
        @case(f"a failed command ends with the cause and a hint: {name}")
        def _():
            if "apt" in error and not shutil.which("apt-get"):
                raise ib.Skip("apt is not installed")
            p = run(OSBUILDER, *argv, ok=False, cwd=ib.ROOT, env=dict(os.environ, OSBUILDER_CACHE=ib.CACHE, **env))
            lines = p.stderr.splitlines()
            assert p.returncode == 1 and len(lines) == 2, p
            assert lines[0].startswith("osbuilder: ") and error in lines[0] and lines[1].startswith(f"hint: {hint}"), p.stderr
            assert not os.path.exists(f"{OUT}/never"), name


def help_cases():
    @case("help, help COMMAND, --help and --version")
    def _():
        top = osb("--help", ok=True).stdout
        assert osb("help", ok=True).stdout == osb("-h", ok=True).stdout == top
        commands = re.findall(r"^  (\w+) ", top, re.M)
        assert {"build", "lock", "inspect", "verify", "extract", "diff", "seal", "pack"} <= set(commands), commands
        for c in commands:
            text = osb("help", c, ok=True).stdout
            assert text == osb(c, "--help", ok=True).stdout and text.startswith(f"usage: osbuilder {c} "), text
            assert max(map(len, text.splitlines())) <= 110, text
        with open(f"{ib.ROOT}/VERSION", encoding="utf-8") as f:
            assert osb("--version", ok=True).stdout == f"osbuilder {f.read().strip()}\n"

    @case("no command, an unknown one")
    def _():
        p = osb()
        assert p.returncode == 1 and p.stdout == "" and p.stderr.startswith("usage: osbuilder COMMAND"), p
        for argv in (["frob"], ["help", "frob"]):
            p = osb(*argv)
            assert (p.returncode, p.stderr) == (1, "osbuilder: unknown command 'frob' (see osbuilder --help)\n"), p


def main():
    global OSBUILDER
    shutil.copy(ib.AGENT, ib.TEST_AGENT)
    os.chmod(ib.TEST_AGENT, 0o755)
    OSBUILDER = ib.OSBUILDER
    ib.CACHE = ib.out_dir("cache")
    progress_cases()
    json_cases()
    hint_cases()
    library_cases()
    help_cases()


if __name__ == "__main__":
    main()
    finish()
