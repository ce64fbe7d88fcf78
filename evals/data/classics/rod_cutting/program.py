def best_revenue(prices, length):
    """Highest revenue from cutting a rod; prices[i] is paid for a piece of length i + 1."""
    revenue = [0] * (length + 1)
    for total in range(1, length + 1):
        for piece in range(1, min(total, len(prices)) + 1):
            candidate = prices[piece - 1] + revenue[length - piece]
            revenue[total] = max(revenue[total], candidate)
    return revenue[length]


def gain_from_cutting(prices, length):
    """How much more the best cuts bring than selling the rod in one piece."""
    whole = prices[length - 1] if length <= len(prices) else 0
    return best_revenue(prices, length) - whole
