"""Prometheus: counts and times answers with prometheus_client, also over several workers in its multi-process mode."""

from ..asgi.served import LABELS, Observer, ServedImage
from ..errors import ConfigError

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
except ImportError as error:
    raise ImportError(
        "pixstore_asgi.integrations.prometheus needs prometheus_client: pip install prometheus-client"
    ) from error

__all__ = ["PrometheusMetrics"]

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_READ_BUCKETS_S = (0.0001, 0.00025, 0.0005, *_BUCKETS_S)


class PrometheusMetrics(Observer):
    """Counts and times the answers of an application: `PixstoreApp(pix, on_served=PrometheusMetrics())`.

    - pixstore_answer_seconds, a histogram: seconds from the request until the server accepted the whole answer
    - pixstore_sent_bytes_total, a counter: body bytes that the server accepted
    - pixstore_open_answers, a gauge: answers that are being sent
    - pixstore_store_read_seconds, a histogram: seconds until the store found an image that was not in memory

    The first two have the label `state`: the label of the wire state, or Forbidden if `authorize` refused the image. No
    label contains an id. Create one instance for all applications of a process.

    Args:
        registry: The registry. Default: prometheus_client's own. In multi-process mode, the workers' values are added
            up.

    Raises:
        ConfigError: The registry already has these metrics.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        try:
            self._seconds = Histogram(
                "pixstore_answer_seconds",
                "From a request for an image until the server had taken the whole answer.",
                ["state"],
                buckets=_BUCKETS_S,
                registry=registry,
            )
        except ValueError:
            raise ConfigError(
                "the registry has the metrics of another PrometheusMetrics already: make one for each "
                "registry, such as PrometheusMetrics(CollectorRegistry()) for the application of each test"
            ) from None
        self._bytes = Counter(
            "pixstore_sent_bytes", "Bytes of answers that the server took.", ["state"], registry=registry
        )
        self._open = Gauge(
            "pixstore_open_answers", "Answers being sent.", multiprocess_mode="livesum", registry=registry
        )
        self._reads = Histogram(
            "pixstore_store_read_seconds",
            "Until the store had found an image that was not in memory.",
            buckets=_READ_BUCKETS_S,
            registry=registry,
        )
        for label in LABELS:  # create the series now, so that the rate of a state that never occurred is 0
            self._seconds.labels(label)
            self._bytes.labels(label)

    def begins(self, image: ServedImage) -> None:
        """Add one to the answers that are being sent."""
        self._open.inc()

    def ended(self, image: ServedImage) -> None:
        """Record the time and bytes of an answer that has ended."""
        self._open.dec()
        self._seconds.labels(image.label).observe((image.ended_ns - image.begun_ns) / 1e9)
        self._bytes.labels(image.label).inc(image.sent)

    def read(self, seconds: float) -> None:
        """Record the time of one image that was read from the store."""
        self._reads.observe(seconds)
