"""/-/live and /-/ready: whether the process answers, and whether a load balancer should send it requests."""

from starlette.types import Scope, Send

from ..health.readiness import Readiness
from .http import send_json

_LIVE, _READY = "/-/live", "/-/ready"
HEALTH = frozenset({_LIVE, _READY})


async def serve_health(path: str, readiness: Readiness, scope: Scope, send: Send) -> None:
    """Answer GET or HEAD of a path in HEALTH, without a proof: 200, or 503 with one word for the reason."""
    obstacle = await readiness.obstacle() if path == _READY else None
    answer = {path.removeprefix("/-/"): obstacle is None} | ({"reason": obstacle} if obstacle else {})
    await send_json(503 if obstacle else 200, answer, [], scope, send)
