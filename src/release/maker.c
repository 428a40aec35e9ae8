/* The memory of what is gathered while a release is made. */
#include "release/maker.h"

#include <stdarg.h>

static void free_artifact(gpointer data)
{
    struct release_artifact *artifact = data;
    g_free(artifact->name);
    g_free(artifact->kind);
    g_free(artifact->parameter);
    g_free(artifact->base_name);
    g_free(artifact->tag);
    g_free(artifact->resolved);
    g_free(artifact->reference);
    g_free(artifact);
}

struct release_maker *release_maker_new(const struct roll_plan *plan, struct roll_ledger *ledger,
                                        struct roll_loop *loop,
                                        const struct roll_release_options *options)
{
    struct release_maker *maker = g_new0(struct release_maker, 1);
    maker->plan = plan;
    maker->ledger = ledger;
    maker->loop = loop;
    maker->options = options;
    maker->changes = json_array();
    maker->linked = json_array();
    maker->environments = json_object();
    maker->book = release_book_new();
    maker->artifacts = g_ptr_array_new_with_free_func(free_artifact);
    maker->scanner = release_scanner_new();
    maker->blobs = release_blobs_new();
    maker->kept = g_hash_table_new(g_str_hash, g_str_equal);
    maker->notes = g_ptr_array_new_with_free_func(g_free);
    maker->unpinned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return maker;
}

void release_maker_free(struct release_maker *maker)
{
    if (!maker)
        return;
    roll_git_close(maker->git);
    roll_commit_clear(&maker->commit);
    char *texts[] = {maker->git_prefix,     maker->commit_id,       maker->ref,
                     maker->author,         maker->version,         maker->dirty,
                     maker->bicep,          maker->template_digest, maker->base_digest,
                     maker->recorded_digest};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    roll_template_free(maker->tmpl);
    json_decref(maker->base);
    json_decref(maker->recorded);
    release_book_free(maker->base_book);
    release_book_free(maker->recorded_book);
    release_book_free(maker->book);
    json_decref(maker->changes);
    json_decref(maker->linked);
    json_decref(maker->spec);
    g_clear_pointer(&maker->spec_linked, g_hash_table_unref);
    json_decref(maker->environments);
    g_ptr_array_unref(maker->artifacts);
    release_scanner_free(maker->scanner);
    g_hash_table_unref(maker->kept);
    g_ptr_array_unref(maker->blobs);
    g_ptr_array_unref(maker->notes);
    g_hash_table_unref(maker->unpinned);
    g_free(maker);
}

const char *release_maker_keep_take(struct release_maker *maker, GString *data)
{
    return release_blobs_add_indexed_take(maker->blobs, maker->kept, data);
}

void release_maker_note(struct release_maker *maker, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    g_autofree char *line = g_strdup_vprintf(format, list);
    va_end(list);
    if (!g_ptr_array_find_with_equal_func(maker->notes, line, g_str_equal, NULL))
        g_ptr_array_add(maker->notes, g_steal_pointer(&line));
}
