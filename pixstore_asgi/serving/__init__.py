"""Serves images: checks proofs, decides on payloads, keeps images in memory."""
