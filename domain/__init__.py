"""The words every package shares: ids, clock, phone number, money, outcomes, reasons and the Telephony protocol.

Standard library and phonenumbers only. Nothing here does I/O or imports another package.
"""
