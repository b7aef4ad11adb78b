#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""osbuilder as people and programs meet it: progress on a terminal, in a log and as JSON; help; what an error says and how it exits."""

import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios

import image_build as ib
from image_build import case, run, sha512 as sha

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


def on_terminal(columns, *argv):
    """What a program writes to a terminal of so many columns."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {k: v for k, v in os.environ.items() if k != "OSBUILDER_PROGRESS"}
    env.update(TERM="xterm", OSBUILDER_CACHE=ib.CACHE)
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=child, cwd=ib.ROOT, env=env)
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
             "root_hash": m["verity"]["root_hash"]},
            {"kind": "initrd", "path": INITRD, "size": os.path.getsize(INITRD), "sha512": sha(INITRD), "root_hash": None}], r

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
                                       "sha512": None, "root_hash": None}], got
        p = osb("pack", "--format", "erofs", IMG, odd, ok=True)
        assert f"osbuilder: erofs {OUT}/\\xff\\x1b.erofs: " in p.stderr and "\x1b" not in p.stderr, p.stderr


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
    help_cases()
    shutil.rmtree(ib.TMP)
    print(f"1..{len(ib.results)}")
    return 0 if all(ib.results) else 1


if __name__ == "__main__":
    sys.exit(main())
