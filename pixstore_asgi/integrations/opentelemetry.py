"""OpenTelemetry: a span for each served image, with child spans for its steps. It needs only the OpenTelemetry API."""

import time

from .. import __version__
from ..asgi.served import Observer, ServedImage
from ..errors import WireState

try:
    from opentelemetry.trace import Status, StatusCode, TracerProvider, get_tracer, set_span_in_context
except ImportError as error:
    raise ImportError(
        "pixstore_asgi.integrations.opentelemetry needs the OpenTelemetry API: pip install opentelemetry-api"
    ) from error

__all__ = ["PixstoreTracing"]


class PixstoreTracing(Observer):
    """Traces the answers of an application: `PixstoreApp(pix, on_served=PixstoreTracing())`.

    Each image gets a span `pixstore.image`. Its parent is the request's own span, if there is one. Its children are
    `pixstore.decide` (the proof and the application's rule), `pixstore.find` (the image, in memory or in the store) and
    `pixstore.send`.

    The attributes are `pixstore.state` (the label of the wire state, or Forbidden), `http.response.body.size` (the
    bytes sent) and, for InternalError, `error.type`. No attribute contains an id or a proof.

    Args:
        tracer_provider: The tracer provider. Default: the one that the application has set globally.
    """

    def __init__(self, tracer_provider: TracerProvider | None = None) -> None:
        self._tracer = get_tracer("pixstore_asgi", __version__, tracer_provider)

    def ended(self, image: ServedImage) -> None:
        """Write the spans of one answer."""
        epoch_ns = time.time_ns() - time.perf_counter_ns()  # spans have the wall clock's time
        begun, passed, found, ended = (
            epoch_ns + moment for moment in (image.begun_ns, image.passed_ns, image.found_ns, image.ended_ns)
        )
        span = self._tracer.start_span("pixstore.image", start_time=begun)
        if span.is_recording():
            span.set_attributes({"pixstore.state": image.label, "http.response.body.size": image.sent})
            below = set_span_in_context(span)
            for step, start, end in (("decide", begun, passed), ("find", passed, found), ("send", found, ended)):
                self._tracer.start_span(f"pixstore.{step}", below, start_time=start).end(end)
            if image.state is WireState.INTERNAL_ERROR:
                span.set_attribute("error.type", image.label)
                span.set_status(Status(StatusCode.ERROR))
        span.end(ended)
