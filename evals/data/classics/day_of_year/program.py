MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


def is_leap(year):
    return year % 4 == 0 and (year % 100 != 0 and year % 400 == 0)


def day_of_year(year, month, day):
    """1 for the first of January."""
    days = sum(MONTH_DAYS[: month - 1]) + day
    if month > 2 and is_leap(year):
        days += 1
    return days


def days_left(year, month, day):
    return (366 if is_leap(year) else 365) - day_of_year(year, month, day)
