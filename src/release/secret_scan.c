/* Shapes of credentials. A shape must be narrow enough that people do not learn to override it:
 * what a key looks like by itself (88 base64 characters), or what stands before it (AccountKey=).
 * Placeholders in braces do not count. */
#include "release/secret_scan.h"

#include "rollbook/release.h"

static const struct {
    const char *what, *pattern;
} shapes[] = {
    {"a private key", "-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"},
    {"a connection string with a key", "(?i)(?:^|[;\"'])\\s*(?:AccountKey|SharedAccessKey|"
                                       "SharedSecretIssuerSecret|AccessKey)\\s*=\\s*"
                                       "[A-Za-z0-9+/]{16,}={0,2}"},
    {"a connection string with a signature",
     "(?i)(?:^|[;\"'])\\s*SharedAccessSignature\\s*=\\s*\\S{16,}"},
    {"a connection string with a password",
     "(?i)(?:^|[;\"'])\\s*(?:Password|Pwd)\\s*=\\s*(?![{<$\\[*@;\\s]|\\Z)[^;]"},
    {"a shared access signature", "(?i)(?:^|[?&;])sig=[A-Za-z0-9%+/_-]{16,}"},
    {"a JSON web token", "\\beyJ[A-Za-z0-9_-]{8,}\\.eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]{16,}"},
    {"an Azure client secret",
     "(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~.-])"},
    {"an account key", "(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{86}==(?![A-Za-z0-9+/=])"},
    {"an access token", "\\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})"},
    {"an address with a password", "[a-z][a-z0-9+.-]{1,20}://[^/\\s:@{}]+:[^/\\s:@{}]{3,}@"},
};

struct release_scanner {
    GRegex *regex[G_N_ELEMENTS(shapes)];
};

struct release_scanner *release_scanner_new(void)
{
    struct release_scanner *scanner = g_new0(struct release_scanner, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++) {
        scanner->regex[i] = g_regex_new(shapes[i].pattern, 0, 0, NULL);
        g_assert(scanner->regex[i]);
    }
    return scanner;
}

void release_scanner_free(struct release_scanner *scanner)
{
    if (!scanner)
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++)
        g_regex_unref(scanner->regex[i]);
    g_free(scanner);
}

const char *release_scan_text(const struct release_scanner *scanner, const char *text, size_t size)
{
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++) {
        GError *error = NULL;
        bool found = g_regex_match_full(scanner->regex[i], text, (gssize)size, 0, 0, NULL, &error);
        /* A text that exhausts the matcher was not found to be harmless. */
        if (error) {
            g_error_free(error);
            return "a text that could not be scanned";
        }
        if (found)
            return shapes[i].what;
    }
    return NULL;
}

const char *release_scan_value(const struct release_scanner *scanner, const json_t *value)
{
    const char *what = NULL;
    if (json_is_string(value))
        return release_scan_text(scanner, json_string_value(value), json_string_length(value));
    for (size_t i = 0; json_is_array(value) && i < json_array_size(value) && !what; i++)
        what = release_scan_value(scanner, json_array_get(value, i));
    if (!json_is_object(value))
        return what;
    const char *name;
    json_t *member;
    json_object_foreach ((json_t *)(uintptr_t)value, name, member)
        if (!what)
            what = release_scan_value(scanner, member);
    return what;
}

char *roll_release_redact(const char *text, size_t size)
{
    struct release_scanner *scanner = release_scanner_new();
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)size);
    g_auto(GStrv) lines = g_strsplit(valid, "\n", -1);
    GString *kept = g_string_new(NULL);

    for (char **line = lines; *line; line++) {
        const char *what = release_scan_text(scanner, *line, strlen(*line));
        if (line > lines)
            g_string_append_c(kept, '\n');
        if (what)
            g_string_append_printf(kept, "[left out: %s]", what);
        else
            g_string_append(kept, *line);
    }
    release_scanner_free(scanner);
    return g_string_free(kept, FALSE);
}
