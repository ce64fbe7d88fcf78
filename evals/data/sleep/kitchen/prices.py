def line_total(price, count, deal=None):
    if deal is None:
        return price * count
    take, pay = deal
    sets, rest = divmod(count, take)
    return price * (sets * pay + rest)


def cheapest(shops, item):
    offers = [(prices[item], shop) for shop, prices in shops.items() if item in prices]
    if not offers:
        return None
    price, shop = min(offers)
    return shop


def split_bill(total, people):
    share = total // people
    extra = total % people
    return [share + 1] * extra + [share] * (people - extra)
