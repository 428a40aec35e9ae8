/* What is owed (DESIGN section 7), in words. */
#include <string.h>

#include "rollbook/policy.h"

char *roll_debt_next(const char *rollout, const char *debt)
{
    if (strcmp(debt, "approval") == 0)
        return g_strdup_printf("roll approve %s", rollout);
    if (strcmp(debt, "hotfix") == 0)
        return g_strdup_printf("roll review %s --contained-in VERSION --reason TEXT", rollout);
    if (g_str_has_prefix(debt, "gate:"))
        return g_strdup_printf("roll review %s", rollout);
    return g_strdup_printf("roll review %s --debt %s --reason TEXT", rollout, debt);
}
