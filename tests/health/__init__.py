"""Tests of the answers to load balancers."""
