/* The facts of an audit as CSV (RFC 4180): a row for each rollout. */
#include <inttypes.h>
#include <string.h>

#include "report/audit.h"
#include "rollbook/json.h"
#include "rollbook/report.h"
#include "rollbook/text.h"

void roll_report_csv_field(const char *text, GString *out)
{
    g_autoptr(GString) safe = g_string_new(NULL);

    if (!text || !*text)
        return;
    roll_text_safe(text, strlen(text), false, safe);
    if (strchr("=+-@\t\r\n", *text)) /* as it came: a line break has become a blank by now */
        g_string_prepend_c(safe, '\'');
    if (!strpbrk(safe->str, ",\"\r\n") && safe->str[0] != ' ' && safe->str[safe->len - 1] != ' ') {
        g_string_append_len(out, safe->str, (gssize)safe->len);
        return;
    }
    g_string_replace(safe, "\"", "\"\"", 0);
    g_string_append_printf(out, "\"%s\"", safe->str);
}

static void append_row(GString *out, const json_t *view)
{
    for (size_t i = 0; i < audit_column_count; i++) {
        g_autofree char *text = audit_columns[i].of(view);
        if (i > 0)
            g_string_append_c(out, ',');
        roll_report_csv_field(text, out);
    }
    g_string_append(out, "\r\n");
}

GString *roll_report_audit_csv(const json_t *facts)
{
    GString *out = g_string_new(NULL);
    size_t index;
    json_t *view;

    for (size_t i = 0; i < audit_column_count; i++)
        g_string_append_printf(out, "%s%s", i > 0 ? "," : "", audit_columns[i].name);
    g_string_append(out, "\r\n");
    json_array_foreach (json_object_get(facts, "rollouts"), index, view)
        append_row(out, view);
    return out;
}
