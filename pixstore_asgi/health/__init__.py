"""Whether a process should be sent requests: what a load balancer asks, and how SIGTERM reaches it in time."""
