/* Errors of templates, and where they stand in the file. */
#include "program.h"

struct roll_error *template_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    return roll_error_new(ROLL_E_TEMPLATE, "%s", message);
}

struct roll_error *trail_key(struct trail *trail, struct roll_error *err, const char *key)
{
    if (!err)
        return NULL;
    g_autoptr(GString) escaped = g_string_new("/");
    for (; *key; key++) {
        if (*key == '~')
            g_string_append(escaped, "~0");
        else if (*key == '/')
            g_string_append(escaped, "~1");
        else
            g_string_append_c(escaped, *key);
    }
    g_string_prepend(trail->pointer, escaped->str);
    return err;
}

struct roll_error *trail_index(struct trail *trail, struct roll_error *err, size_t index)
{
    if (!err)
        return NULL;
    char text[32];
    g_snprintf(text, sizeof(text), "%zu", index);
    return trail_key(trail, err, text);
}

struct roll_error *template_rephrase(struct roll_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    struct roll_error *fresh = roll_error_new(err->code, "%s", message);
    if (err->detail)
        fresh = roll_error_detail(fresh, err->detail);
    roll_error_free(err);
    return fresh;
}

/* /resources/3/name as messages write it: resources[3].name */
static char *dotted_path(const char *pointer)
{
    GString *out = g_string_new(NULL);
    g_auto(GStrv) parts = g_strsplit(*pointer ? pointer + 1 : pointer, "/", -1);
    for (char **part = parts; *part; part++) {
        g_autoptr(GString) key = g_string_new(*part);
        g_string_replace(key, "~1", "/", 0);
        g_string_replace(key, "~0", "~", 0);
        if (key->len > 0 && strspn(key->str, "0123456789") == key->len)
            g_string_append_printf(out, "[%s]", key->str);
        else
            g_string_append_printf(out, "%s%s", out->len > 0 ? "." : "", key->str);
    }
    return g_string_free(out, FALSE);
}

struct roll_error *trail_finish(struct trail *trail, struct roll_error *err,
                                const struct roll_template *file, const char *base)
{
    if (err && !err->detail && file) {
        int line = 0;
        int column = 0;
        g_autofree char *pointer = g_strconcat(base ? base : "", trail->pointer->str, NULL);
        roll_json_where(file->original->str, file->original->len, ROLL_JSON_ARM, pointer, &line,
                        &column);
        g_autofree char *path = dotted_path(pointer);
        g_autoptr(GString) detail = g_string_new(NULL);
        g_string_append_printf(detail, "{\"line\":%d,\"column\":%d,\"path\":", line, column);
        roll_json_write_string(path, strlen(path), detail);
        if (file->file_name) {
            g_string_append(detail, ",\"file\":");
            roll_json_write_string(file->file_name, strlen(file->file_name), detail);
        }
        g_string_append_c(detail, '}');
        err = roll_error_detail(err, detail->str);
    }
    g_string_truncate(trail->pointer, 0);
    return err;
}
