"""The ASGI layer: routes, headers, and delivery of payloads to clients that may be slow or disconnected."""
