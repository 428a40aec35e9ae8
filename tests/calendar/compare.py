"""Time zones, cron, windows and freezes, computed independently and compared.

The independent computation knows no rule about gaps and doubled hours: it walks through UTC minute by minute, asks zoneinfo
what the clock on the wall shows, and looks at what that clock skips or shows for the second time.
"""
import json
import random
import subprocess
import sys
from datetime import datetime, timedelta, timezone

try:
    from zoneinfo import ZoneInfo

    ZoneInfo("Europe/Berlin")
except Exception as error:  # no module before Python 3.9, or no database
    print("skipped: zoneinfo is not usable:", error)
    sys.exit(77)

ANSWERS = sys.argv[1]
UTC = timezone.utc
EPOCH = datetime(1970, 1, 1)
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo"]
MINUTE = 60


def ask(questions):
    """All questions through one process: a list of answers."""
    process = subprocess.run([ANSWERS], input="\n".join(questions) + "\n", capture_output=True, text=True, check=False)
    answers = process.stdout.splitlines()
    if process.returncode != 0 or len(answers) != len(questions):
        sys.exit("calendar-answers failed: %s %s" % (answers[-1:], process.stderr))
    return answers


def utc(*when):
    return int(datetime(*when, tzinfo=UTC).timestamp())


class Wall:
    """What a zone's clock shows at each minute of a year, as seconds since 1970 of that clock."""

    def __init__(self, name, first, last):
        zone = ZoneInfo(name)
        self.name = name
        self.times = range(first, last, MINUTE)
        self.shows = []
        self.found = None
        offset = None
        for at in self.times:
            # an offset changes at a whole minute: ask for each hour, and for each minute of an hour in which it changes
            if offset is None or at % 3600 == 0:
                offset = self.offset(zone, at)
                same = self.offset(zone, at + 3599) == offset
            self.shows.append(at + (offset if same else self.offset(zone, at)))

    @staticmethod
    def offset(zone, at):
        return int(datetime.fromtimestamp(at, zone).utcoffset().total_seconds())

    def changes(self):
        """Indexes of the minutes at which the clock jumps."""
        return [i for i in range(1, len(self.shows)) if self.shows[i] != self.shows[i - 1] + MINUTE]


def instants(wall):
    """Local minute -> first instant, by walking: what is skipped belongs to the minute after it."""
    if wall.found is not None:
        return wall.found
    found = wall.found = {}
    reached = wall.shows[0] - MINUTE
    for at, shows in zip(wall.times, wall.shows):
        for local in range(reached + MINUTE, shows + 1, MINUTE):
            found[local] = at
        reached = max(reached, shows)
    return found


def check_zones(walls):
    questions, expected = [], []
    for wall in walls.values():
        found = instants(wall)
        near = set(range(0, len(wall.shows), 997))
        for i in wall.changes():
            near.update(range(i - 240, i + 240))
        for i in near:
            at, shows = wall.times[i], wall.shows[i]
            questions.append("local %s %d" % (wall.name, at))
            expected.append(shows)
            for local in (shows, at):  # also local minutes that the clock never shows
                if local in found:
                    questions.append("instant %s %d" % (wall.name, local))
                    expected.append(found[local])
        for i in wall.changes():
            for local in range(wall.shows[i - 1] - 7200, wall.shows[i] + 7200, MINUTE):
                questions.append("instant %s %d" % (wall.name, local))
                expected.append(found[local])
    compare(questions, expected)
    return len(questions)


def compare(questions, expected):
    for question, answer, wanted in zip(questions, ask(questions), expected):
        if answer.strip() != str(wanted):
            sys.exit("%s: %s, expected %s" % (question[:300], answer[:300], str(wanted)[:300]))


# ---- cron, without looking at fields as sets of bits ---------------------------------------------

NAMES = {n: i for i, n in enumerate("SUN MON TUE WED THU FRI SAT".split())}
NAMES.update({n: i + 1 for i, n in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split())})


def number(text):
    return NAMES[text] if text in NAMES else int(text)


def member(field, value, low, high):
    for item in field.split(","):
        span, _, step = item.partition("/")
        first, dash, last = span.partition("-")
        begin, end = (low, high) if span == "*" else (number(first), number(last) if dash else number(first))
        if begin <= value <= end and (value - begin) % int(step or 1) == 0:
            return True
    return False


def day_matches(cron, local):
    _, _, day, month, weekday = cron.split()
    when = EPOCH + timedelta(seconds=local)
    week = when.isoweekday() % 7
    of_month = member(day, when.day, 1, 31)
    of_week = member(weekday, week, 0, 7) or (week == 0 and member(weekday, 7, 0, 7))
    both = day.startswith("*") or weekday.startswith("*")
    return member(month, when.month, 1, 12) and (of_month and of_week if both else of_month or of_week)


def minutes(cron):
    minute, hour = cron.split()[:2]
    return [h * 3600 + m * 60 for h in range(24) for m in range(60) if member(hour, h, 0, 23) and member(minute, m, 0, 59)]


