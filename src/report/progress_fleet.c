/* Progress of more targets than anybody reads: how many are where, then what failed, then what
 * takes longest. A pipe gets a line of sums now and then, and a line for each failure. */
#include "report/progress.h"

#include "rollbook/text.h"
#include "rollbook/time.h"

enum { SHOW_FAILED = 8, SHOW_SLOWEST = 5, SAY_MS = 10000 };

static size_t under_way(const struct roll_machine_view *view)
{
    return view->counts[ROLL_TARGET_RUNNING] + view->counts[ROLL_TARGET_CHECKING] +
           view->counts[ROLL_TARGET_CANCELLING];
}

static size_t open_targets(const struct roll_machine_view *view)
{
    return view->counts[ROLL_TARGET_WAITING] + under_way(view);
}

/* ---- what takes longest --------------------------------------------------------------------- */

struct slow {
    const char *name;
    int64_t since;
};

static int by_since(gconstpointer a, gconstpointer b)
{
    const struct slow *left = a, *right = b;

    return left->since < right->since ? -1 : left->since > right->since;
}

/* Owned: struct slow, the slowest first. */
static GArray *slowest(const struct roll_progress *progress)
{
    GArray *all = g_array_new(FALSE, FALSE, sizeof(struct slow));
    GHashTableIter iter;
    gpointer name, since;

    g_hash_table_iter_init(&iter, progress->started);
    while (g_hash_table_iter_next(&iter, &name, &since)) {
        struct slow slow = {name, *(const int64_t *)since};
        g_array_append_val(all, slow);
    }
    g_array_sort(all, by_since);
    return all;
}

/* ---- sums ----------------------------------------------------------------------------------- */

static void write_count(size_t count, const char *what, GString *out)
{
    if (count)
        g_string_append_printf(out, ", %zu %s", count, what);
}

static void write_sums(const struct roll_machine_view *view, size_t all, GString *out)
{
    if (view->rings > 1)
        g_string_append_printf(out, "ring %d of %d: ", view->ring + 1, view->rings);
    g_string_append_printf(out, "%zu of %zu done", view->counts[ROLL_TARGET_SUCCEEDED], all);
    write_count(view->counts[ROLL_TARGET_FAILED], "failed", out);
    write_count(view->counts[ROLL_TARGET_RUNNING], "deploying", out);
    write_count(view->counts[ROLL_TARGET_CANCELLING], "cancelling", out);
    write_count(view->counts[ROLL_TARGET_CHECKING], "checking health", out);
    write_count(view->counts[ROLL_TARGET_WAITING], "waiting", out);
}

bool progress_fleet_is_due(const struct roll_progress *progress,
                           const struct roll_machine_view *view, int64_t every_ms)
{
    return g_strcmp0(progress->said_state, view->state) != 0 || progress->said_ring != view->ring ||
           (open_targets(view) == 0 && progress->said_open != 0) ||
           roll_boot_ms() - progress->said_boot_ms >= every_ms;
}

static void note_said(struct roll_progress *progress, const struct roll_machine_view *view)
{
    progress->said_state = view->state;
    progress->said_ring = view->ring;
    progress->said_open = open_targets(view);
    progress->said_boot_ms = roll_boot_ms();
}

/* ---- on a terminal -------------------------------------------------------------------------- */

static void write_failed(struct roll_progress *progress, const struct roll_machine *machine,
                         const struct roll_order *order, const struct roll_machine_view *view,
                         GString *out)
{
    size_t left = view->counts[ROLL_TARGET_FAILED], shown = 0;

    for (guint i = 0; i < order->targets->len && shown < SHOW_FAILED && shown < left; i++) {
        if (roll_machine_target_state(machine, i) != ROLL_TARGET_FAILED)
            continue;
        progress_write_target(progress, g_ptr_array_index(order->targets, i), ROLL_TARGET_FAILED, 0,
                              out);
        shown++;
    }
    if (left > shown)
        g_string_append_printf(out, "    and %zu more that failed\n", left - shown);
}

static void write_slowest(struct roll_progress *progress, const struct roll_machine_view *view,
                          GString *out)
{
    g_autoptr(GArray) all = slowest(progress);
    guint shown = MIN(all->len, SHOW_SLOWEST);

    for (guint i = 0; i < shown; i++) {
        const struct roll_order_target target = {
            .name = (char *)(uintptr_t)g_array_index(all, struct slow, i).name};
        progress_write_target(progress, &target, ROLL_TARGET_RUNNING, 0, out);
    }
    if (shown && under_way(view) > shown)
        g_string_append_printf(out, "    and %zu that began later\n", under_way(view) - shown);
}

void progress_write_fleet(struct roll_progress *progress, const struct roll_machine *machine,
                          const struct roll_order *order, const struct roll_machine_view *view,
                          GString *out)
{
    g_string_append(out, "  ");
    write_sums(view, order->targets->len, out);
    g_string_append_c(out, '\n');
    write_failed(progress, machine, order, view, out);
    write_slowest(progress, view, out);
    progress_write_bake(view, out);
    note_said(progress, view);
}

/* ---- elsewhere ------------------------------------------------------------------------------ */

/* The first word comes after a while; what ends before that is told by its end alone. */
void progress_say_fleet(struct roll_progress *progress, const struct roll_machine *machine,
                        const struct roll_order *order)
{
    struct roll_machine_view view;
    g_autoptr(GString) line = g_string_new("  ");

    roll_machine_view(machine, &view);
    if (!progress->said_state)
        note_said(progress, &view);
    if (open_targets(&view) == 0 || roll_boot_ms() - progress->said_boot_ms < SAY_MS)
        return;
    note_said(progress, &view);
    write_sums(&view, order->targets->len, line);
    g_autoptr(GArray) slow = slowest(progress);
    if (slow->len) {
        const struct slow *first = &g_array_index(slow, struct slow, 0);
        g_string_append_printf(line, "; slowest %s, ", first->name);
        roll_duration_write((roll_boot_ms() - first->since) / 1000 * 1000, line);
    }
    fprintf(progress->screen.file, "%s\n", line->str);
    fflush(progress->screen.file);
}
