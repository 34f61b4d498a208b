"""What demos, tests and training dial instead of the telephone network. Shipped, because a demo is part of the product."""
