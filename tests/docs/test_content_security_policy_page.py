"""content-security-policy.md: its middleware for other frameworks; the application runs in tests/browser."""

import re

from django.http import HttpRequest, HttpResponse
from litestar import get
from litestar.testing import TestClient

from tests.docs.conftest import RunSnippet
from tests.support.django_setup import configure_django
from tests.support.paths import DOCS

DJANGO, LITESTAR = re.findall(
    r"```python\n(# (?:Django|Litestar).*?)```", (DOCS / "content-security-policy.md").read_text(), re.DOTALL
)
POLICY = "script-src 'self'; connect-src 'self'; worker-src 'self'; img-src 'self' blob:"


@get("/")
async def page() -> str:
    return "a page"


def test_each_framework_sends_the_policy(run_snippet: RunSnippet) -> None:
    """Responses of Django's middleware and of Litestar have the policy."""
    configure_django()
    answer = run_snippet(DJANGO)["security_policy"](lambda _: HttpResponse())(HttpRequest())
    assert answer["Content-Security-Policy"] == POLICY
    app = run_snippet(LITESTAR)["app"]
    app.register(page)
    with TestClient(app) as http:
        assert http.get("/").headers["content-security-policy"] == POLICY
