"""Tests of what applications are tested with."""
