def two_teams(rivals):
    """Split people into two teams so that no two rivals share one; None where that cannot be done.

    rivals maps each person to a list of rivals, in both directions.
    """
    team = {}
    for person in rivals:
        if person in team:
            continue
        team[person] = False
        stack = [person]
        while stack:
            current = stack.pop()
            for rival in rivals[current]:
                if rival not in team:
                    team[rival] = team[current]
                    stack.append(rival)
                elif team[rival] == team[current]:
                    return None
    return {name for name in team if team[name]}, {name for name in team if not team[name]}
