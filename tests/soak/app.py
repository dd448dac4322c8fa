"""The application of tests.stress.server_app, on a host whose clock steps."""

from tests.soak import clock

clock.install()

from tests.stress.server_app import app  # noqa: E402

__all__ = ["app"]
