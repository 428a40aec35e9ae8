/* A JSON file with what is needed to point into it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "plan/internal.h"

struct roll_error *roll_plan_read_text(const char *path, const char *shown, char **ret_text,
                                       size_t *ret_size)
{
    struct stat info;
    if (stat(path, &info) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return roll_error_new(ROLL_E_NOT_FOUND, "'%s' does not exist", shown);
    if (stat(path, &info) != 0)
        return roll_error_new(ROLL_E_IO, "'%s' cannot be read: %s", shown, g_strerror(errno));
    if (!S_ISREG(info.st_mode))
        return roll_error_new(ROLL_E_IO, "'%s' is not a file", shown);
    if (info.st_size > (off_t)ROLL_JSON_MAX_BYTES)
        return roll_error_new(ROLL_E_LIMIT, "'%s' has more than %u bytes", shown,
                              ROLL_JSON_MAX_BYTES);
    g_autoptr(GError) failed = NULL;
    gsize size = 0;
    if (!g_file_get_contents(path, ret_text, &size, &failed))
        return roll_error_new(ROLL_E_IO, "'%s' cannot be read: %s", shown, failed->message);
    *ret_size = size;
    return NULL;
}

/* The reader says `line L, column C: …`; people click on `file:L:C: …`. */
static struct roll_error *not_json(struct roll_error *err, const char *shown)
{
    int line, column, length = 0;
    struct roll_error *made;
    if (err->code == ROLL_E_SYNTAX &&
        sscanf(err->message, "line %9d, column %9d: %n", &line, &column, &length) == 2 &&
        length > 0)
        made =
            roll_error_new(ROLL_E_PLAN, "%s:%d:%d: %s", shown, line, column, err->message + length);
    else
        made = roll_error_new(ROLL_E_PLAN, "%s: %s", shown, err->message);
    roll_error_free(err);
    return made;
}

struct roll_error *roll_document_read(const char *path, const char *shown,
                                      struct roll_document **ret_document)
{
    roll_auto(document) struct roll_document *document = g_new0(struct roll_document, 1);
    document->path = g_canonicalize_filename(path, NULL);
    document->shown = g_strdup(shown);
    ROLL_TRY(roll_plan_read_text(document->path, shown, &document->text, &document->size));
    struct roll_error *err =
        roll_json_read(document->text, document->size, ROLL_JSON_PLAN, &document->strict);
    if (!err)
        err = roll_json_parse(document->strict->str, document->strict->len, ROLL_JSON_STRICT,
                              &document->value);
    if (err)
        return not_json(err, shown);
    document->findings = roll_findings_new(shown, document->text, document->size);
    *ret_document = g_steal_pointer(&document);
    return NULL;
}

void roll_document_free(struct roll_document *document)
{
    if (!document)
        return;
    roll_findings_free(document->findings);
    json_decref(document->value);
    if (document->strict)
        g_string_free(document->strict, TRUE);
    g_free(document->text);
    g_free(document->shown);
    g_free(document->path);
    g_free(document);
}
