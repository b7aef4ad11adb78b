#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bytes that no client would send to the agent: it answers with an error or hangs up, and goes on serving others.

Environment: see tests/support/local_agent.py. Needs root.
"""

import os
import random
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import local_agent  # noqa: E402
from cases import case, results  # noqa: E402
from local_agent import Agent, wait_for  # noqa: E402

MAX_PAYLOAD = 4 << 20
MAX_CALLS = 1024
REQUEST, RESPONSE, DATA = 1, 2, 3
OK, INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED = 0, 3, 8, 12
WHY = local_agent.missing()
if WHY:
    print(f"1..1\nok 1 - hostile clients # SKIP {WHY}")
    sys.exit(0)


# ---- a client that knows the bytes and nothing else

def varint(n):
    out = b""
    n &= (1 << 64) - 1
    while n > 0x7f:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def call(service, method, payload=b""):
    return field(1, service) + field(2, method) + (field(3, payload) if payload else b"")


def frame(stream, payload, kind=REQUEST, flags=0, length=None):
    return struct.pack(">IIBB", len(payload) if length is None else length, stream, kind, flags) + payload


def parse(data):
    """The last value of each field of a message."""
    out, i = {}, 0

    def number():
        nonlocal i
        n = shift = 0
        while True:
            n |= (data[i] & 0x7f) << shift
            shift += 7
            i += 1
            if data[i - 1] < 0x80:
                return n

    while i < len(data):
        key = number()
        if key & 7:
            n = number()
            out[key >> 3] = data[i:i + n]
            i += n
        else:
            out[key >> 3] = number()
    return out


class Raw(socket.socket):
    def __init__(self, agent):
        super().__init__(socket.AF_UNIX)
        self.connect(agent.sock)  # without a time-out: with one, a full backlog is an error
        self.settimeout(20)

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def answer(self):
        """(stream, status code, text)."""
        length, stream, kind, _ = struct.unpack(">IIBB", self.exactly(10))
        assert kind == RESPONSE, kind
        status = parse(parse(self.exactly(length)).get(1, b""))
        return stream, status.get(1, 0), status.get(2, b"").decode()

    def is_closed(self):
        try:
            while self.recv(65536):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            return False
        return True


CHECK = call(b"grpc.Health", b"Check")
OOM = call(b"grpc.AgentService", b"GetOOMEvent")
a = Agent()
a.rpc("CreateSandbox", sandbox_id="box")
a.rpc("Check")


def serves():
    assert a.rpc("Check") == {"status": "SERVING"}


@case("the client of this test can call")
def _():
    with Raw(a) as c:
        c.sendall(frame(1, CHECK) + frame(3, CHECK))
        assert [c.answer(), c.answer()] == [(1, OK, ""), (3, OK, "")]
        c.sendall(frame(5, call(b"grpc.Health", b"Nope")))
        assert c.answer() == (5, UNIMPLEMENTED, "/grpc.Health/Nope is not supported")


@case("a byte at a time is a request too")
def _():
    with Raw(a) as c:
        c.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        for b in frame(1, CHECK):
            c.sendall(bytes([b]))
        assert c.answer() == (1, OK, "")


@case("frames of 4 MiB: the last that fits, the first that does not")
def _():
    head = len(call(b"grpc.AgentService", b"WriteStdin")) + 5  # tag and length of field 3
    inner = field(1, b"nobody")
    data = field(3, b"x" * (MAX_PAYLOAD - head - len(inner) - 5))
    full = call(b"grpc.AgentService", b"WriteStdin", inner + data)
    assert len(full) == MAX_PAYLOAD, len(full)
    with Raw(a) as c:
        c.sendall(frame(1, full))
        assert c.answer() == (1, 5, 'container "nobody" not found')
        c.sendall(frame(3, full + b"\0"))
        stream, code, text = c.answer()
        assert (stream, code) == (3, RESOURCE_EXHAUSTED) and str(MAX_PAYLOAD) in text, text
        c.sendall(frame(5, CHECK))
        assert c.answer() == (5, OK, "")
    # 40 of them at once, never read.
    clients = [Raw(a) for _ in range(10)]
    for c in clients:
        c.setblocking(False)
        for stream in (1, 3, 5, 7):
            try:
                c.send(frame(stream, full))
            except BlockingIOError:
                break
    serves()
    for c in clients:
        c.close()
    serves()


@case("half frames do not keep others waiting")
def _():
    halves = [frame(1, CHECK)[:n] for n in (1, 4, 9, 10, 12, len(CHECK) + 9)] + [frame(1, b"", length=MAX_PAYLOAD), frame(1, b"", length=1)]
    clients = [Raw(a) for _ in halves]
    for c, half in zip(clients, halves):
        c.sendall(half)
    serves()
    for c in clients:
        c.shutdown(socket.SHUT_WR)
    assert all(c.is_closed() for c in clients)
    for c in clients:
        c.close()
    serves()


@case("lengths that are negative, in frames and in messages")
def _():
    for length in (0xffffffff, 0x80000000, 0xfffffff6, MAX_PAYLOAD * 2):
        with Raw(a) as c:
            c.sendall(frame(1, CHECK, length=length))
            c.shutdown(socket.SHUT_WR)
            assert c.is_closed()
    for bad in (varint(1 << 3 | 2) + varint(-1), varint(3 << 3 | 2) + varint(-1) + b"x", varint(1 << 3 | 2) + varint(1 << 31) + b"x",
                b"\xff" * 11, b"\x0a", b"\x07", b"\x00\x00", field(1, b"a\0b")):
        with Raw(a) as c:
            c.sendall(frame(1, bad))
            stream, code, text = c.answer()
            assert (stream, code) == (1, INVALID_ARGUMENT) and text, (bad, stream, code, text)
        for method in (b"CreateContainer", b"CreateSandbox", b"CopyFile", b"UpdateRoutes"):
            with Raw(a) as c:
                c.sendall(frame(1, call(b"grpc.AgentService", method, bad)))
                stream, code, text = c.answer()
                assert stream == 1 and code != OK and text, (method, bad, code, text)
    serves()


@case("stream numbers, types and flags that are wrong")
def _():
    for frames in (frame(0, CHECK), frame(2, CHECK), frame(3, CHECK) + frame(1, CHECK), frame(1, CHECK) + frame(1, CHECK), frame(1, CHECK, kind=RESPONSE),
                   frame(1, CHECK, kind=DATA), frame(1, CHECK, kind=0), frame(1, CHECK, kind=255), frame(0xffffffff, CHECK), frame(1, CHECK, flags=255), frame(1, b"")):
        with Raw(a) as c:
            c.sendall(frames)
            c.shutdown(socket.SHUT_WR)
            assert c.is_closed()
    serves()


@case("10,000 streams on one connection")
def _():
    fds = a.fds()
    codes = {}
    with Raw(a) as c:
        c.sendall(b"".join(frame(1 + 2 * i, OOM) for i in range(10000)))
        for _ in range(10000 - MAX_CALLS):
            _, code, _ = c.answer()
            codes[code] = codes.get(code, 0) + 1
        assert codes == {RESOURCE_EXHAUSTED: 10000 - MAX_CALLS}, codes
        serves()
    # All of them are gone with their connection: as many fit again.
    with Raw(a) as c:
        c.sendall(frame(1, OOM) + frame(3, CHECK))
        assert c.answer() == (3, OK, "")
    wait_for(lambda: a.fds() <= fds)


@case("10,000 calls one after another, answers read at the end")
def _():
    with Raw(a) as c:
        c.settimeout(60)
        seen = 0
        for at in range(0, 10000, 500):
            c.sendall(b"".join(frame(1 + 2 * i, CHECK) for i in range(at, at + 500)))
            seen += sum(c.answer()[1] == OK for _ in range(500))
        assert seen == 10000, seen


@case("a client that never reads blocks nobody, and is hung up on in the end")
def _():
    with Raw(a) as c:
        c.setblocking(False)
        sent, stuck = 0, 0
        block = b"".join(frame(1 + 2 * i, call(b"grpc.AgentService", b"GetGuestDetails")) for i in range(200000))
        end = time.monotonic() + 5
        while sent < len(block) and time.monotonic() < end and stuck < 20:
            try:
                sent += c.send(block[sent:sent + 65536])
                stuck = 0
            except BlockingIOError:
                stuck += 1
                time.sleep(0.01)
            except (BrokenPipeError, ConnectionResetError):
                break
        serves()
    serves()


@case("400 idle connections")
def _():
    fds = a.fds()
    clients = [Raw(a) for _ in range(400)]
    serves()
    clients[7].sendall(frame(1, CHECK))
    assert clients[7].answer() == (1, OK, "")
    for c in clients:
        c.close()
    wait_for(lambda: a.fds() <= fds)


@case("300 connections of random bytes, and of valid ones with bits turned")
def _():
    rnd = random.Random(20)
    good = frame(1, call(b"grpc.AgentService", b"CreateContainer", field(1, b"c") + field(6, field(1, b"1.0"))))
    for i in range(300):
        data = bytearray(good if i % 2 else rnd.randbytes(rnd.randrange(1, 4000)))
        for _ in range(rnd.randrange(1, 6) if i % 2 else 0):
            data[rnd.randrange(len(data))] ^= 1 << rnd.randrange(8)
        with Raw(a) as c:
            try:
                c.sendall(bytes(data))
                c.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError):
                continue
            assert c.is_closed()
    serves()


@case("after all that: nothing is open, little memory is held, containers run")
def _():
    wait_for(lambda: a.fds() < 40)
    assert a.run("after", "sh", "-c", "exit 3")[0] == 3
    rss = a.rss_kb()
    print(f"# RSS {rss} kB, {a.fds()} descriptors")
    assert rss < 16384, rss
    assert a.proc.poll() is None


a.stop()
print(f"1..{len(results)}")
sys.exit(0 if all(results) else 1)
