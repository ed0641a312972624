"""Status of the local servers, for people and as JSON."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refera_platform.sandbox.servers import process
from refera_platform.sandbox.servers.process import Daemon
from refera_platform.sandbox.stack_file import Account, StackAddress


@dataclass(frozen=True, kw_only=True)
class ServerStatus:
    """Status of one local server."""

    name: str
    is_running: bool
    pid: int | None
    address: str
    """``host:port`` or URL; empty when the server was never started."""
    data: Path
    log_path: Path
    uptime_seconds: float | None
    """Seconds since it was started."""
    answers: bool | None = None
    """Whether it answered a request; ``None`` when it was not probed, or does not run."""

    @property
    def state(self) -> str:
        """``stopped``, ``running`` or ``does not answer``."""
        if not self.is_running:
            return "stopped"
        return "does not answer" if self.answers is False else "running"

    @classmethod
    def of_daemon(cls, server: Daemon, address: str) -> "ServerStatus":
        """The status of a server by the process table."""
        pid = process.pid_of(server)
        return cls(
            name=server.name,
            is_running=pid is not None,
            pid=pid,
            address=address,
            data=server.data,
            log_path=server.log_path,
            uptime_seconds=None if pid is None else process.uptime_seconds(pid),
        )

    def to_json(self) -> dict[str, Any]:
        """The status as plain values."""
        return {
            "running": self.is_running,
            **({} if self.answers is None else {"answers": self.answers}),
            "pid": self.pid,
            "uptime_seconds": None if self.uptime_seconds is None else round(self.uptime_seconds, 1),
            "data": str(self.data),
            "log": str(self.log_path),
        }


@dataclass(frozen=True, kw_only=True)
class StackStatus:
    """All local servers of one home."""

    home: Path
    servers: tuple[ServerStatus, ...]
    address: StackAddress | None
    """``None`` when no stack was ever started in ``home``."""

    @property
    def is_running(self) -> bool:
        """Whether every server runs, and answered when it was probed."""
        return all(server.state == "running" for server in self.servers)

    def to_json(self) -> dict[str, Any]:
        """State, address and credentials of every server; the credentials give access."""
        states = {server.name.lower(): server.to_json() for server in self.servers}
        if self.address is not None:
            database, store = self.address.mariadb, self.address.s3

            def account_json(owner: Account) -> dict[str, str]:
                return {"user": owner.user, "password": owner.password, "url": database.url(owner)}

            states["mariadb"] |= {
                "host": database.host,
                "port": database.port,
                "socket": database.socket,
                "database": database.database,
                "admin": account_json(database.admin),
                "reader": account_json(database.reader),
            }
            states["seaweedfs"] |= {
                "endpoint": store.endpoint,
                "region": store.region,
                "access_key": store.access_key,
                "secret_key": store.secret_key,
                "bucket": store.bucket,
            }
        return {"home": str(self.home), "running": self.is_running, "servers": states}
