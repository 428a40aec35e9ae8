/* The expression parser and all functions: the input is one expression without its brackets. */
#include "fuzz.h"

#include <string.h>

#include "rollbook/json.h"
#include "rollbook/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct roll_template_input input = {
        .context = {.utc_now = "2019-03-05T17:53:18Z", .guid_seed = "s"}};
    roll_auto(json) json_t *value = NULL;
    if (size > 4096 || memchr(data, 0, size))
        return 0;
    g_autofree char *expression = g_strdup_printf("[%.*s]", (int)size, (const char *)data);
    roll_error_free(roll_template_eval(NULL, &input, expression, &value));
    return 0;
}
