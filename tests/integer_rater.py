"""An independent rater of calls out, in whole numbers alone, written from the rule and not from Mesa's code (mission.md 7.3)."""


from datetime import datetime


def cents(number, started, seconds, prices, client, zone):
    """What a call costs in whole cents; None when nothing prices it."""
    def local_day(second):
        return datetime.fromtimestamp(int(started.timestamp()) + second, zone).date()

    def tariff_on(day):
        for owner in (client, None):
            of_owner = [one for one in prices.tariffs if one.client == owner and one.since <= day]
            if of_owner:
                return sorted(of_owner, key=lambda one: one.since)[-1]

    def rate_on(day):
        tariff = tariff_on(day)
        for length in range(len(number), -1, -1):
            for one in tariff.rates if tariff else ():
                if one.prefix == number[:length]:
                    return one

    if seconds < 1:
        return 0
    first = rate_on(local_day(0))
    if first is None:
        return None
    split = tariff_on(local_day(0)).across == 'split'
    million = 1_000_000
    total = int(first.connection * million) * 60       # in millionths of a peso, times the seconds of a minute
    at = 0
    while at < seconds or at < first.minimum_s:
        step = rate_on(local_day(at)) if split else first
        if step is None:
            return None
        total += int(step.per_minute * million) * step.increment_s
        at += step.increment_s
    return (total * 2 + 60 * million // 100) // (2 * 60 * million // 100)
