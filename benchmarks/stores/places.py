"""The places for images that are compared, with a PostgreSQL and an S3 server of this run's own."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.postgres import Cluster, running_cluster
from tests.support.s3 import running_s3

from ..environment import missing_programs
from ..own_images import OwnImages

SQLITE, POSTGRES, SQLITE_FILES = "SQLite", "PostgreSQL", "SQLite + files"
_SETTINGS = {"fsync": "on", "shared_preload_libraries": "'pg_stat_statements'"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where images are kept; `schema` has its tables and `cluster` runs them, where that is PostgreSQL."""

    name: str
    schema: str
    images: OwnImages
    cluster: Cluster | None

    @property
    def database_pid(self) -> int | None:
        """The process id of its database server, if it has one."""
        return self.cluster.process.pid if self.cluster and self.cluster.process else None


@contextmanager
def places(folder: Path) -> Iterator[list[Place]]:
    """Run the installed servers, and yield each database with its bodies beside its rows, SQLite with bodies in files,
    and each database with a bucket.
    """
    with ExitStack() as stack:
        databases: dict[str, tuple[str, Cluster | None]] = {SQLITE: (str(folder / "{}.db"), None)}
        if not missing_programs("postgres"):
            cluster = stack.enter_context(_durable_cluster())
            databases[POSTGRES] = (cluster.url("postgres") + "?schema={}", cluster)
        bodies: dict[str, str | None] = dict.fromkeys(databases)
        bodies[SQLITE_FILES] = str(folder / "{}")
        if not missing_programs("weed"):
            server = stack.enter_context(running_s3())
            os.environ.update(server.environment)  # for this process and the servers that it starts
            bodies |= {f"{name} + S3": server.url("{}") for name in databases}
        found = []
        for name, blobs in bodies.items():
            database, cluster_of_it = databases[name.partition(" + ")[0]]
            own = name.lower().replace(" + ", "_")
            images = OwnImages(database.format(own), blobs and blobs.format(own), folder=folder)
            found.append(Place(name, own, stack.enter_context(images), cluster_of_it))
        yield found


@contextmanager
def _durable_cluster() -> Iterator[Cluster]:
    """Run PostgreSQL as it is by default, where the tests' own never syncs; it counts statements."""
    with running_cluster() as cluster:
        for name, value in _SETTINGS.items():
            cluster.run(f"ALTER SYSTEM SET {name} = {value}")
        cluster.stop()
        cluster.start()
        cluster.run("CREATE EXTENSION pg_stat_statements")
        yield cluster
