"""Calls by the thousand on real Asterisk, with SIPp as the carrier: how many, how quickly, at what cost."""
