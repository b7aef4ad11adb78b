#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""containerd's runc shim, by ctr and by docker, with runk as its binary; both daemons in directories of their own."""

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import Skip, case, tool  # noqa: E402
from runk import RUNK, finish, make_rootfs, need_root  # noqa: E402

DIR = tempfile.mkdtemp(prefix="ctrd-", dir="/var/tmp")
IMAGE = "docker.io/library/bb:latest"


def image_tar():
    """An OCI layout of one layer, made by hand."""
    root = make_rootfs(DIR + "/rootfs")
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as t:
        t.add(root, arcname=".")
    blobs = {}

    def add(data, kind):
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"mediaType": kind, "digest": "sha256:" + digest, "size": len(data)}
    lay = add(layer.getvalue(), "application/vnd.oci.image.layer.v1.tar")
    conf = add(json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]},
                           "rootfs": {"type": "layers", "diff_ids": [lay["digest"]]}}).encode(), "application/vnd.oci.image.config.v1+json")
    man = add(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": conf,
                          "layers": [lay]}).encode(), "application/vnd.oci.image.manifest.v1+json")
    man["annotations"] = {"io.containerd.image.name": IMAGE, "org.opencontainers.image.ref.name": "latest"}
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
             "index.json": json.dumps({"schemaVersion": 2, "manifests": [man]}).encode()}
    files.update({"blobs/sha256/" + k: v for k, v in blobs.items()})
    # For docker, whose load wants its own form.
    files["manifest.json"] = json.dumps([{"Config": "blobs/sha256/" + conf["digest"][7:], "RepoTags": ["bb:latest"],
                                          "Layers": ["blobs/sha256/" + lay["digest"][7:]]}]).encode()
    with tarfile.open(DIR + "/bb.tar", "w") as t:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    return DIR + "/bb.tar"


class Daemon:
    """A daemon that is started by the first case that wants it, and ended with the program."""

    def __init__(self):
        self.proc = None

    def start(self, argv, ready):
        need_root()
        tool(argv[0])
        self.log = open(f"{DIR}/{argv[0]}.log", "w")
        self.proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        end = time.time() + 20
        while not ready():
            if self.proc.poll() is not None or time.time() > end:
                with open(self.log.name) as f:
                    tail = f.read().splitlines()[-3:]
                self.end()
                raise Skip(f"{argv[0]} does not start here: " + " | ".join(tail))
            time.sleep(0.1)

    def end(self):
        if self.proc and self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
            try:
                self.proc.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        self.proc = None


containerd, dockerd = Daemon(), Daemon()
SOCK = DIR + "/containerd.sock"


def call(*argv, ok=True):
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    if ok and p.returncode:
        raise AssertionError(f"{' '.join(argv)}: exit {p.returncode}\n{p.stdout}{p.stderr}")
    return p


def ctr(*args, ok=True):
    need_root()
    if not containerd.proc:
        with open(DIR + "/config.toml", "w") as f:
            f.write(f'version = 2\nroot = "{DIR}/cd-root"\nstate = "{DIR}/cd-state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
                    f'[grpc]\naddress = "{SOCK}"\n')
        containerd.start(["containerd", "-c", DIR + "/config.toml"],
                         lambda: call("ctr", "-a", SOCK, "version", ok=False).returncode == 0)
        call("ctr", "-a", SOCK, "i", "import", image_tar())
    return call("ctr", "-a", SOCK, *args, ok=ok)


RUN = ("run", "--runtime", "io.containerd.runc.v2", "--runc-binary", RUNK)


@case("ctr run: exit code and output; a program that is not there is an error that names it")
def _():
    p = ctr(*RUN, "--rm", IMAGE, "a1", "sh", "-c", "echo hello; id -u; exit 3", ok=False)
    assert (p.returncode, p.stdout) == (3, "hello\n0\n"), p
    p = ctr(*RUN, "--rm", IMAGE, "a2", "nosuch", ok=False)
    assert p.returncode == 1 and 'exec "nosuch": executable file not found in $PATH' in p.stderr, p


@case("ctr exec, pause, metrics, kill, delete of a task")
def _():
    ctr(*RUN, "-d", "--memory-limit", str(64 << 20), IMAGE, "b1", "sleep", "1000")
    p = ctr("task", "exec", "--exec-id", "e1", "b1", "sh", "-c", "echo in; exit 4", ok=False)
    assert (p.returncode, p.stdout) == (4, "in\n"), p
    assert ctr("task", "exec", "--exec-id", "e2", "b1", "nosuch", ok=False).returncode != 0
    assert "RUNNING" in ctr("task", "ls").stdout
    ctr("task", "pause", "b1")
    assert "PAUSED" in ctr("task", "ls").stdout
    ctr("task", "resume", "b1")
    assert "memory" in ctr("task", "metrics", "b1").stdout
    assert len(ctr("task", "ps", "b1").stdout.splitlines()) == 2
    ctr("task", "kill", "-s", "KILL", "b1")
    end = time.time() + 10
    while "STOPPED" not in ctr("task", "ls").stdout and time.time() < end:
        time.sleep(0.1)
    ctr("task", "delete", "b1", ok=False)
    ctr("c", "delete", "b1")
    assert "b1" not in ctr("c", "ls").stdout


def docker(*args, ok=True):
    need_root()
    host = f"unix://{DIR}/docker.sock"
    if not dockerd.proc:
        ctr("version")
        with open(DIR + "/daemon.json", "w") as f:
            json.dump({"runtimes": {"runk": {"path": RUNK}}}, f)
        dockerd.start(["dockerd", "--config-file", DIR + "/daemon.json", "-H", host, "--data-root", DIR + "/d-root", "--exec-root",
                       DIR + "/d-exec", "--pidfile", DIR + "/d.pid", "--containerd", SOCK, "--bridge", "none", "--iptables=false",
                       "--default-ulimit", "nofile=1024:1024"],
                      lambda: call("docker", "-H", host, "version", ok=False).returncode == 0)
        call("docker", "-H", host, "load", "-i", DIR + "/bb.tar")
    return call("docker", "-H", host, *args, ok=ok)


@case("docker run, exec, stop, logs, rm; with docker's own seccomp profile")
def _():
    run = ("run", "--runtime", "runk", "--network", "none")
    p = docker(*run, "--rm", "bb", "sh", "-c", "grep -c 'Seccomp:.2' /proc/self/status; exit 3", ok=False)
    assert (p.returncode, p.stdout) == (3, "1\n"), p
    assert docker(*run, "--rm", "bb", "nosuch", ok=False).returncode == 127
    docker(*run, "-d", "--name", "d1", "bb", "sh", "-c", "echo up; trap 'exit 5' TERM; while :; do sleep 0.1; done")
    p = docker("exec", "d1", "sh", "-c", "id -u; exit 6", ok=False)
    assert (p.returncode, p.stdout) == (6, "0\n"), p
    docker("update", "--memory", "64m", "--memory-swap", "128m", "d1")
    docker("stop", "-t", "5", "d1")
    assert docker("inspect", "-f", "{{.State.ExitCode}}", "d1").stdout == "5\n"
    assert docker("logs", "d1").stdout == "up\n"
    docker("rm", "d1")


class Clean:
    def end(self):
        dockerd.end()
        containerd.end()
        shutil.rmtree(DIR, ignore_errors=True)


sys.exit(finish(Clean()))
