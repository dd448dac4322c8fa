"""The application of tests.stress.server_app, on a host with a clock that steps."""

from tests.soak import clock

clock.install()

from tests.stress.server_app import app  # noqa: E402

__all__ = ["app"]
