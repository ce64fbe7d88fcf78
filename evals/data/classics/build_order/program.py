from collections import deque


def build_order(requirements):
    """An order in which every target comes after what it requires; ValueError for a circle.

    requirements maps a target to the targets that must be built before it.
    """
    missing = {target: len(needed) for target, needed in requirements.items()}
    users = {target: [] for target in requirements}
    for target, needed in requirements.items():
        for other in needed:
            users[other].append(target)
    ready = deque(target for target, count in missing.items() if count == 0)
    order = []
    while ready:
        target = ready.popleft()
        order.append(target)
        for user in users[target]:
            missing[user] -= 1
            if missing[user] > 0:
                ready.append(user)
    if len(order) < len(requirements):
        raise ValueError("the requirements go round in a circle")
    return order
