/* Live progress: on a terminal a few lines that are redrawn, elsewhere one line per durable
 * outcome.
 *
 * What is shown comes from the machine (states) and from events (outcomes), never from guesses. */
#include "report/progress.h"

#include <string.h>

#include "rollbook/log.h"
#include "rollbook/text.h"
#include "rollbook/time.h"

enum { REDRAW_MS = 100, REDRAW_FLEET_MS = 250 };

static const struct {
    const char *sign, *text;
    enum roll_paint paint;
} target_faces[] = {
    [ROLL_TARGET_WAITING] = {"·", "waiting", ROLL_DIM},
    [ROLL_TARGET_RUNNING] = {"▸", "deploying", ROLL_PLAIN},
    [ROLL_TARGET_CANCELLING] = {"▸", "cancelling what ran before", ROLL_WARN},
    [ROLL_TARGET_CHECKING] = {"▸", "checking health", ROLL_PLAIN},
    [ROLL_TARGET_SUCCEEDED] = {"✓", "succeeded", ROLL_GOOD},
    [ROLL_TARGET_FAILED] = {"✗", "failed", ROLL_BAD},
    [ROLL_TARGET_SKIPPED] = {"·", "skipped", ROLL_DIM},
};

static void erase(struct roll_progress *progress)
{
    if (progress->drawn > 0)
        fprintf(progress->screen.file, "\033[%dA\033[J", progress->drawn);
    progress->drawn = 0;
}

static int name_width(const struct roll_order *order)
{
    int width = 0;

    for (guint i = 0; i < order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        width = MAX(width, roll_text_width(target->name));
    }
    return width;
}

static void write_elapsed(struct roll_progress *progress, const char *target, GString *out)
{
    const int64_t *started = g_hash_table_lookup(progress->started, target);

    if (started) {
        g_string_append(out, "  ");
        roll_duration_write((roll_boot_ms() - *started) / 1000 * 1000, out);
    }
}

void progress_write_target(struct roll_progress *progress, const struct roll_order_target *target,
                           enum roll_target_state state, int width, GString *out)
{
    const char *detail = g_hash_table_lookup(progress->detail, target->name);

    g_string_append(out, "  ");
    roll_paint(&progress->screen, target_faces[state].paint, target_faces[state].sign, out);
    g_string_append_printf(out, " %s%*s  ", target->name,
                           MAX(width - roll_text_width(target->name), 0), "");
    roll_paint(&progress->screen, target_faces[state].paint, target_faces[state].text, out);
    if (detail)
        g_string_append_printf(out, "  %s", detail);
    else if (state == ROLL_TARGET_RUNNING || state == ROLL_TARGET_CHECKING ||
             state == ROLL_TARGET_CANCELLING)
        write_elapsed(progress, target->name, out);
    g_string_append_c(out, '\n');
}

void progress_write_bake(const struct roll_machine_view *view, GString *out)
{
    if (view->until_boot_ms <= roll_boot_ms())
        return;
    g_string_append(out, "  baking, ");
    roll_duration_write((view->until_boot_ms - roll_boot_ms()) / 1000 * 1000, out);
    g_string_append(out, " left\n");
}

static void write_frame(struct roll_progress *progress, const struct roll_machine *machine,
                        const struct roll_order *order, const struct roll_machine_view *view,
                        GString *out)
{
    int width = name_width(order);

    for (guint i = 0; i < order->targets->len; i++)
        progress_write_target(progress, g_ptr_array_index(order->targets, i),
                              roll_machine_target_state(machine, i), width, out);
    progress_write_bake(view, out);
}

static bool is_fleet(const struct roll_order *order)
{
    return order->targets->len > PROGRESS_FEW;
}

static void note_start(struct roll_progress *progress, const char *target)
{
    int64_t now = roll_boot_ms();

    if (!g_hash_table_contains(progress->started, target))
        g_hash_table_insert(progress->started, g_strdup(target), g_memdup2(&now, sizeof now));
}

/* What was under way before this process came began, for the person here, with it. */
static void note_started(struct roll_progress *progress, const struct roll_machine *machine,
                         const struct roll_order *order)
{
    for (guint i = 0; i < order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        enum roll_target_state state = roll_machine_target_state(machine, i);
        if (state == ROLL_TARGET_RUNNING || state == ROLL_TARGET_CHECKING ||
            state == ROLL_TARGET_CANCELLING)
            note_start(progress, target->name);
    }
}

/* A line that the terminal wraps could not be taken back. */
static void draw(struct roll_progress *progress)
{
    g_autoptr(GString) shown = g_string_new(NULL);
    int width = progress->screen.width, height = 24;

    roll_screen_size(progress->screen.file, &width, &height);
    erase(progress);
    progress->drawn = progress_clip(progress->last->str, width, height - 1, shown);
    fputs(shown->str, progress->screen.file);
    fflush(progress->screen.file);
    progress->drawn_boot_ms = roll_boot_ms();
}

