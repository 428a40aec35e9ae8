/* Names of deployments: derived from the ledger, so that whoever takes over derives the same. */
#include <string.h>

#include "rollbook/rollout.h"

#define NAME_DIGITS 12

char *roll_step_name(const char *service, const char *environment, const char *request_hash,
                     const char *target, int64_t step, int64_t attempt,
                     char ret_correlation[ROLL_UUID_SIZE])
{
    char step_text[24], attempt_text[24], digits[NAME_DIGITS + 1];
    size_t count = 0;

    g_snprintf(step_text, sizeof step_text, "%" G_GINT64_FORMAT, step);
    g_snprintf(attempt_text, sizeof attempt_text, "%" G_GINT64_FORMAT, attempt);
    roll_uuid_from(ret_correlation, request_hash, target, step_text, attempt_text, NULL);
    for (const char *at = ret_correlation; count < NAME_DIGITS; at++) {
        if (*at != '-')
            digits[count++] = *at;
    }
    digits[count] = '\0';
    return g_strdup_printf("roll-%s-%s-%s", service, environment, digits);
}

char *roll_fixed_name(const char *service, const char *environment,
                      const struct roll_order_target *target)
{
    if (target->deployment_name)
        return g_strdup(target->deployment_name);
    if (g_strcmp0(target->apply, "stack") == 0)
        return g_strdup_printf("roll-%s-%s", service, environment);
    return NULL;
}
