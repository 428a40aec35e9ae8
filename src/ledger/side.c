/* Side streams: what this replica appended while the shared store was out of reach, and how it
 * takes its place in the course of the main stream.
 *
 * Nothing is copied or renumbered: event k of a side stream is number base + k in the course of its
 * main stream, where base follows from the side stream's name and lies above every number of a main
 * stream. So what its bodies say of rollouts (which are numbers of the main stream, or base + k)
 * holds before it is spliced in and afterwards. */
#include <string.h>

#include "ledger/fields.h"
#include "ledger/store.h"

enum { REPLICA_DIGITS = 8, BASES = 999000, FIRST_BASE = 1000 };

/* ---- names and numbers ----------------------------------------------------------------------- */

static char *side_name(const struct roll_ledger *ledger, const char *stream)
{
    return g_strdup_printf("%s~%.*s", stream, REPLICA_DIGITS, ledger->replica);
}

bool roll_side_is_own(const struct roll_ledger *ledger, const char *stream)
{
    const char *tilde = strchr(stream, '~');

    return tilde && strlen(tilde + 1) == REPLICA_DIGITS &&
           strncmp(tilde + 1, ledger->replica, REPLICA_DIGITS) == 0;
}

char *roll_side_main(const char *side)
{
    return g_strndup(side, strcspn(side, "~"));
}

int64_t roll_side_base(const char *side)
{
    char hex[ROLL_HEX_SIZE];

    roll_sha256_hex(side, strlen(side), hex);
    hex[8] = '\0';
    return ((int64_t)(g_ascii_strtoull(hex, NULL, 16) % BASES) + FIRST_BASE) * ROLL_SIDE_MAX;
}

/* ---- what was joined ------------------------------------------------------------------------- */

struct join {
    int64_t seq; /* of the event in the main stream */
    char *side, *head;
    int64_t side_seq;
    bool beside; /* reconciled: the main stream had moved on */
};

static void clear_join(void *data)
{
    struct join *join = data;

    g_free(join->side);
    g_free(join->head);
}

static struct roll_error *add_join(GArray *joins, int64_t seq, const char *line)
{
    roll_auto(event) struct roll_event *event = NULL;

    ROLL_TRY(roll_event_parse(line ? line : "", line ? strlen(line) : 0, &event));
    if (event->kind != ROLL_EVENT_ledger_joined && event->kind != ROLL_EVENT_ledger_reconciled)
        return NULL;
    const struct roll_ledger_joined *body = event->body;
    struct join join = {.seq = seq,
                        .side = g_strdup(body->side),
                        .head = g_strdup(body->head),
                        .side_seq = body->side_seq,
                        .beside = event->kind == ROLL_EVENT_ledger_reconciled};
    g_array_append_val(joins, join);
    return NULL;
}

static struct roll_error *load_joins(struct roll_ledger *ledger, int64_t id, GArray **ret_joins)
{
    g_autoptr(GArray) joins = g_array_new(FALSE, FALSE, sizeof(struct join));
    struct roll_sql_stmt *stmt;
    bool row;

    g_array_set_clear_func(joins, clear_join);
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_EVENT_JOINS, &stmt));
    roll_sql_bind_int(stmt, ":stream", id);
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            break;
        struct roll_error *err =
            add_join(joins, roll_sql_int_at(stmt, 0), roll_sql_text_at(stmt, 1));
        if (err) {
            roll_sql_reset(stmt);
            return err;
        }
    }
    *ret_joins = g_steal_pointer(&joins);
    return NULL;
}

/* What of a side stream was spliced in before the main stream's event seq. */
static int64_t joined_before(const GArray *joins, const char *side, int64_t seq)
{
    int64_t joined = 0;

    for (guint i = 0; i < joins->len; i++) {
        const struct join *join = &g_array_index(joins, struct join, i);
        if (join->seq < seq && strcmp(join->side, side) == 0)
            joined = MAX(joined, join->side_seq);
    }
    return joined;
}

void roll_side_clear(struct roll_side *side)
{
    g_free(side->name);
    *side = (struct roll_side){0};
}

struct roll_error *roll_side_load(struct roll_ledger *ledger, const char *stream,
                                  struct roll_side *ret_side)
{
    g_autoptr(GArray) joins = NULL;
    g_autofree char *name = side_name(ledger, stream);
    struct roll_side side = {.base = roll_side_base(name)};
    int64_t main_id, projection, at;

