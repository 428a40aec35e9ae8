/* Which releases the clean targets of an environment hold, and how many of them: kept beside the
 * environment's counters, so that neither a step nor `status` looks at all targets. */
#include <string.h>

#include "ledger/fold.h"
#include "rollbook/json.h"

GHashTable *roll_held_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

struct roll_error *roll_held_read(const char *text, GHashTable *held)
{
    roll_auto(json) json_t *value = NULL;
    const char *release;
    json_t *targets;

    ROLL_TRY(roll_json_parse(text ? text : "", text ? strlen(text) : 0, ROLL_JSON_STRICT, &value));
    json_object_foreach (value, release, targets)
        g_hash_table_insert(held, g_strdup(release),
                            GINT_TO_POINTER((int)json_integer_value(targets)));
    return NULL;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, so that the same targets give the same text. */
char *roll_held_write(GHashTable *held)
{
    guint count;
    g_autofree gpointer *releases = g_hash_table_get_keys_as_array(held, &count);
    GString *out = g_string_new("{");

    qsort(releases, count, sizeof *releases, compare_texts);
    for (guint i = 0; i < count; i++) {
        if (i > 0)
            g_string_append_c(out, ',');
        const char *release = releases[i];
        roll_json_write_string(release, strlen(release), out);
        g_string_append_printf(out, ":%d", GPOINTER_TO_INT(g_hash_table_lookup(held, release)));
    }
    g_string_append_c(out, '}');
    return g_string_free(out, FALSE);
}

void roll_fold_hold(struct fold_environment *environment, const char *release, int change)
{
    int targets = GPOINTER_TO_INT(g_hash_table_lookup(environment->held, release)) + change;

    environment->clean += change;
    environment->changed = true;
    if (targets > 0)
        g_hash_table_insert(environment->held, g_strdup(release), GINT_TO_POINTER(targets));
    else
        g_hash_table_remove(environment->held, release);
}

const char *roll_fold_held(const struct fold_environment *environment)
{
    GHashTableIter iter;
    gpointer release = NULL, targets;

    if (g_hash_table_size(environment->held) == 1) {
        g_hash_table_iter_init(&iter, environment->held);
        (void)g_hash_table_iter_next(&iter, &release, &targets);
    }
    return release;
}
