/* The course of a main stream: its events in order, with the side streams where they were spliced
 * in (side.c says how they are numbered). */
#include <string.h>

#include "ledger/store.h"

struct course {
    struct roll_ledger *ledger;
    const char *stream;
    GArray *joins;
    int64_t spliced; /* a join whose side events were given already, 0 */
    roll_event_fn fn;
    void *user;
};

static void free_event(gpointer event)
{
    roll_event_free(event);
}

struct collecting {
    GPtrArray *events;
    int64_t to;
};

static struct roll_error *collect(void *user, const struct roll_event *event)
{
    struct collecting *collecting = user;
    roll_auto(event) struct roll_event *copy = NULL;

    if (event->seq > collecting->to)
        return NULL;
    copy = roll_event_new(event->stream, event->seq, event->at, &event->actor, event->kind,
                          event->body);
    memcpy(copy->hash, event->hash, sizeof copy->hash);
    memcpy(copy->prev, event->prev, sizeof copy->prev);
    g_free(copy->kind_name);
    copy->kind_name = g_strdup(event->kind_name);
    g_free(copy->body_text);
    copy->body_text = g_strdup(event->body_text);
    g_strfreev(copy->objects);
    copy->objects = g_strdupv(event->objects);
    g_ptr_array_add(collecting->events, g_steal_pointer(&copy));
    return NULL;
}

static const char *target_of(const struct roll_event *event)
{
    if (event->kind == ROLL_EVENT_step_intended)
        return roll_event_body(event, step_intended)->target;
    return event->kind == ROLL_EVENT_step_ended ? roll_event_body(event, step_ended)->target : NULL;
}

/* When ARM last had a deployment of this side stream on each target: the later one is live, whoever
 * sent it. What has no end is not known, and may be the later one. */
static void note_times(GPtrArray *events)
{
    g_autoptr(GHashTable) times = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    g_autoptr(GHashTable) open = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < events->len; i++) {
        const struct roll_event *event = events->pdata[i];
        const char *target = target_of(event);
        if (!target)
            continue;
        if (event->kind == ROLL_EVENT_step_intended) {
            g_hash_table_add(open, (gpointer)(uintptr_t)target);
            continue;
        }
        const struct roll_step_ended *body = roll_event_body(event, step_ended);
        g_hash_table_remove(open, target);
        if (!body->accepted)
            continue;
        int64_t at = body->arm_at > 0 ? body->arm_at : event->at;
        const int64_t *known = g_hash_table_lookup(times, target);
        at = MAX(at, known ? *known : 0);
        g_hash_table_replace(times, (gpointer)(uintptr_t)target, g_memdup2(&at, sizeof at));
    }
    for (guint i = 0; i < events->len; i++) {
        struct roll_event *event = events->pdata[i];
        const char *target = target_of(event);
        const int64_t *at = target ? g_hash_table_lookup(times, target) : NULL;
        event->beside_at = target && g_hash_table_contains(open, target) ? INT64_MAX : at ? *at : 1;
    }
}

static struct roll_error *give_side(struct course *course, int64_t id, const char *side,
                                    int64_t from, int64_t to, bool beside)
{
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func(free_event);
    struct collecting collecting = {events, to};
    int64_t base = roll_side_base(side);

    ROLL_TRY(roll_stream_read(course->ledger, id, side, from, collect, &collecting));
    if (beside)
        note_times(events);
    for (guint i = 0; i < events->len; i++) {
        struct roll_event *event = events->pdata[i];
        g_free(event->stream);
        event->stream = g_strdup(course->stream);
        event->seq += base;
        ROLL_TRY(course->fn(course->user, event));
    }
    return NULL;
}

static struct roll_error *is_here(struct course *course, const struct roll_join *join, int64_t id,
                                  bool *ret_here)
{
    struct roll_sql_stmt *stmt;
    size_t size = strlen(course->stream);
    bool row;

    *ret_here = false;
    if (strncmp(join->side, course->stream, size) != 0 || join->side[size] != '~')
        return NULL;
    ROLL_TRY(roll_sql_use(course->ledger->sql, LEDGER_EVENT_HASH, &stmt));
    roll_sql_bind_int(stmt, ":stream", id);
    roll_sql_bind_int(stmt, ":seq", join->side_seq);
    ROLL_TRY(roll_sql_step(stmt, &row));
    *ret_here = row && g_strcmp0(roll_sql_text_at(stmt, 0), join->head) == 0;
    roll_sql_reset(stmt);
    return NULL;
}

/* A side stream that is not here as the event says: the event is shown as one that is not
 * understood, so that nobody drives an environment of which a part is not known. */
