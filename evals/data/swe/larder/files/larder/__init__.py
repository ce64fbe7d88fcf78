"""Stocks, recipes and shopping lists."""
