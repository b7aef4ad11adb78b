#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kata-agent-ctl drives a kata-agent on this host through every call of its services, each with its effect or its exact error.

Environment: see tests/support/local_agent.py. Needs root.
"""

import base64
import json
import os
import re
import socket
import stat
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import local_agent  # noqa: E402
from cases import Skip, case, results  # noqa: E402
from local_agent import Agent, exit_of, wait_for  # noqa: E402

PROTOS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../runtime/lib/wire/proto")
SHARED = "/run/kata-containers/shared/containers"
WHY = local_agent.missing()
if WHY:
    print(f"1..1\nok 1 - kata-agent-ctl # SKIP {WHY}")
    sys.exit(0)


def b64(data):
    return base64.b64encode(data).decode()


def unb64(text):
    return base64.b64decode(text)


class Watched(Agent):
    """Knows which calls were made."""

    made = set()

    def rpc(self, name, **request):
        self.made.add(name)
        return super().rpc(name, **request)

    def fails(self, name, **request):
        self.made.add(name)
        return super().fails(name, **request)


def expect(agent, status, text, name, **request):
    got = agent.fails(name, **request)
    assert got == (status, text), f"{name}: {got}"


a = Watched()


# ---- the tool alone

@case("the list of calls is that of the .proto files")
def _():
    rpcs = set()
    for name in ("agent.proto", "health.proto"):
        with open(os.path.join(PROTOS, name)) as f:
            rpcs |= set(re.findall(r"^\trpc (\w+)\(", f.read(), re.M))
    listed = re.findall(r"^  (\w+) \(grpc\.\w+\)$", a.ctl("list").out, re.M)
    assert len(listed) == len(set(listed)) == 47 and set(listed) == rpcs, rpcs ^ set(listed)


@case("ids, examples, help and options that make no sense")
def _():
    ids = [subprocess.run([local_agent.CTL, w], capture_output=True, text=True, check=True).stdout for w in ("generate-cid", "generate-sid")]
    assert all(re.fullmatch(r"[0-9a-f]{64}\n", i) for i in ids) and ids[0] != ids[1], ids
    for word, text in (("examples", "--hybrid-vsock -c Check"), ("--help", "--no-auto-values, -n"), ("--version", "kata-agent-ctl ")):
        p = subprocess.run([local_agent.CTL, word], capture_output=True, text=True, check=True)
        assert text in p.stdout and not p.stderr, p
    for argv, text in (([], "expected connect, generate-cid, generate-sid or examples"), (["frob"], 'unknown command "frob"'),
                       (["--nope"], "flag provided but not defined: -nope"), (["connect", "-c", "Check"], "connect needs --server-address"),
                       (["connect", "--server-address", "tcp://x:1", "-c", "Check"], "must begin with vsock://, unix:// or hvsock://"),
                       (["connect", "--server-address", "vsock://3:0", "-c", "Check"], "port must be a number from 1 to"),
                       (["connect", "--server-address", "vsock://3:1", "--hybrid-vsock", "-c", "x"], "--hybrid-vsock needs an address unix://PATH"),
                       (["connect", "--server-address", a.addr], "connect needs --cmd or --interactive"),
                       (["connect", "--server-address", a.addr, "-c", "Check", "-t", "5 parsecs"], '"5 parsecs" is no time'),
                       (["connect", "--server-address", a.addr, "-c", "Check", "--repeat", "-2"], "expected a number, or -1 for ever"),
                       (["-l", "loud", "connect", "--server-address", a.addr, "-c", "Check"], 'unknown log level "loud"')):
        p = subprocess.run([local_agent.CTL, *argv], capture_output=True, text=True, check=False)
        assert p.returncode == 2 and text in p.stderr and p.stderr.startswith("kata-agent-ctl: ") and not p.stdout, p


@case("requests that make no sense are refused before they are sent")
def _():
    for command, text in (("Frob", '"Frob" is neither a built-in command nor a call of the agent'),
                          ("CreateSandbox x=1", 'CreateSandbox: x: grpc.CreateSandboxRequest has no field "x"'),
                          ('CreateSandbox json://{"storages":[{"size":1}]}', "CreateSandbox: storages[0].size: grpc.Storage has no such field"),
                          ("CreateSandbox 'hostname=x", "a quote (') is not closed"),
                          ("CreateSandbox file:///nonexistent", "/nonexistent: No such file or directory"),
                          ("CopyFile data=hex:0", "CopyFile: data: not hexadecimal"),
                          ("SignalProcess signal=SIGNOPE", 'SignalProcess: signal: "SIGNOPE" is not a number'),
                          ("expect NOPE Check", "expect: expected a status such as NOT_FOUND, and a call"),
                          ("repeat x", "repeat: expected a number"), ("sleep", "sleep: expected a time"), ("exec", "exec: expected a command"),
                          ("source /nonexistent", "source: /nonexistent: No such file or directory")):
        p = a.ctl(command)
        assert p.returncode == 1 and text in p.err and not p.out, p


# ---- every call

@case("Check, Version, GetGuestDetails")
def _():
    assert a.rpc("Check", service="x") == {"status": "SERVING"}
    version = a.rpc("Version")
    assert version["grpc_version"] == "0.0.1", version
    d = a.rpc("GetGuestDetails", mem_block_size=True)
    assert d["agent_details"]["version"] == version["agent_version"] and not d["agent_details"]["init_daemon"], d
    assert "virtio-fs" in d["agent_details"]["storage_handlers"] and int(d["mem_block_size_bytes"]) > 0, d


@case("nothing is made before the sandbox, which is made once")
def _():
    expect(a, "FAILED_PRECONDITION", "there is no sandbox yet", "CreateContainer", container_id="c", exec_id="c", OCI=a.spec("true"))
    expect(a, "INVALID_ARGUMENT", 'invalid sandbox id "../up"', "CreateSandbox", sandbox_id="../up")
    storage = {"driver": "ephemeral", "fstype": "tmpfs", "source": "tmpfs", "mount_point": "/run/kata-containers/sandbox/eph", "options": ["size=1m"]}
    a.rpc("CreateSandbox", sandbox_id="box", hostname="sandhost", storages=[storage])
    expect(a, "ALREADY_EXISTS", "there is a sandbox already", "CreateSandbox", sandbox_id="box")
    st = os.statvfs(a.inside(storage["mount_point"]))
    assert st.f_blocks * st.f_frsize == 1 << 20, st


@case("a container's life: create, start, read both outputs, wait, remove")
def _():
    a.create("one", "sh", "-c", "hostname; echo wrong >&2; exit 5")
    a.rpc("StartContainer", container_id="one")
    assert unb64(a.rpc("ReadStdout", container_id="one", len=100)["data"]) == b"sandhost\n"
    assert unb64(a.rpc("ReadStderr", container_id="one", len=3)["data"]) == b"wro"
    assert unb64(a.rpc("ReadStderr", container_id="one", len=100)["data"]) == b"ng\n"
    assert a.rpc("WaitProcess", container_id="one") == {"status": 5}
    assert a.rpc("ReadStdout", container_id="one", len=100) == {"data": ""}
    assert a.rpc("RemoveContainer", container_id="one") == {}
    gone = 'container "one" not found'
    for name in ("StartContainer", "RemoveContainer", "WaitProcess", "ReadStdout", "ReadStderr", "PauseContainer", "ResumeContainer",
                 "StatsContainer", "UpdateContainer", "SignalProcess", "CloseStdin", "WriteStdin", "TtyWinResize"):
        expect(a, "NOT_FOUND", gone, name, container_id="one")
        expect(a, "INVALID_ARGUMENT", 'invalid container id "../one"', name, container_id="../one")


@case("a container that cannot be made says why and leaves nothing")
def _():
    before = a.fds()
    expect(a, "INVALID_ARGUMENT", 'invalid container id "a/b"', "CreateContainer", container_id="a/b", OCI=a.spec("true"))
    status, text = a.fails("CreateContainer", container_id="bad", OCI={})
    assert status == "INVALID_ARGUMENT" and text, text
    a.create("two", "true")
    expect(a, "ALREADY_EXISTS", 'container "two" exists', "CreateContainer", container_id="two", OCI=a.spec("true"))
    a.remove("two")
    assert a.run("bad", "true")[0] == 0
    wait_for(lambda: a.fds() <= before)


@case("another process: ExecProcess, WriteStdin, CloseStdin, SignalProcess")
def _():
    a.start("host", "sleep", "1000")
    a.rpc("ExecProcess", container_id="host", exec_id="cat", process=a.process("sh", "-c", "cat; exit 9"))
    assert a.rpc("WriteStdin", container_id="host", exec_id="cat", data=b64(b"some text")) == {"len": 9}
    assert unb64(a.rpc("ReadStdout", container_id="host", exec_id="cat", len=4)["data"]) == b"some"
    a.rpc("CloseStdin", container_id="host", exec_id="cat")
    assert a.output("host", "cat") == (" text", "")
    assert a.rpc("WaitProcess", container_id="host", exec_id="cat") == {"status": 9}
    expect(a, "NOT_FOUND", 'container "host": process "none" not found', "WaitProcess", container_id="host", exec_id="none")
    expect(a, "INVALID_ARGUMENT", 'invalid exec id "../x"', "ExecProcess", container_id="host", exec_id="../x", process=a.process("true"))
    expect(a, "INVALID_ARGUMENT", "process: missing", "ExecProcess", container_id="host", exec_id="x")
    status, text = a.fails("ExecProcess", container_id="host", exec_id="x", process=a.process("/nonexistent"))
    assert status == "NOT_FOUND" and "/nonexistent" in text, (status, text)
    expect(a, "INVALID_ARGUMENT", "signal 65 is not one", "SignalProcess", container_id="host", signal=65)
    a.rpc("ExecProcess", container_id="host", exec_id="nap", process=a.process("sleep", "1000"))
    a.rpc("SignalProcess", container_id="host", exec_id="nap", signal=15)
    assert a.rpc("WaitProcess", container_id="host", exec_id="nap") == {"status": 143}


@case("TtyWinResize is seen on the terminal")
def _():
    a.start("tty", "sh", "-c", "read x; stty size", terminal=True)
    a.rpc("TtyWinResize", container_id="tty", row=33, column=77)
    a.rpc("WriteStdin", container_id="tty", data=b64(b"go\n"))
    assert "33 77" in a.output("tty")[0]
    a.remove("tty")
    expect(a, "INVALID_ARGUMENT", 'container "host": process "host" has no terminal', "TtyWinResize", container_id="host", row=1, column=1)


@case("PauseContainer stops a container and ResumeContainer lets it go on")
def _():
    log = a.rootfs + "/data/log"
    a.start("beat", "sh", "-c", "while :; do echo x >> /data/log; sleep 0.01; done")
    wait_for(lambda: os.path.exists(log))
    a.rpc("PauseContainer", container_id="beat")
    size = os.path.getsize(log)
    time.sleep(0.3)
    assert os.path.getsize(log) == size
    a.rpc("ResumeContainer", container_id="beat")
    wait_for(lambda: os.path.getsize(log) > size)
    a.rpc("SignalProcess", container_id="beat", signal=9)
    assert a.rpc("WaitProcess", container_id="beat") == {"status": 137}
    a.remove("beat")


@case("UpdateContainer sets limits that StatsContainer shows")
def _():
    before = a.rpc("StatsContainer", container_id="host")["cgroup_stats"]
    assert int(before["cpu_stats"]["cpu_usage"]["total_usage"]) > 0, before
    a.rpc("UpdateContainer", container_id="host", resources={"Pids": {"Limit": 17}, "Memory": {"Limit": 64 << 20}})
    after = a.rpc("StatsContainer", container_id="host")["cgroup_stats"]
    assert int(after["pids_stats"]["limit"]) == 17 and int(after["memory_stats"]["usage"]["limit"]) == 64 << 20, after


@case("GetOOMEvent tells of a container whose memory ended")
def _():
    waiting = subprocess.Popen(a.argv("GetOOMEvent"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    a.made.add("GetOOMEvent")
    code, _, _ = a.run("oom", "dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=1", Resources={"Memory": {"Limit": 16 << 20, "Swap": 16 << 20}})
    assert code == 137, code
    out, err = waiting.communicate(timeout=30)
    assert out == '{"container_id":"oom"}\n', (out, err)
    p = a.ctl("GetOOMEvent", options=["-t", "100ms"])
    # Whoever looks first, the tool or the agent.
    assert p.err in [f"kata-agent-ctl: GetOOMEvent: DEADLINE_EXCEEDED: {t}\n" for t in ("no answer in time", "deadline exceeded")], p


@case("interfaces, routes and neighbours")
def _():
    names = [i["name"] for i in a.rpc("ListInterfaces")["Interfaces"]]
    if "eth7" not in names:
        raise Skip("no veth on this host")
    address = {"family": "v4", "address": "10.1.2.3", "mask": "24"}
    a.rpc("UpdateInterface", interface={"name": "eth0", "hwAddr": "02:00:00:00:00:07", "mtu": 1400, "IPAddresses": [address]})
    card = next(i for i in a.rpc("ListInterfaces")["Interfaces"] if i["name"] == "eth0")
    assert card["mtu"] == "1400" and address in card["IPAddresses"], card
    a.rpc("UpdateRoutes", routes={"Routes": [{"dest": "10.9.0.0/16", "gateway": "10.1.2.1", "device": "eth0"}]})
    assert any(r["dest"] == "10.9.0.0/16" and r["gateway"] == "10.1.2.1" for r in a.rpc("ListRoutes")["Routes"])
    a.rpc("AddARPNeighbors", neighbors={"ARPNeighbors": [{"toIPAddress": {"address": "10.1.2.9"}, "device": "eth0", "lladdr": "02:00:00:00:00:09", "state": 128}]})
    with open(f"/proc/{a.pid}/net/arp") as f:
        assert re.search(r"^10\.1\.2\.9 .* 02:00:00:00:00:09 ", f.read(), re.M)
    expect(a, "DEADLINE_EXCEEDED", "no network interface has the address 02:00:00:00:00:99", "UpdateInterface",
           interface={"name": "x", "hwAddr": "02:00:00:00:00:99"})
    status, text = a.fails("UpdateRoutes", routes={"Routes": [{"dest": "10.8.0.0/16", "device": "none"}]})
    assert status == "NOT_FOUND" and "none" in text, (status, text)


@case("iptables go in and come out")
def _():
    rules = b"*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 10.77.0.0/16 -j DROP\nCOMMIT\n"
    try:
        a.rpc("SetIPTables", data=b64(rules))
    except AssertionError as e:
        a.rpc("GetIPTables") if "UNIMPLEMENTED" not in str(e) else a.made.add("GetIPTables")
        raise Skip("no working iptables on this host") from e
    assert b"-A INPUT -s 10.77.0.0/16 -j DROP" in unb64(a.rpc("GetIPTables")["data"])
    assert b"10.77" not in unb64(a.rpc("GetIPTables", is_ipv6=True)["data"])


@case("CopyFile writes below the share and nowhere else")
def _():
    path = SHARED + "/dir/file"
    a.rpc("CopyFile", path=path, file_size=8, file_mode=0o100640, dir_mode=0o750, data=b64(b"half "), offset=0)
    a.rpc("CopyFile", path=path, file_size=8, file_mode=0o100640, dir_mode=0o750, data=b64(b"two"), offset=5)
    with open(a.inside(path)) as f:
        assert f.read() == "half two"
    assert stat.S_IMODE(os.stat(a.inside(path)).st_mode) == 0o640
    for bad in ("/etc/x", SHARED + "/../../../../etc/x", "relative", ""):
        status, text = a.fails("CopyFile", path=bad, file_size=1, file_mode=0o100640, dir_mode=0o750, data=b64(b"x"))
        assert status in ("PERMISSION_DENIED", "INVALID_ARGUMENT") and text, (bad, status, text)
    status, _ = a.fails("CopyFile", path=path, file_size=1, file_mode=0o100640, dir_mode=0o750, data=b64(b"xx"), offset=-1)
    assert status == "INVALID_ARGUMENT", status
    assert not os.path.exists("/etc/x")


@case("volumes: GetVolumeStats, ResizeVolume, UpdateEphemeralMounts")
def _():
    eph = "/run/kata-containers/sandbox/eph"
    usage = {u["unit"]: u for u in a.rpc("GetVolumeStats", volume_guest_path=eph)["usage"]}
    assert usage["BYTES"]["total"] == str(1 << 20) and int(usage["INODES"]["total"]) > 0, usage
    a.rpc("UpdateEphemeralMounts", storages=[{"driver": "ephemeral", "fstype": "tmpfs", "mount_point": eph, "options": ["size=2m"]}])
    st = os.statvfs(a.inside(eph))
    assert st.f_blocks * st.f_frsize == 2 << 20, st
    expect(a, "NOT_FOUND", 'storage "/nope" is not mounted', "UpdateEphemeralMounts",
           storages=[{"driver": "ephemeral", "fstype": "tmpfs", "mount_point": "/nope", "options": ["size=2m"]}])
    for name in ("GetVolumeStats", "ResizeVolume"):
        expect(a, "NOT_FOUND", 'volume "/nonexistent": No such file or directory', name, volume_guest_path="/nonexistent")
    status, text = a.fails("ResizeVolume", volume_guest_path=eph, size=1 << 20)
    assert status == "UNIMPLEMENTED" and "cannot grow" in text, (status, text)


@case("the machine: processors, memory, random numbers, clock, stale mounts")
def _():
    expect(a, "PERMISSION_DENIED", "the processors are not this agent's: it is in no guest", "OnlineCPUMem", nb_cpus=1)
    assert a.rpc("ReseedRandomDev", data=b64(os.urandom(64))) == {}
    expect(a, "INVALID_ARGUMENT", "data: must have 1 to 65536 bytes", "ReseedRandomDev")
    expect(a, "PERMISSION_DENIED", "the clock is not this agent's: it is in no guest", "SetGuestDateTime", Sec=0)
    assert a.rpc("RemoveStaleVirtiofsShareMounts") == {}


@case("ListProcesses, GetMetrics")
def _():
    pids = json.loads(unb64(a.rpc("ListProcesses", container_id="host", format="json")["process_list"]))
    with open(f"/proc/{a.pid}/root/proc/{pids[0]}/cmdline") as f:
        assert len(pids) == 1 and f.read() == "sleep\0001000\0", pids
    table = unb64(a.rpc("ListProcesses", container_id="host", format="table", args=["-ef"])["process_list"]).decode().splitlines()
    assert table[0].split()[:3] == ["UID", "PID", "PPID"] and len(table) == 2 and table[1].endswith("sleep 1000"), table
    expect(a, "INVALID_ARGUMENT", 'format: "xml" is neither json nor table', "ListProcesses", container_id="host", format="xml")
    expect(a, "NOT_FOUND", 'container "none" not found', "ListProcesses", container_id="none", format="json")
    metrics = a.rpc("GetMetrics")["metrics"]
    assert re.search(r"^kata_agent_\w+(\{.*\})? \d", metrics, re.M) and "# TYPE" in metrics, metrics[:200]


@case("what this agent does not do, and what is not its machine's: each by its words")
def _():
    expect(a, "UNIMPLEMENTED", "this agent records no traces", "StartTracing")
    expect(a, "FAILED_PRECONDITION", "tracing was not started", "StopTracing")
    for name in ("MemAgentMemcgSet", "MemAgentCompactSet"):
        expect(a, "UNIMPLEMENTED", "this agent has no memory agent (agent.mem_agent_enable is not supported)", name, disabled=True)
    expect(a, "PERMISSION_DENIED", "the memory is not this agent's: it is in no guest", "MemHotplugByProbe", memHotplugProbeAddr=["4096"])
    for name, request in (("AddSwap", {"PCIPath": [31]}), ("AddSwapPath", {"path": "/nonexistent"})):
        expect(a, "PERMISSION_DENIED", "swap is not this agent's: it is in no guest", name, **request)
    status, text = a.fails("GetDiagnosticData", log_type="nonsense", container_id="host")
    assert status in ("UNIMPLEMENTED", "INVALID_ARGUMENT") and text, (status, text)


@case("SetPolicy refuses Rego, and then allows what its rules say")
def _():
    rego = "package agent_policy\ndefault AllowRequestsFailingPolicy := false\n"
    status, text = a.fails("SetPolicy", policy=rego)
    assert status == "INVALID_ARGUMENT" and "this is a Rego policy, which this agent cannot evaluate" in text, (status, text)
    assert a.rpc("ListProcesses", container_id="host", format="json")
    other = Watched()
    try:
        other.rpc("SetPolicy", policy='format = 1\n[[allow]]\nrpc = "CreateSandbox"\n[allow.fields]\nhostname = "web-*"\n')
        expect(other, "PERMISSION_DENIED", "CreateSandboxRequest is blocked by policy", "CreateSandbox", sandbox_id="x", hostname="db-1")
        expect(other, "PERMISSION_DENIED", "SetPolicyRequest is blocked by policy", "SetPolicy", policy=rego)
        assert other.rpc("CreateSandbox", sandbox_id="x", hostname="web-1") == {} and other.rpc("Check") == {"status": "SERVING"}
    finally:
        other.stop()


# ---- scripts, streams, connections

@case("exec and attach: streams, exit codes, three megabytes through a pipe")
def _():
    p = a.ctl("exec cid=host process.Env=PATH=/bin process.Env=A=1 process.Cwd=/tmp sh -c 'echo $A $PWD; cat; echo e >&2; exit 7'", data=b"in\n")
    assert (p.returncode, p.out, p.err) == (7, "1 /tmp\nin\n", "e\n"), p
    data = os.urandom(3 << 20)
    p = a.ctl("exec cid=host process.Env=PATH=/bin cat", data=data)
    assert p.returncode == 0 and p.stdout == data
    p = a.ctl("exec cid=host process.Env=PATH=/bin sh -c 'head -c 10 >/dev/null; exit 4'", data=data)
    assert p.returncode == 4, p
    # Input that never ends does not keep a process that has ended.
    r, w = os.pipe()
    p = subprocess.run(a.argv("exec cid=host process.Env=PATH=/bin true"), stdin=r, capture_output=True, check=False, timeout=30)
    os.close(r), os.close(w)
    assert p.returncode == 0, p


@case("a bundle: its spec, its process, another command")
def _():
    bundle = a.dir + "/bundle"
    os.mkdir(bundle)
    os.symlink("../rootfs", bundle + "/rootfs")
    with open(bundle + "/config.json", "w") as f:
        f.write('{"ociVersion":"1.0.2","root":{"path":"rootfs"},"process":{"args":["sh","-c","echo of the bundle; exit 3"],"cwd":"/",'
                '"env":["PATH=/bin"],"user":{"uid":0,"gid":0}},"linux":{"namespaces":[{"type":"mount"},{"type":"pid"}]}}')
    p = a.ctl("CreateContainer", "StartContainer", "attach", "RemoveContainer", options=["-q", "--bundle-dir", bundle])
    assert (p.returncode, p.out, p.err) == (3, "of the bundle\n", ""), p
    p = a.ctl("CreateContainer args='sh -c \"echo $0\" x'", "StartContainer", "output", "expect OK WaitProcess", "RemoveContainer",
              options=["-q", "--bundle-dir", bundle])
    assert (p.returncode, p.out) == (0, 'x\n{"status":0}\n'), p
    p = a.ctl(f"CreateContainer cid=b1 spec=file://{bundle}/config.json", "RemoveContainer")
    assert (p.returncode, p.out) == (0, "{}\n{}\n"), p


@case("scripts: a file of commands, repeat, sleep, expect, the line of an error")
def _():
    script = a.dir + "/script"
    with open(script, "w") as f:
        f.write("# a comment\n\necho one  'two'\nrepeat 3\nCheck\nsleep 50ms\nexpect NOT_FOUND StartContainer cid=none\n"
                'ExecProcess cid=host process.Args=true process.Cwd=/ process.Env=PATH=/bin\nWaitProcess\nquit\nFrob\n')
    start = time.monotonic()
    p = a.ctl("source " + script)
    assert time.monotonic() - start > 0.05
    check = '{"status":"SERVING"}\n'
    assert (p.returncode, p.out) == (0, f"one  'two'\n{check * 3}container \"none\" not found\n{{}}\n{{\"status\":0}}\n"), p
    p = a.ctl("source -", data=b"Check\nStartContainer cid=none\nCheck\n")
    assert (p.returncode, p.out) == (1, check), p
    assert p.err == 'kata-agent-ctl: source: standard input:2: StartContainer: NOT_FOUND: container "none" not found\n', p
    with open(script, "w") as f:
        f.write(f"source {script}\n")
    p = a.ctl("source " + script)
    assert p.returncode == 1 and "more than 16 scripts inside each other" in p.err, p
    p = a.ctl("expect OK StartContainer cid=none")
    assert p.err == 'kata-agent-ctl: expect: StartContainer: expected OK, but it ended with NOT_FOUND: container "none" not found\n', p


@case("--repeat, --ignore-errors, --quiet, --interactive, -l debug, several commands after one -c")
def _():
    check = '{"status":"SERVING"}\n'
    assert a.ctl("Check", options=["--repeat", "4"]).out == check * 4
    p = a.ctl("StartContainer cid=none", "Check", options=["--ignore-errors", "-r", "2"])
    assert (p.returncode, p.out) == (0, check * 2) and p.err.count("ignoring: StartContainer: NOT_FOUND") == 2, p
    assert a.ctl("Check", options=["-q"]).out == ""
    p = a.ctl(options=["-i"], data=b"Check\nStartContainer cid=none\nCheck\n")
    assert p.returncode == 1 and p.out == f"Enter command: {check}" + f"Enter command: Enter command: {check}Enter command: ", p
    assert p.err == 'kata-agent-ctl: StartContainer: NOT_FOUND: container "none" not found\n', p
    p = subprocess.run([local_agent.CTL, "-l", "debug", "connect", "--server-address", a.addr, "-c", "Check service=x", "Version", "-n"],
                       capture_output=True, text=True, check=True)
    assert p.stdout.count("\n") == 2 and 'grpc.Health.Check {\\"service\\":\\"x\\"}' in p.stderr, p


def serve_once(listener, port):
    """What a hybrid vsock does: a line, an answer, and then the stream of the agent."""
    conn, _ = listener.accept()
    line = b""
    while not line.endswith(b"\n"):
        line += conn.recv(1)
    if line != b"CONNECT %d\n" % port:
        conn.close()
        return
    conn.sendall(b"OK 1073741824\n")
    agent = socket.socket(socket.AF_UNIX)
    agent.connect(a.sock)

    def copy(src, dst):
        while data := src.recv(65536):
            dst.sendall(data)
        dst.shutdown(socket.SHUT_WR)

    t = threading.Thread(target=copy, args=(agent, conn), daemon=True)
    t.start()
    copy(conn, agent)
    t.join()


@case("hybrid vsock and abstract sockets")
def _():
    for name, options in ((a.dir + "/hybrid.sock", ["--hybrid-vsock"]), ("@" + a.dir + "/x", ["--hybrid-vsock", "--hybrid-vsock-port", "1026"])):
        port = 1026 if len(options) > 1 else 1024
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(name.replace("@", "\0"))
            listener.listen(2)
            t = threading.Thread(target=serve_once, args=(listener, port), daemon=True)
            t.start()
            argv = [local_agent.CTL, "connect", "--server-address", "unix://" + name, *options, "-t", "20s", "-c", "Check"]
            p = subprocess.run(argv, capture_output=True, text=True, check=False)
            assert p.stdout == '{"status":"SERVING"}\n', p
            t.join(5)
            # A port on which nobody listens.
            t = threading.Thread(target=serve_once, args=(listener, 7), daemon=True)
            t.start()
            p = subprocess.run(argv, capture_output=True, text=True, check=False)
            assert p.returncode == 1 and f"nothing listens on port {port}" in p.stderr, p
            t.join(5)
    p = subprocess.run([local_agent.CTL, "connect", "--server-address", "unix:///nonexistent/sock", "-c", "list", "-c", "Check"],
                       capture_output=True, text=True, check=False)
    assert p.returncode == 1 and "Check: UNAVAILABLE: cannot reach the agent: " in p.stderr and "Built-in commands" in p.stdout, p


# ---- the end

@case("DestroySandbox ends the containers and the agent")
def _():
    waiting = subprocess.Popen(a.argv("WaitProcess cid=host"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.2)
    a.rpc("DestroySandbox")
    out, err = waiting.communicate(timeout=20)
    assert out == '{"status":137}\n' or "WaitProcess: " in err, (out, err)
    assert exit_of(a.proc) == 0
    assert "panic" not in a.log_text()


@case("no call was left out")
def _():
    listed = set(re.findall(r"^  (\w+) \(grpc\.\w+\)$", a.ctl("list").out, re.M))
    assert a.made == listed, a.made ^ listed


a.stop()
print(f"1..{len(results)}")
sys.exit(0 if all(results) else 1)
