"""How operations look: `model` says what, `static`, `widget` and `terminal` draw it, `shown` chooses among them."""
