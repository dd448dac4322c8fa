"""Images on their way out: proofs checked, payloads decided on, images kept in memory."""
