"""The ASGI edge: routes, headers, and payloads delivered to clients that may be slow or gone."""
