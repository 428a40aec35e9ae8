/* Cron expressions and time zones of a plan, in the words of calendar. */
#include "plan/internal.h"
#include "rollbook/calendar.h"

/* The schema has said it already when there are not five. */
static bool five_fields(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, " ", -1);
    int fields = 0;

    for (char **part = parts; *part; part++)
        fields += **part != '\0';
    return fields == 5 && *text != ' ' && !g_str_has_suffix(text, " ");
}

void roll_plan_check_cron(struct roll_findings *findings, const char *pointer, const char *text)
{
    struct roll_cron cron;
    roll_auto(error) struct roll_error *err = NULL;

    if (text && five_fields(text))
        err = roll_cron_parse(text, &cron);

    if (err)
        roll_findings_add(findings, pointer, "%s", err->message);
}

/* Only its name is looked up: a rollback needs no zone, and is not refused where the machine has no
 * database. */
void roll_plan_check_zone(struct roll_findings *findings, const char *pointer, const char *text)
{
    if (text && !roll_zone_plausible(text))
        roll_findings_add(findings, pointer, "there is no time zone '%.64s'", text);
}
