/* The templates of what is new: one question for each hash. */
#include "watch/adopt.h"

#include <string.h>

struct exports {
    const struct watch_adopting *adopting;
    GPtrArray *entries; /* struct watch_entry *: the first of each template */
};

static const char *key_of(const struct watch_entry *entry)
{
    const char *id = json_string_value(roll_json_get_nocase(entry->deployment, "id"));

    return entry->hash ? entry->hash : id ? id : entry->name;
}

struct watch_template *watch_adopt_template(const struct watch_adopting *adopting,
                                            const struct watch_entry *entry)
{
    return g_hash_table_lookup(adopting->templates, key_of(entry));
}

/* ---- what may be kept ------------------------------------------------------------------------ */

/* A secure parameter's default is a secret, unless it is empty or made anew each time. */
static char *secret_default(const struct roll_template *tmpl)
{
    struct roll_template_facts facts = {0};
    roll_auto(error) struct roll_error *err = roll_template_facts(tmpl, &facts);
    char *why = facts.secure_default ? g_strdup_printf("its secure parameter '%s' has a default",
                                                       facts.secure_default)
                                     : NULL;

    roll_template_facts_clear(&facts);
    return err && !why ? g_strdup(err->message) : why;
}

/* What looks like a credential may be one: such a template is not kept. */
static void take_template(struct watch_template *into, const json_t *value)
{
    into->text = g_string_new(NULL);
    roll_json_write(value, into->text);
    struct roll_error *err =
        roll_template_read(into->text->str, into->text->len, NULL, &into->tmpl);
    if (err)
        into->why = g_strdup(err->message);
    else if (watch_looks_secret(value))
        into->why = g_strdup("it holds what looks like a credential");
    else
        into->why = secret_default(into->tmpl);
    roll_error_free(err);
    if (!into->why) {
        roll_sha256_hex(into->text->str, into->text->len, into->digest);
        return;
    }
    g_clear_pointer(&into->tmpl, roll_template_free);
    g_string_free(g_steal_pointer(&into->text), TRUE);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static struct roll_error *ask(void *user, guint index, roll_arm_fn fn, void *call)
{
    const struct exports *exports = user;
    const struct watch_entry *entry = exports->entries->pdata[index];
    const struct roll_arm_scope scope = watch_adopt_scope(entry->target);
    struct roll_arm *arm = NULL;

    ROLL_TRY(watch_adopt_arm(exports->adopting->options, entry->target, &arm));
    roll_arm_export(arm, &scope, entry->name, fn, call);
    return NULL;
}

static void heard(void *user, guint index, const struct roll_arm_reply *reply)
{
    const struct exports *exports = user;
    struct watch_template *into =
        watch_adopt_template(exports->adopting, exports->entries->pdata[index]);
    const json_t *value = json_object_get(reply->body, "template");

    if (reply->outcome == ROLL_ARM_OK && json_is_object(value))
        take_template(into, value);
    else
        into->why = g_strdup(reply->code      ? reply->code
                             : reply->message ? reply->message
                                              : "no answer");
}

static void judge(const struct watch_adopting *adopting, struct watch_entry *entry)
{
    const struct watch_template *tmpl = watch_adopt_template(adopting, entry);
    roll_auto(json) json_t *parameters = watch_adopt_parameters(entry, tmpl ? tmpl->tmpl : NULL);

    entry->lacks = roll_release_lacks(tmpl ? tmpl->tmpl : NULL, entry->target, parameters);
}

struct roll_error *watch_adopt_export(struct watch_adopting *adopting)
{
    g_autoptr(GPtrArray) entries = g_ptr_array_new();
    struct exports exports = {adopting, entries};

    for (guint i = 0; i < adopting->entries->len; i++) {
        struct watch_entry *entry = adopting->entries->pdata[i];
        if (!watch_is_new(entry) || watch_adopt_template(adopting, entry))
            continue;
        g_hash_table_insert(adopting->templates, g_strdup(key_of(entry)),
                            g_new0(struct watch_template, 1));
        g_ptr_array_add(entries, entry);
    }
    ROLL_TRY(watch_ask_all(adopting->options->loop, entries->len, ask, heard, &exports));
    for (guint i = 0; i < adopting->entries->len; i++)
        if (watch_is_new(adopting->entries->pdata[i]))
            judge(adopting, adopting->entries->pdata[i]);
    return NULL;
}
