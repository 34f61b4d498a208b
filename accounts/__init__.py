"""The account store: who may be called about what, every attempt made, and the claims and reservations on them."""
