/* Answers questions about time, a line each, for a test in another language.
 *
 *   instant ZONE LOCAL          UTC seconds of a local time (given in seconds as if it were UTC)
 *   local ZONE UTC              and back
 *   runs ZONE FROM TO CRON      all instants in [FROM, TO)
 *   open FROM TO WINDOWS FREEZES  when it opens and closes in [FROM, TO): begins with "open" or
 * "closed" at FROM; JSON without blanks; changes are found by asking for the next one again and
 * again */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rollbook/calendar.h"

enum { LINE_SIZE = 65536 };

static void must(struct roll_error *err)
{
    if (!err)
        return;
    printf("error %s\n", err->message);
    exit(1);
}

static int64_t seconds(char **at)
{
    return g_ascii_strtoll(*at, at, 10);
}

static char *word(char **at)
{
    *at += strspn(*at, " ");
    char *begin = *at;
    *at += strcspn(*at, " ");
    if (**at)
        *(*at)++ = '\0';
    return begin;
}

static void answer_runs(const struct roll_zone *zone, char *rest)
{
    int64_t from = seconds(&rest) * 1000, to = seconds(&rest) * 1000;
    struct roll_cron cron;

    must(roll_cron_parse(rest, &cron));
    for (int64_t at = roll_cron_next(&cron, zone, from - 1); at < to;
         at = roll_cron_next(&cron, zone, at))
        printf("%" PRId64 " ", at / 1000);
    putchar('\n');
}

static void answer_open(char *rest)
{
    int64_t from = seconds(&rest) * 1000, to = seconds(&rest) * 1000;
    g_auto(GStrv) parts = g_strsplit(rest, "\t", 2);
    json_t *windows = json_loads(parts[0], 0, NULL);
    json_t *freezes = parts[0] ? json_loads(parts[1], 0, NULL) : NULL;
    roll_auto(calendar) struct roll_calendar *calendar = NULL;
    struct roll_calendar_state state;

    must(roll_calendar_new(windows, freezes, &calendar));
    roll_calendar_at(calendar, from, &state);
    printf("%s", state.open ? "open" : "closed");
    while (state.until < to) {
        int64_t at = state.until;
        printf(" %" PRId64, at / 1000);
        roll_calendar_at(calendar, at, &state);
    }
    putchar('\n');
    json_decref(windows);
    json_decref(freezes);
}

static void answer_zone(const char *verb, char *rest)
{
    roll_auto(zone) struct roll_zone *zone = NULL;

    must(roll_zone_open(word(&rest), &zone));
    if (strcmp(verb, "runs") == 0)
        answer_runs(zone, rest);
    else if (strcmp(verb, "instant") == 0)
        printf("%" PRId64 "\n", roll_zone_instant(zone, seconds(&rest) * 1000) / 1000);
    else
        printf("%" PRId64 "\n", roll_zone_local(zone, seconds(&rest) * 1000) / 1000);
}

int main(void)
{
    g_autofree char *line = g_malloc(LINE_SIZE);

    while (fgets(line, LINE_SIZE, stdin)) {
        char *rest = line;
        line[strcspn(line, "\n")] = '\0';
        const char *verb = word(&rest);
        if (strcmp(verb, "open") == 0)
            answer_open(rest);
        else
            answer_zone(verb, rest);
    }
    return 0;
}
