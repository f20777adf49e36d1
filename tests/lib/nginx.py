# SPDX-License-Identifier: Apache-2.0
"""A real nginx in front of a manager: it compresses responses, and cuts requests that take too
long."""

from __future__ import annotations

import subprocess
from pathlib import Path

from connd_testing import InBlock, Program, eventually, free_port

CONFIG = """
daemon off;
master_process off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx.error;
events {{ worker_connections 64; }}
http {{
    access_log {directory}/nginx.access;
    client_body_temp_path {directory}/t1;
    proxy_temp_path {directory}/t2;
    fastcgi_temp_path {directory}/t3;
    uwsgi_temp_path {directory}/t4;
    scgi_temp_path {directory}/t5;
    gzip {gzip};
    gzip_types application/json;
    gzip_proxied any;
    gzip_min_length 20000;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass {target};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_read_timeout {timeout};
            {more}
        }}
    }}
}}
"""


class Nginx(InBlock):
    def __init__(
        self, directory: Path, target: str, gzip: bool = True, timeout: str = "60s", more: str = ""
    ) -> None:
        self.directory = directory / "nginx"
        self.directory.mkdir()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = self.directory / "nginx.conf"
        self.config.write_text(
            CONFIG.format(
                directory=self.directory, port=self.port, target=target, timeout=timeout,
                gzip="on" if gzip else "off", more=more,
            )
        )  # fmt: skip

    def start(self) -> Nginx:
        self.program = Program(
            ["/usr/sbin/nginx", "-p", self.directory, "-c", self.config], self.directory / "stderr"
        )
        eventually(self.is_listening, "nginx listens")
        return self

    def is_listening(self) -> bool:
        assert self.program
        self.program.assert_running()
        table = subprocess.run(["ss", "-ltnH"], capture_output=True, text=True, check=True).stdout
        return f"127.0.0.1:{self.port} " in table

    def stop(self) -> None:
        assert self.program
        self.program.stop()

    def statuses(self, target: str = "") -> list[int]:
        """The statuses of the requests so far whose target contains this part."""
        lines = (self.directory / "nginx.access").read_text().splitlines()
        return [int(line.split('" ')[1].split()[0]) for line in lines if target in line]
