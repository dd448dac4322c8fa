"""Traces by OpenTelemetry: the spans of served images, as an SDK gets them."""

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode
from starlette.types import Receive, Scope, Send

from pixstore_asgi import Pixstore, PixstoreApp, StoreError, WireState
from pixstore_asgi.integrations.opentelemetry import PixstoreTracing
from pixstore_asgi.serving.cache import ImageCache
from tests.support.asgi import client
from tests.support.batches import body_of, entry_of
from tests.support.requests import headers
from tests.support.samples import large_png, picture

STEPS = ["pixstore.decide", "pixstore.find", "pixstore.send"]


class Traced:
    """An SDK's provider, and the spans that it was given. `images`: those of images, each with its steps."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    @property
    def images(self) -> list[tuple[ReadableSpan, list[ReadableSpan]]]:
        return [(span, self.below(span)) for span in self.spans if span.name == "pixstore.image"]

    def below(self, span: ReadableSpan) -> list[ReadableSpan]:
        return [child for child in self.spans if child.parent and child.parent.span_id == span.context.span_id]


@pytest.fixture
def traced() -> Traced:
    return Traced()


@pytest.mark.parametrize("size", [300, 3_000_000])
async def test_an_image_has_a_span_of_three_steps(pix: Pixstore, traced: Traced, size: int) -> None:
    """They follow on each other and fill it, and it tells the state and the bytes, and nothing else."""
    record = await pix.save_image(large_png(size))
    async with client(PixstoreApp(pix, on_served=PixstoreTracing(traced.provider))) as http:
        answer = await http.get(f"/{record.id}", headers=headers(record))
    ((span, steps),) = traced.images
    assert [step.name for step in steps] == STEPS
    moments = [(step.start_time, step.end_time) for step in steps]
    assert [moments[0][0], moments[-1][1]] == [span.start_time, span.end_time]
    assert [end for _, end in moments[:-1]] == [start for start, _ in moments[1:]]
    assert span.attributes == {"pixstore.state": "Success", "http.response.body.size": len(answer.content)}
    assert not any(step.attributes for step in steps)


async def test_it_lies_below_the_span_of_the_request(pix: Pixstore, traced: Traced) -> None:
    """As of an ASGI middleware that traces the application; so does each image of a batch."""
    records = [await pix.save_image(picture()) for _ in range(2)]
    images = PixstoreApp(pix, on_served=[PixstoreTracing(traced.provider)])
    tracer = traced.provider.get_tracer("host")

    async def host(scope: Scope, receive: Receive, send: Send) -> None:
        with tracer.start_as_current_span(scope["path"]):
            await images(scope, receive, send)

    async with client(host) as http:
        await http.get(f"/{records[0].id}", headers=headers(records[0]))
        body = body_of(*map(entry_of, records))
        await http.post("/-/batch", content=body, headers={"content-type": "text/plain"})
    one, batch = (span for span in traced.spans if span.name.startswith("/"))
    assert [span.name for span in traced.below(one)] == ["pixstore.image"]
    assert [span.name for span in traced.below(batch)] == ["pixstore.image"] * 2


async def test_refusals_and_failures_have_their_states(
    pix: Pixstore, traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only failures of the server are errors."""
    record, forbidden = await pix.save_image(picture()), await pix.save_image(picture())
    app = PixstoreApp(
        pix, on_served=PixstoreTracing(traced.provider), authorize=lambda scope, image_id: image_id == record.id
    )

    def fail(*_: object) -> None:
        raise StoreError("it is gone")

    async with client(app) as http:
        await http.get(f"/{record.id}")
        await http.get(f"/{forbidden.id}", headers=headers(forbidden))
        monkeypatch.setattr(ImageCache, "find_nowait", fail)
        await http.get(f"/{record.id}", headers=headers(record))
    told = [(span.attributes or {}).get("pixstore.state") for span, _ in traced.images]
    assert told == [WireState.MISSING_PROOF.label, "Forbidden", WireState.INTERNAL_ERROR.label]
    assert [span.status.status_code for span, _ in traced.images] == [StatusCode.UNSET] * 2 + [StatusCode.ERROR]
    failed = traced.images[-1][0].attributes or {}
    assert failed["error.type"] == "InternalError"


async def test_what_is_not_sampled_costs_no_steps(pix: Pixstore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A span that is not recorded has none below it."""
    record = await pix.save_image(picture())
    tracing = PixstoreTracing(TracerProvider(sampler=ALWAYS_OFF))
    begun: list[str] = []
    start_span = tracing._tracer.start_span

    def started(name: str, *arguments: object, **options: object) -> object:
        begun.append(name)
        return start_span(name, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(tracing._tracer, "start_span", started)
    async with client(PixstoreApp(pix, on_served=tracing)) as http:
        await http.get(f"/{record.id}", headers=headers(record))
    assert begun == ["pixstore.image"]