    ROLL_TRY(roll_stream_find(ledger, name, &side.id, &projection));
    ROLL_TRY(roll_stream_head(ledger, side.id, &side.head, &at));
    ROLL_TRY(roll_stream_find(ledger, stream, &main_id, &projection));
    if (side.id != 0) {
        ROLL_TRY(load_joins(ledger, main_id, &joins));
        side.joined = joined_before(joins, name, INT64_MAX);
    } else { /* its first event follows what is known of the main stream */
        ROLL_TRY(roll_stream_head(ledger, main_id, &side.head, &at));
        side.head.seq = 0;
    }
    side.name = g_steal_pointer(&name);
    *ret_side = side;
    return NULL;
}

/* ---- the course ------------------------------------------------------------------------------ */

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

static struct roll_error *is_here(struct course *course, const struct join *join, int64_t id,
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
static struct roll_error *splice(struct course *course, const struct join *join,
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
                       joined_before(course->joins, join->side, join->seq) + 1, join->side_seq,
                       join->beside));
    return course->fn(course->user, event);
}

static struct roll_error *give(void *user, const struct roll_event *event)
{
    struct course *course = user;
    bool joins =
        event->kind == ROLL_EVENT_ledger_joined || event->kind == ROLL_EVENT_ledger_reconciled;

    for (guint i = 0; joins && event->seq != course->spliced && i < course->joins->len; i++)
        if (g_array_index(course->joins, struct join, i).seq == event->seq)
            return splice(course, &g_array_index(course->joins, struct join, i), event);
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
        const struct join *join = &g_array_index(course->joins, struct join, i);
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

    ROLL_TRY(load_joins(ledger, id, &joins));
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

/* ---- for sync -------------------------------------------------------------------------------- */

void roll_ledger_set_aside(struct roll_ledger *ledger, bool aside)
{
    ledger->aside = aside;
}

bool roll_ledger_is_aside(const struct roll_ledger *ledger)
{
    return ledger->aside;
}

static struct roll_error *row_of(struct roll_ledger *ledger, int statement, int64_t id, int64_t seq,
                                 int64_t *ret_row)
{
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_sql_use(ledger->sql, statement, &stmt));
    roll_sql_bind_int(stmt, ":stream", id);
    if (statement == LEDGER_EVENT_ROW)
        roll_sql_bind_int(stmt, ":seq", seq);
    ROLL_TRY(roll_sql_step(stmt, &row));
    *ret_row = row ? roll_sql_int_at(stmt, 0) : 0;
    roll_sql_reset(stmt);
    return NULL;
}

static struct roll_error *look_aside(struct roll_ledger *ledger, const char *main_stream,
                                     const struct roll_side *side, roll_aside_fn fn, void *user)
{
    int64_t main_id, projection, first, last, at;
    struct roll_aside row = {
        .stream = main_stream, .side = side->name, .seq = side->head.seq, .joined = side->joined};

    ROLL_TRY(roll_stream_find(ledger, main_stream, &main_id, &projection));
    ROLL_TRY(roll_stream_head(ledger, main_id, &row.main_head, &at));
    memcpy(row.head, side->head.hash, sizeof row.head);
    ROLL_TRY(row_of(ledger, LEDGER_EVENT_ROW, side->id, side->joined + 1, &first));
    ROLL_TRY(row_of(ledger, LEDGER_EVENT_LAST_ROW, main_id, 0, &last));
    row.moved = last > first;
    return fn(user, &row);
}

struct roll_error *roll_ledger_asides(struct roll_ledger *ledger, roll_aside_fn fn, void *user)
{
    g_autoptr(GPtrArray) streams = NULL;

    if (!ledger->sides)
        return NULL;
    ROLL_TRY(roll_stream_list(ledger, &streams));
    for (guint i = 0; i < streams->len; i++) {
        const struct roll_stream *stream = streams->pdata[i];
        struct roll_side side = {0};
        struct roll_error *err = NULL;
        if (!roll_side_is_own(ledger, stream->name))
            continue;
        g_autofree char *main_stream = roll_side_main(stream->name);
        ROLL_TRY(roll_side_load(ledger, main_stream, &side));
        if (side.head.seq > side.joined)
            err = look_aside(ledger, main_stream, &side, fn, user);
        roll_side_clear(&side);
        if (err)
            return err;
    }
    return NULL;
}
