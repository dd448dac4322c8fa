"""Tests of the tools for tests of applications."""
