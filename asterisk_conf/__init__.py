"""Templates of the Asterisk configuration, as data; `dialer.asterisk` renders them."""
