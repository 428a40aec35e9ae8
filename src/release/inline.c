/* Templates that are linked by relative path become part of the template. Azure resolves such links
 * only for templates that it was given by address; a release is sent as recorded bytes, so it must
 * be whole. A linked template is evaluated in its own scope, which is what a nested one with inner
 * scope is. The text is rewritten, not the value: number tokens and all else stay as they were
 * written. */
#include "release/maker.h"

#define MAX_LINKED_BYTES (4u << 20)
#define MAX_DEPTH 5 /* as deep as deployments may nest */

/* ---- strict minified JSON, span by span ------------------------------------------------------ */

struct span {
    const char *at, *end;
};

static bool is_named(struct span name, const char *wanted)
{
    size_t size = strlen(wanted);
    return (size_t)(name.end - name.at) == size + 2 &&
           g_ascii_strncasecmp(name.at + 1, wanted, size) == 0;
}

/* The value of an object's member without regard to case; at is NULL when it is absent. */
static struct span member(struct span object, const char *wanted)
{
    for (const char *at = object.at + 1; *at == '"';) {
        struct span name = {at, roll_json_skip_string(at)};
        struct span value = {name.end + 1, roll_json_skip(name.end + 1)};
        if (is_named(name, wanted))
            return value;
        at = *value.end == ',' ? value.end + 1 : value.end;
    }
    return (struct span){NULL, NULL};
}

/* ---- finding links --------------------------------------------------------------------------- */

/* The literal relative path of an object's templateLink; NULL when it has none, or an expression.
 * Owned. */
static char *relative_path(struct span object)
{
    struct span link = member(object, "templateLink");
    struct span path =
        link.at && *link.at == '{' ? member(link, "relativePath") : (struct span){NULL, NULL};
    if (!path.at || *path.at != '"' || path.at[1] == '[')
        return NULL;
    json_t *value = json_loadb(path.at, (size_t)(path.end - path.at), JSON_DECODE_ANY, NULL);
    char *text = g_strdup(json_string_value(value));
    json_decref(value);
    return text;
}

/* "infra/main.json" and "modules/a.json" give "infra/modules/a.json"; git refuses what leaves the
 * repository. */
static char *path_beside(const char *parent, const char *relative)
{
    g_autofree char *folder = g_path_get_dirname(parent);
    g_autofree char *absolute = g_build_filename("/", folder, NULL);
    g_autofree char *canonical = g_canonicalize_filename(relative, absolute);
    return g_strdup(canonical + 1);
}

/* ---- rewriting ------------------------------------------------------------------------------- */

struct inliner {
    struct release_maker *maker;
    const char *path; /* of the template that is being rewritten, inside the repository */
    int depth;
    GString *out;
};

static struct roll_error *write_value(struct inliner *inliner, struct span value);

static void note_link(struct release_maker *maker, const char *path, const char *digest)
{
    for (size_t i = 0; i < json_array_size(maker->linked); i++)
        if (g_strcmp0(roll_json_get_string(json_array_get(maker->linked, i), "path"), path) == 0)
            return;
    json_t *link = json_object();
    json_object_set_new(link, "path", json_string(path));
    json_object_set_new(link, "digest", json_string(digest));
    json_array_append_new(maker->linked, link);
}

static struct roll_error *write_linked(struct inliner *inliner, const char *path)
{
    struct release_maker *maker = inliner->maker;
    roll_auto(template) struct roll_template *tmpl = NULL;
    g_autoptr(GString) text = NULL;
    if (inliner->depth == MAX_DEPTH)
        return roll_error_new(ROLL_E_LIMIT, "linked templates are deeper than %d", MAX_DEPTH);
    if (maker->spec_linked)
        ROLL_TRY(release_spec_linked(maker, path, &text));
    else
        ROLL_TRY(roll_git_read(maker->git, maker->commit.id, path, MAX_LINKED_BYTES, &text));
    ROLL_TRY(roll_template_read(text->str, text->len, path, &tmpl));
    size_t size = 0;
    const char *strict = roll_template_text(tmpl, &size);
    note_link(maker, path, release_maker_keep_take(maker, g_string_new_len(strict, (gssize)size)));
    struct inliner inner = {maker, path, inliner->depth + 1, inliner->out};
    return write_value(&inner, (struct span){strict, strict + size});
}

static void write_span(struct inliner *inliner, struct span span)
{
    g_string_append_len(inliner->out, span.at, (gssize)(span.end - span.at));
}

/* The members of the object, without those that the nested template takes the place of. */
static struct roll_error *write_link(struct inliner *inliner, struct span object,
                                     const char *relative)
{
    g_autofree char *path = path_beside(inliner->path, relative);
    g_string_append(inliner->out,
                    "{\"expressionEvaluationOptions\":{\"scope\":\"inner\"},\"template\":");
    ROLL_TRY(roll_error_wrap(write_linked(inliner, path), "while reading the linked template '%s'",
                             relative));
    for (const char *at = object.at + 1; *at == '"';) {
        struct span name = {at, roll_json_skip_string(at)};
        struct span value = {name.end + 1, roll_json_skip(name.end + 1)};
        if (!is_named(name, "templateLink") && !is_named(name, "expressionEvaluationOptions")) {
            g_string_append_c(inliner->out, ',');
            write_span(inliner, name);
            g_string_append_c(inliner->out, ':');
            ROLL_TRY(write_value(inliner, value));
        }
        at = *value.end == ',' ? value.end + 1 : value.end;
    }
    g_string_append_c(inliner->out, '}');
    return NULL;
}

static struct roll_error *write_object(struct inliner *inliner, struct span object)
{
    g_autofree char *relative = relative_path(object);
    if (relative)
        return write_link(inliner, object, relative);
    g_string_append_c(inliner->out, '{');
    for (const char *at = object.at + 1; *at == '"';) {
        struct span name = {at, roll_json_skip_string(at)};
        struct span value = {name.end + 1, roll_json_skip(name.end + 1)};
        write_span(inliner, name);
        g_string_append_c(inliner->out, ':');
        ROLL_TRY(write_value(inliner, value));
        if (*value.end == ',')
            g_string_append_c(inliner->out, ',');
        at = *value.end == ',' ? value.end + 1 : value.end;
    }
    g_string_append_c(inliner->out, '}');
    return NULL;
}

static struct roll_error *write_array(struct inliner *inliner, struct span array)
{
    g_string_append_c(inliner->out, '[');
    for (const char *at = array.at + 1; *at != ']';) {
        struct span value = {at, roll_json_skip(at)};
        ROLL_TRY(write_value(inliner, value));
        if (*value.end == ',')
            g_string_append_c(inliner->out, ',');
        at = *value.end == ',' ? value.end + 1 : value.end;
    }
    g_string_append_c(inliner->out, ']');
    return NULL;
}

static struct roll_error *write_value(struct inliner *inliner, struct span value)
{
    if (*value.at == '{')
        return write_object(inliner, value);
    if (*value.at == '[')
        return write_array(inliner, value);
    write_span(inliner, value);
    return NULL;
}

struct roll_error *release_inline_links(struct release_maker *maker, const char *path,
                                        const struct roll_template *tmpl, GString **ret_text)
{
    size_t size = 0;
    const char *text = roll_template_text(tmpl, &size);
    *ret_text = NULL;
    if (!strcasestr(text, "\"relativePath\""))
        return NULL;
    g_autoptr(GString) out = g_string_sized_new(size * 2);
    struct inliner inliner = {maker, path, 0, out};
    ROLL_TRY(write_value(&inliner, (struct span){text, text + size}));
    *ret_text = g_steal_pointer(&out);
    return NULL;
}
