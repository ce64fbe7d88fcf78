"""A small shop: what it sells, what is in stock, what a basket costs. Money is in cents."""
