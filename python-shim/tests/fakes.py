# SPDX-License-Identifier: Apache-2.0
"""A fake connd for what a real one does not do on demand: faults and timing."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress

from airflow_connd import _wire

NUL = b"\0"


def reply(value, **more):
    parameters = {"value": value, "generation": 1, "state": "fresh", "age_ms": 12, **more}
    return json.dumps({"parameters": parameters}).encode() + NUL


def error(name, **parameters):
    if "." not in name:
        name = "io.connd.secrets." + name
    return json.dumps({"error": name, "parameters": parameters}).encode() + NUL


def parse(frame, is_object=False):
    """The value of a response frame that has been received already."""
    return _wire.value(is_object, lambda: frame)


class FakeConnd:
    """Listens at `path`; the n-th connection is given to the n-th script, later ones to the last.

    A script is a function of a Peer; when it returns, the connection is closed.
    """

    def __init__(self, path, scripts, backlog=64):
        self.path = path
        self.scripts = list(scripts)
        self.accepted = 0
        self.requests = []
        self.stopping = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(backlog)
        self._peers = []
        self._lock = threading.Lock()
        if scripts:
            self.accept()

    def accept(self):
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                if self.stopping.is_set():
                    sock.close()
                    return
                with self._lock:
                    script = self.scripts[min(self.accepted, len(self.scripts) - 1)]
                    self.accepted += 1
                    self._peers.append(sock)
                threading.Thread(target=self._serve, args=(script, sock), daemon=True).start()

    def _serve(self, script, sock):
        with suppress(OSError):
            script(Peer(self, sock))
        sock.close()

    def stop(self):
        self.stopping.set()
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self._peers:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class Peer:
    def __init__(self, server, sock):
        self.server = server
        self.sock = sock
        self._pending = b""

    def request(self):
        """The next request as a dict, or None if the client has closed."""
        while NUL not in self._pending:
            data = self.sock.recv(65536)
            if not data:
                return None
            self._pending += data
        frame, _, self._pending = self._pending.partition(NUL)
        asked = json.loads(frame)
        self.server.requests.append(asked)
        return asked

    def send(self, data):
        self.sock.sendall(data)

    def hold(self):
        """Sends nothing more, and keeps the connection open."""
        self.server.stopping.wait(30)


def answers(store):
    """A well-behaved connd with these records: {"conn:x": text, "var:y": text or reply bytes}."""

    def script(peer):
        while (asked := peer.request()) is not None:
            parameters = asked["parameters"]
            if asked["method"].endswith("GetConnection"):
                kind, key = "conn", parameters["conn_id"]
            else:
                kind, key = "var", parameters["key"]
            found = store.get(f"{kind}:{key}")
            if found is None:
                found = error("NotFound", kind=kind, key=key, state="fresh", age_ms=3)
            peer.send(found if isinstance(found, bytes) else reply(found))

    return script


def echo(peer):
    """Responds with the key as the value."""
    while (asked := peer.request()) is not None:
        peer.send(reply(asked["parameters"]["key"]))
