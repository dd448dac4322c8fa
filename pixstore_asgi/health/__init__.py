"""Health: tells a load balancer whether to send requests, and delays SIGTERM until the load balancer has noticed."""