static void changed_fleet(struct roll_progress *progress, const struct roll_machine *machine,
                          const struct roll_order *order)
{
    struct roll_machine_view view;

    progress->fleet = true;
    if (!progress->screen.terminal) {
        progress_say_fleet(progress, machine, order);
        return;
    }
    roll_machine_view(machine, &view);
    if (progress->drawn > 0 && !progress_fleet_is_due(progress, &view, REDRAW_FLEET_MS))
        return;
    note_started(progress, machine, order);
    g_string_truncate(progress->last, 0);
    progress_write_fleet(progress, machine, order, &view, progress->last);
    draw(progress);
}

static void changed(void *user, const struct roll_machine *machine, const struct roll_order *order)
{
    struct roll_progress *progress = user;
    struct roll_machine_view view;

    if (progress->quiet)
        return;
    if (is_fleet(order)) {
        changed_fleet(progress, machine, order);
        return;
    }
    progress->fleet = false;
    if (!progress->screen.terminal)
        return;
    note_started(progress, machine, order);
    roll_machine_view(machine, &view);
    g_string_truncate(progress->last, 0);
    write_frame(progress, machine, order, &view, progress->last);
    if (roll_boot_ms() - progress->drawn_boot_ms >= REDRAW_MS || progress->drawn == 0)
        draw(progress);
}

static char *outcome_text(const struct roll_step_ended *ended)
{
    GString *text = g_string_new(NULL);

    if (ended->duration_ms > 0)
        roll_duration_write(ended->duration_ms, text);
    if (ended->code)
        g_string_append_printf(text, "%s%s", text->len ? "  " : "", ended->code);
    GString *safe = g_string_new(NULL);
    roll_text_safe(text->str, text->len, false, safe);
    g_string_free(text, TRUE);
    return g_string_free(safe, FALSE);
}

/* Of a fleet only what needs eyes; -v tells of each. */
static bool is_told(const struct roll_progress *progress, const struct roll_step_ended *ended)
{
    return !progress->screen.terminal &&
           (!progress->fleet || strcmp(ended->outcome, "succeeded") != 0 ||
            roll_log_level() >= ROLL_LOG_VERBOSE);
}

static void event(void *user, const struct roll_event *event)
{
    struct roll_progress *progress = user;
    const struct roll_step_intended *intended = roll_event_body(event, step_intended);
    const struct roll_step_ended *ended = roll_event_body(event, step_ended);

    if (progress->quiet)
        return;
    if (intended)
        note_start(progress, intended->target);
    if (!ended || (!ended->last && !ended->code))
        return;
    char *text = outcome_text(ended);
    if (is_told(progress, ended)) {
        fprintf(progress->screen.file, "  %s  %s%s%s\n", ended->target, ended->outcome,
                *text ? "  " : "", text);
        fflush(progress->screen.file);
    }
    g_hash_table_remove(progress->started, ended->target);
    bool kept = !progress->fleet || strcmp(ended->outcome, "succeeded") != 0;
    if (progress->screen.terminal && kept)
        g_hash_table_replace(progress->detail, g_strdup(ended->target), text);
    else
        g_free(text);
}

static void notice(void *user, const char *text)
{
    struct roll_progress *progress = user;
    g_autoptr(GString) safe = g_string_new(NULL);

    if (progress->quiet)
        return;
    erase(progress);
    roll_text_safe(text, strlen(text), false, safe);
    fprintf(progress->screen.file, "  %s\n", safe->str);
    fflush(progress->screen.file);
}

struct roll_progress *roll_progress_new(const struct roll_screen *screen, const char *stream,
                                        bool quiet)
{
    struct roll_progress *progress = g_new0(struct roll_progress, 1);

    fflush(screen->file); /* what was said before may be all that a pipeline shows for minutes */
    progress->screen = *screen;
    if (roll_log_level() >= ROLL_LOG_DEBUG) /* whose lines would stand between those redrawn */
        progress->screen.terminal = false;
    progress->stream = g_strdup(stream);
    progress->quiet = quiet;
    progress->started = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    progress->detail = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    progress->last = g_string_new(NULL);
    progress->listener = (struct roll_listener){
        .user = progress, .changed = changed, .event = event, .notice = notice};
    return progress;
}

const struct roll_listener *roll_progress_listener(struct roll_progress *progress)
{
    return &progress->listener;
}

void roll_progress_end(struct roll_progress *progress)
{
    if (progress->quiet || !progress->screen.terminal)
        return;
    erase(progress);
    fputs(progress->last->str, progress->screen.file);
    fflush(progress->screen.file);
    g_string_truncate(progress->last, 0);
}

void roll_progress_free(struct roll_progress *progress)
{
    if (!progress)
        return;
    g_hash_table_unref(progress->started);
    g_hash_table_unref(progress->detail);
    g_string_free(progress->last, TRUE);
    g_free(progress->stream);
    g_free(progress);
}
