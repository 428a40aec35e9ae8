/* Walking over strict minified JSON without parsing it: the text was validated by the reader. */
#include <string.h>

#include "rollbook/json.h"

const char *roll_json_skip_string(const char *at)
{
    for (at++; *at != '"'; at++)
        if (*at == '\\')
            at++;
    return at + 1;
}

const char *roll_json_skip(const char *at)
{
    int depth = 0;
    do {
        if (*at == '"') {
            at = roll_json_skip_string(at);
        } else if (*at == '{' || *at == '[') {
            depth++;
            at++;
        } else if (*at == '}' || *at == ']') {
            depth--;
            at++;
        } else if (*at == ',' || *at == ':') {
            at++;
        } else {
            at += strcspn(at, ",}]");
        }
    } while (depth > 0);
    return at;
}