static struct roll_error *splice(struct course *course, const struct roll_join *join,
                                 const struct roll_event *event)
{
    struct roll_event unknown = *event;
    int64_t id, projection;
    bool here;

    ROLL_TRY(roll_stream_find(course->ledger, join->side, &id, &projection));
    ROLL_TRY(is_here(course, join, id, &here));
    unknown.kind = ROLL_EVENT_UNKNOWN;
    if (!here)
        return course->fn(course->user, &unknown);
    ROLL_TRY(give_side(course, id, join->side,
                       roll_joins_before(course->joins, join->side, join->seq) + 1, join->side_seq,
                       join->beside));
    return course->fn(course->user, event);
}

static struct roll_error *give(void *user, const struct roll_event *event)
{
    struct course *course = user;
    bool joins =
        event->kind == ROLL_EVENT_ledger_joined || event->kind == ROLL_EVENT_ledger_reconciled;

    for (guint i = 0; joins && event->seq != course->spliced && i < course->joins->len; i++)
        if (g_array_index(course->joins, struct roll_join, i).seq == event->seq)
            return splice(course, &g_array_index(course->joins, struct roll_join, i), event);
    return course->fn(course->user, event);
}

/* What stands aside still: this replica's own. Others' count when they are spliced in. */
static struct roll_error *give_rest(struct course *course)
{
    struct roll_side side = {0};

    if (!course->ledger->sides)
        return NULL;
    ROLL_TRY(roll_side_load(course->ledger, course->stream, &side));
    struct roll_error *err =
        side.id ? give_side(course, side.id, side.name, side.joined + 1, INT64_MAX, false) : NULL;
    roll_side_clear(&side);
    return err;
}

/* The side stream of the main one that a number belongs to; *ret_id 0: none. */
static struct roll_error *find_side(struct roll_ledger *ledger, const char *stream, int64_t number,
                                    int64_t *ret_id, char **ret_name)
{
    g_autoptr(GPtrArray) streams = NULL;
    size_t size = strlen(stream);

    *ret_id = 0;
    ROLL_TRY(roll_stream_list(ledger, &streams));
    for (guint i = 0; i < streams->len; i++) {
        const struct roll_stream *row = streams->pdata[i];
        if (strncmp(row->name, stream, size) != 0 || row->name[size] != '~')
            continue;
        int64_t base = roll_side_base(row->name);
        if (number <= base || number >= base + ROLL_SIDE_MAX)
            continue;
        *ret_id = row->id;
        *ret_name = g_strdup(row->name);
        return NULL;
    }
    return NULL;
}

/* From the middle of a side stream: its rest up to where it was spliced in, then the main stream
 * from there. What follows its last event that was spliced in begins with the event that did it. */
static struct roll_error *start_aside(struct course *course, int64_t number, int64_t *ret_from)
{
    g_autofree char *name = NULL;
    int64_t id;

    ROLL_TRY(find_side(course->ledger, course->stream, number, &id, &name));
    *ret_from = 0;
    if (!id)
        return NULL;
    int64_t first = number - roll_side_base(name), behind = 0;
    for (guint i = 0; i < course->joins->len; i++) {
        const struct roll_join *join = &g_array_index(course->joins, struct roll_join, i);
        if (strcmp(join->side, name) == 0 && join->side_seq == first - 1)
            behind = join->seq;
        if (strcmp(join->side, name) != 0 || join->side_seq < first)
            continue;
        course->spliced = *ret_from = join->seq;
        return give_side(course, id, name, first, join->side_seq, join->beside);
    }
    if (behind) { /* what is behind that is not spliced in comes at the end */
        course->spliced = *ret_from = behind;
        return NULL;
    }
    return roll_side_is_own(course->ledger, name)
               ? give_side(course, id, name, first, INT64_MAX, false)
               : NULL;
}

struct roll_error *roll_course_read(struct roll_ledger *ledger, int64_t id, const char *stream,
                                    int64_t from, roll_event_fn fn, void *user)
{
    g_autoptr(GArray) joins = NULL;
    struct course course = {.ledger = ledger, .stream = stream, .fn = fn, .user = user};

    ROLL_TRY(roll_joins_load(ledger, id, &joins));
    course.joins = joins;
    if (roll_number_is_side(from)) {
        ROLL_TRY(start_aside(&course, from, &from));
        if (from == 0)
            return NULL;
    }
    ROLL_TRY(roll_stream_read(ledger, id, stream, from, give, &course));
    return give_rest(&course);
}

struct roll_error *roll_course_event(struct roll_ledger *ledger, const char *stream, int64_t number,
                                     struct roll_event **ret_event)
{
    g_autofree char *name = NULL;
    roll_auto(event) struct roll_event *event = NULL;
    int64_t id;

    ROLL_TRY(find_side(ledger, stream, number, &id, &name));
    if (!id)
        return roll_error_new(ROLL_E_NOT_FOUND, "there is no event %" G_GINT64_FORMAT " in '%s'",
                              number, stream);
    ROLL_TRY(roll_ledger_event(ledger, name, number - roll_side_base(name), &event));
    g_free(event->stream);
    event->stream = g_strdup(stream);
    event->seq = number;
    *ret_event = g_steal_pointer(&event);
    return NULL;
}
