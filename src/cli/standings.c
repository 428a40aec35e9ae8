/* Where the targets of an environment stand: a few by name, a fleet in groups, the failed first;
 * and how far a fleet's rollout is. */
#include "standings.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/time.h"

enum { FEW_TARGETS = 20, SHOWN_NAMES = 8 };

/* ---- groups ---------------------------------------------------------------------------------- */

struct group {
    char *release;  /* NULL: dirty */
    GString *names; /* the first of them */
    int64_t count;
};

static void group_free(gpointer item)
{
    struct group *group = item;

    g_free(group->release);
    g_string_free(group->names, TRUE);
    g_free(group);
}

struct standings {
    GString *each; /* "weu 1.1.0, neu dirty", of the first FEW_TARGETS */
    GPtrArray *groups;
    int64_t all;
};

static struct group *find_group(struct standings *standings, const char *release)
{
    for (guint i = 0; i < standings->groups->len; i++) {
        struct group *group = g_ptr_array_index(standings->groups, i);
        if (g_strcmp0(group->release, release) == 0)
            return group;
    }
    struct group *group = g_new0(struct group, 1);
    group->release = g_strdup(release);
    group->names = g_string_new(NULL);
    g_ptr_array_add(standings->groups, group);
    return group;
}

static struct roll_error *take_target(void *user, const struct roll_target_row *row)
{
    struct standings *standings = user;
    const char *release = row->release ? row->release : "nothing";
    struct group *group = find_group(standings, row->dirty ? NULL : release);

    if (standings->all++ < FEW_TARGETS)
        g_string_append_printf(standings->each, "%s%s %s", standings->each->len ? ", " : "",
                               row->target, row->dirty ? "dirty" : release);
    if (group->count++ < SHOWN_NAMES)
        g_string_append_printf(group->names, "%s%s", group->names->len ? ", " : "", row->target);
    return NULL;
}

/* What is dirty first, then the few: they are what is looked for. */
static int by_need(gconstpointer a, gconstpointer b)
{
    const struct group *left = *(const struct group *const *)a;
    const struct group *right = *(const struct group *const *)b;

    if (!left->release != !right->release)
        return left->release ? 1 : -1;
    return left->count < right->count ? -1 : left->count > right->count;
}

static char *group_line(const char *stream, const struct group *group, bool named)
{
    GString *line = g_string_new(NULL);

    g_string_append_printf(line, "%s: %" PRId64 " ", stream, group->count);
    if (group->release)
        g_string_append_printf(line, "%s %s", group->count == 1 ? "has" : "have", group->release);
    else
        g_string_append(line, "dirty");
    if (named)
        g_string_append_printf(line, ": %s", group->names->str);
    if (named && group->count > SHOWN_NAMES)
        g_string_append_printf(line, " and %" PRId64 " more", group->count - SHOWN_NAMES);
    return g_string_free(line, FALSE);
}

static void add_groups(const struct standings *standings, const char *stream, GPtrArray *lines)
{
    g_ptr_array_sort(standings->groups, by_need);
    for (guint i = 0; i < standings->groups->len; i++) {
        const struct group *group = g_ptr_array_index(standings->groups, i);
        bool last = i + 1 == standings->groups->len;
        g_ptr_array_add(lines, group_line(stream, group, !last || !group->release));
    }
}

struct roll_error *roll_standings_add(struct roll_app *app, const char *stream, GPtrArray *lines)
{
    g_autoptr(GString) each = g_string_new(NULL);
    g_autoptr(GPtrArray) groups = g_ptr_array_new_with_free_func(group_free);
    struct standings standings = {.each = each, .groups = groups};

    ROLL_TRY(roll_ledger_targets(app->ledger, stream, NULL, take_target, &standings));
    if (standings.all > FEW_TARGETS)
        add_groups(&standings, stream, lines);
    else
        g_ptr_array_add(lines, g_strdup_printf("%s: %s", stream, each->str));
    return NULL;
}

/* ---- a rollout under way --------------------------------------------------------------------- */

struct course {
    int64_t targets, succeeded, failed, under_way, since;
    char *slowest;
};

static struct roll_error *take_rollout(void *user, const struct roll_rollout_row *row)
{
    struct course *course = user;

    course->targets = row->targets;
    course->succeeded = row->succeeded;
    course->failed = row->failed;
    return NULL;
}

static struct roll_error *take_step(void *user, const struct roll_step_row *row)
{
    struct course *course = user;

    if (row->outcome)
        return NULL;
    course->under_way++;
    if (!course->slowest || row->intended_at < course->since) {
        g_free(course->slowest);
        course->slowest = g_strdup(row->target);
        course->since = row->intended_at;
    }
    return NULL;
}

static int64_t waiting(const struct course *course)
{
    return MAX(course->targets - course->succeeded - course->failed - course->under_way, 0);
}

static char *course_line(const struct course *course, const char *stream, int64_t rollout)
{
    GString *line = g_string_new(NULL);
    const struct {
        int64_t count;
        const char *what;
    } parts[] = {
        {course->failed, "failed"}, {course->under_way, "under way"}, {waiting(course), "waiting"}};

    g_string_append_printf(line, "%s#%" PRId64 ": %" PRId64 " of %" PRId64 " done", stream, rollout,
                           course->succeeded, course->targets);
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        if (parts[i].count)
            g_string_append_printf(line, ", %" PRId64 " %s", parts[i].count, parts[i].what);
    if (course->slowest) {
        g_string_append_printf(line, "; slowest %s, ", course->slowest);
        roll_duration_write(MAX(roll_now_ms() - course->since, 0) / 1000 * 1000, line);
    }
    return g_string_free(line, FALSE);
}

static json_t *course_json(const struct course *course)
{
    char since[ROLL_TIME_SIZE] = "";
    json_t *value =
        json_pack("{s:I,s:I,s:I,s:I}", "succeeded", (json_int_t)course->succeeded, "failed",
                  (json_int_t)course->failed, "underWay", (json_int_t)course->under_way, "waiting",
                  (json_int_t)waiting(course));

    if (course->slowest) {
        roll_time_format(course->since, since);
        json_object_set_new(value, "slowest",
                            json_pack("{s:s,s:s}", "target", course->slowest, "since", since));
    }
    return value;
}

struct roll_error *roll_standings_add_progress(struct roll_app *app, const char *stream,
                                               int64_t rollout, GPtrArray *lines, json_t *view)
{
    const struct roll_rollout_query query = {.stream = stream, .number = rollout, .limit = 1};
    struct course course = {0};
    struct roll_error *err = roll_ledger_rollouts(app->ledger, &query, take_rollout, &course);

    if (!err && course.targets > FEW_TARGETS)
        err = roll_ledger_steps(app->ledger, stream, rollout, take_step, &course);
    if (!err && course.targets > FEW_TARGETS) {
        g_ptr_array_add(lines, course_line(&course, stream, rollout));
        json_object_set_new(view, "progress", course_json(&course));
    }
    g_free(course.slowest);
    return err;
}
