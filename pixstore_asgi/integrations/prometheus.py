"""For Prometheus: what is served, timed and counted with prometheus_client, over all workers where that is set up."""

from starlette.types import Scope

from ..errors import WireState

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
except ImportError as error:
    raise ImportError(
        "pixstore_asgi.integrations.prometheus needs prometheus_client: pip install prometheus-client"
    ) from error

__all__ = ["PrometheusMetrics"]

_FORBIDDEN = "Forbidden"
_LABELS = (*(state.label for state in WireState), _FORBIDDEN)
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class PrometheusMetrics:
    """What an application answers, as metrics: `PixstoreApp(pix, on_served=PrometheusMetrics())`.

    pixstore_answer_seconds: a histogram of the time from a request to the end of its answer; its count is the number of
    requests. pixstore_sent_bytes_total: bytes of answers. Both by `state`, the wire state's label or Forbidden, where
    `authorize` refused; no label holds an id. Make one for all applications of a process.

    registry: where they are registered, by default prometheus_client's own. Over several workers its multi-process
    mode adds them up.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._seconds = Histogram(
            "pixstore_answer_seconds",
            "From a request for an image to the end of its answer.",
            ["state"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._bytes = Counter("pixstore_sent_bytes", "Bytes of the answers.", ["state"], registry=registry)
        for label in _LABELS:  # a rate of what never happened is 0, not absent
            self._seconds.labels(label)
            self._bytes.labels(label)

    def __call__(self, scope: Scope, image_id: str, state: WireState | None, sent: int, ms: float) -> None:
        """Count one answer."""
        label = _FORBIDDEN if state is None else state.label
        self._seconds.labels(label).observe(ms / 1000)
        self._bytes.labels(label).inc(sent)
