# SPDX-License-Identifier: Apache-2.0
"""A way to PostgreSQL that is cut at a statement: before it arrives, or before its answer does."""

from __future__ import annotations

import contextlib
import socket
import threading


class CutConnection:
    """Forwards connections to a port of this machine. Use in a with-block."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.has_cut = False
        self._text = b""  # to cut at; empty: nowhere
        self._is_forwarded = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []

    def cut_at(self, text: bytes, *, is_forwarded: bool) -> None:
        """The next connection that a client sends this text on ends there. is_forwarded: when the
        server has executed it, and its answer is on the way; else before the server has it."""
        self.has_cut, self._is_forwarded, self._text = False, is_forwarded, text

    def __enter__(self) -> CutConnection:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listener, *self._sockets):
            self._end(one)

    def _end(self, one: socket.socket) -> None:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.to))
                except OSError:
                    client.close()
                    continue
                self._sockets += [client, server]
                threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answers, args=(client, server), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if self._text and self._text in data:
                    self._text = b""
                    self.has_cut = True
                    if self._is_forwarded:
                        client.shutdown(socket.SHUT_RD)
                        self._answers_to_nobody(client, server, data)
                    break
                server.sendall(data)
        self._end(client)
        self._end(server)

    def _answers_to_nobody(self, client: socket.socket, server: socket.socket, data: bytes) -> None:
        """The client's side is closed first, so that no answer passes; then the server gets it, and
        its connection ends when it has answered."""
        self._end(client)
        server.sendall(data)
        server.settimeout(10)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)  # it executes what it has, and ends
            while server.recv(65536):
                pass

    def _answers(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
        self._end(client)
