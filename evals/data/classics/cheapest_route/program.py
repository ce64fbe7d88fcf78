import heapq


def cheapest_route(fares, origin, destination):
    """Stops of the cheapest route and its price; fares maps a stop to {next stop: price}. (None, None) without one."""
    best = {origin: 0}
    previous = {}
    queue = [(0, origin)]
    while queue:
        price, stop = heapq.heappop(queue)
        if stop == destination:
            return rebuild(previous, origin), price
        if price > best[stop]:
            continue
        for following, fare in fares.get(stop, {}).items():
            total = price + fare
            if following not in best or total < best[following]:
                best[following] = total
                previous[following] = stop
                heapq.heappush(queue, (total, following))
    return None, None


def rebuild(previous, stop):
    """Follow the links back to the stop that has none."""
    route = [stop]
    while stop in previous:
        stop = previous[stop]
        route.append(stop)
    return route[::-1]
