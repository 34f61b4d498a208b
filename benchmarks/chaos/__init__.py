"""Every fault under load on real Asterisk: what became of each call, by the carrier's file and the ledger."""
