/* Findings: collected with a pointer, shown with line and column in the order of the text. */
#include <stdarg.h>

#include "plan/internal.h"

#define MAX_FINDINGS 100

struct roll_findings {
    char *file;       /* owned */
    const char *text; /* borrowed */
    size_t size;
    GPtrArray *items; /* struct finding * */
    size_t count;     /* also of those that were not kept */
};

struct finding {
    char *pointer;
    char *text;
    int line, column; /* set when written */
};

static void finding_free(void *data)
{
    struct finding *finding = data;
    g_free(finding->pointer);
    g_free(finding->text);
    g_free(finding);
}

struct roll_findings *roll_findings_new(const char *file, const char *text, size_t size)
{
    struct roll_findings *findings = g_new0(struct roll_findings, 1);
    findings->file = g_strdup(file);
    findings->text = text;
    findings->size = size;
    findings->items = g_ptr_array_new_with_free_func(finding_free);
    return findings;
}

void roll_findings_free(struct roll_findings *findings)
{
    if (!findings)
        return;
    g_ptr_array_unref(findings->items);
    g_free(findings->file);
    g_free(findings);
}

void roll_findings_add(struct roll_findings *findings, const char *pointer, const char *format, ...)
{
    findings->count++;
    if (findings->items->len >= MAX_FINDINGS)
        return;
    va_list arguments;
    va_start(arguments, format);
    struct finding *finding = g_new0(struct finding, 1);
    finding->pointer = g_strdup(pointer);
    finding->text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_ptr_array_add(findings->items, finding);
}

size_t roll_findings_count(const struct roll_findings *findings)
{
    return findings->count;
}

static gint by_position(gconstpointer a, gconstpointer b)
{
    const struct finding *x = *(const struct finding *const *)a;
    const struct finding *y = *(const struct finding *const *)b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return x->column == y->column ? 0 : x->column < y->column ? -1 : 1;
}

void roll_findings_write(const struct roll_findings *findings, GString *out)
{
    for (guint at = 0; at < findings->items->len; at++) {
        struct finding *finding = findings->items->pdata[at];
        roll_json_where(findings->text, findings->size, ROLL_JSON_PLAN, finding->pointer,
                        &finding->line, &finding->column);
    }
    g_ptr_array_sort(findings->items, by_position);
    for (guint at = 0; at < findings->items->len; at++) {
        const struct finding *finding = findings->items->pdata[at];
        g_string_append_printf(out, "%s%s:%d:%d: %s", out->len ? "\n" : "", findings->file,
                               finding->line, finding->column, finding->text);
    }
    if (findings->count > findings->items->len)
        g_string_append_printf(out, "\n%s: and %zu more", findings->file,
                               findings->count - findings->items->len);
}

void roll_pointer_append(GString *pointer, const char *segment)
{
    g_string_append_c(pointer, '/');
    for (; *segment; segment++) {
        if (*segment == '~')
            g_string_append(pointer, "~0");
        else if (*segment == '/')
            g_string_append(pointer, "~1");
        else
            g_string_append_c(pointer, *segment);
    }
}

char *roll_pointer(const char *base, ...)
{
    GString *pointer = g_string_new(base);
    va_list segments;
    va_start(segments, base);
    for (const char *segment = va_arg(segments, const char *); segment;
         segment = va_arg(segments, const char *))
        roll_pointer_append(pointer, segment);
    va_end(segments);
    return g_string_free(pointer, FALSE);
}

char *roll_pointer_index(const char *base, size_t index)
{
    return g_strdup_printf("%s/%zu", base, index);
}
