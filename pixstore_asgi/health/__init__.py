"""Health: whether a load balancer should send requests, and SIGTERM held back until it has noticed."""