CRONS = ["30 2 * * *", "*/15 1-3 * * *", "0 9 * * MON-THU", "0 10 * * TUE,THU", "15 2 1-7 3,4,10,11 SUN", "59 1 29 2 *",
         "*/7 * * * SUN", "0 0 13 * FRI", "45 23 */10 * *", "0 3 * * 7", "5,35 2 * OCT-NOV/1 0"]


def runs(cron, found, first, last):
    """found: local minute -> instant. The local days are all that it can hold."""
    chosen = minutes(cron)
    days = range(min(found) // 86400 * 86400, max(found) + 1, 86400)
    locals_ = (day + minute for day in days if day_matches(cron, day) for minute in chosen)
    return sorted({found[local] for local in locals_ if local in found and first <= found[local] < last})


def check_cron(walls, randomly):
    questions, expected = [], []
    for wall in walls.values():
        found = instants(wall)
        first, last = wall.times[0] + 86400 * 2, wall.times[-1] - 86400 * 2
        for cron in CRONS:
            questions.append("runs %s %d %d %s" % (wall.name, first, last, cron))
            expected.append(" ".join(map(str, runs(cron, found, first, last))))
        near = {}
        for i in wall.changes():
            near.update({local: found[local] for local in range(wall.shows[i] - 86400, wall.shows[i] + 86400, MINUTE)})
        for i in wall.changes():
            begin, end = wall.times[i] - 36000, wall.times[i] + 36000
            for _ in range(40):
                cron = random_cron(randomly)
                questions.append("runs %s %d %d %s" % (wall.name, begin, end, cron))
                expected.append(" ".join(map(str, runs(cron, near, begin, end))))
    compare(questions, expected)
    return len(questions)


def random_cron(randomly):
    def field(low, high):
        first = randomly.randint(low, high)
        last = randomly.randint(first, high)
        return randomly.choice(["*", "*/%d" % randomly.randint(1, 9), str(first), "%d-%d" % (first, last),
                                "%d-%d/%d" % (first, last, randomly.randint(1, 5)), "%d,%d" % (first, last)])

    return "%s %s * * %s" % (field(0, 59), field(0, 4), randomly.choice(["*", "0-6", "SUN", "SAT,SUN"]))


# ---- windows and freezes -------------------------------------------------------------------------


def changes(wall, windows, freezes, first, last):
    """Open or not, minute by minute; the changes."""
    found = instants(wall)
    marks = [0] * (len(wall.times) + 1)
    for window in windows:
        for at in runs(window["cron"], found, wall.times[0], wall.times[-1]):
            begin = (at - wall.times[0]) // MINUTE
            for i in range(begin, min(begin + window["minutes"], len(marks))):
                marks[i] |= 1
    for freeze in freezes:
        begin, end = (found[int((datetime.fromisoformat(freeze[k]) - EPOCH).total_seconds())] for k in ("from", "to"))
        for i in range((begin - wall.times[0]) // MINUTE, (end - wall.times[0]) // MINUTE):
            marks[i] |= 2
    states = [(at, marks[i] == 1 if windows else marks[i] == 0) for i, at in enumerate(wall.times) if first <= at < last]
    borders = [at for (_, was), (at, now) in zip(states, states[1:]) if was != now]
    return " ".join(["open" if states[0][1] else "closed"] + list(map(str, borders)))


def check_windows(walls):
    questions, expected = [], []
    for wall in walls.values():
        year = datetime.fromtimestamp(wall.times[len(wall.times) // 2], UTC).year
        windows = [{"name": "office", "cron": "0 9 * * MON-THU", "for": "PT8H", "minutes": 480},
                   {"name": "night", "cron": "30 1 * * *", "for": "PT3H", "minutes": 180},
                   {"name": "late", "cron": "0 16 * * MON,TUE", "for": "PT90M", "minutes": 90}]
        freezes = [{"name": "autumn", "from": "%d-10-01T02:30" % year, "to": "%d-10-05T02:15" % year},
                   {"name": "spring", "from": "%d-03-29T02:30" % year, "to": "%d-03-31T00:00" % year},
                   {"name": "more", "from": "%d-03-30T12:00" % year, "to": "%d-04-02T12:00" % year}]
        for some, closed in ((windows, []), (windows[:1], freezes), (windows, freezes), ([], freezes)):
            for rule in some + closed:
                rule["zone"] = wall.name
            first, last = wall.times[0] + 86400 * 2, wall.times[-1] - 86400 * 2
            plain = [{k: v for k, v in rule.items() if k != "minutes"} for rule in some]
            questions.append("open %d %d %s\t%s" % (first, last, json.dumps(plain), json.dumps(closed)))
            expected.append(changes(wall, some, closed, first, last))
    compare(questions, expected)
    return len(questions)


def main():
    randomly = random.Random(4711)
    for year in (2026, 2041):  # 2041: beyond what the database lists one by one
        walls = {name: Wall(name, utc(year, 1, 1), utc(year + 1, 1, 1)) for name in (ZONES if year == 2026 else ZONES[:1])}
        counts = check_zones(walls), check_cron(walls, randomly), check_windows(walls)
        print("%d: %d times, %d cron expressions, %d sets of windows are equal" % ((year,) + counts))


main()
