/* The one place that says which release may be returned to (DESIGN section 6, Back): it succeeded
 * here, nobody says that it is bad, and it is not below the data floor. */
#include "release/eligible.h"

#include <inttypes.h>

static char *marked(const char *where, const char *reason)
{
    return reason ? g_strdup_printf("marked bad %s (%s)", where, reason)
                  : g_strdup_printf("marked bad %s", where);
}

static char *below_floor(const struct release_facts *facts)
{
    const char *target = facts->floor_target;
    return g_strdup_printf("made for data version %" PRId64 ", below the data floor %" PRId64
                           "%s%s%s",
                           facts->data_version, facts->floor, target ? " of target '" : "",
                           target ? target : "", target ? "'" : "");
}

enum release_verdict release_eligible(const struct release_facts *facts, char **ret_reason)
{
    char *reason = NULL;
    enum release_verdict verdict = RELEASE_ELIGIBLE;
    if (facts->adopted) {
        verdict = RELEASE_ADOPTED;
        reason = g_strdup("adopted and not accepted");
    } else if (!facts->succeeded) {
        verdict = RELEASE_NEVER_HERE;
        reason = g_strdup("never succeeded here");
    } else if (facts->bad == RELEASE_IS_BAD_HERE) {
        verdict = RELEASE_BAD_HERE;
        reason = marked("here", facts->bad_reason);
    } else if (facts->bad == RELEASE_IS_BAD_SERVICE) {
        verdict = RELEASE_BAD_SERVICE;
        reason = marked("for the whole service", facts->bad_reason);
    } else if (facts->data_version < facts->floor) {
        verdict = RELEASE_BELOW_FLOOR;
        reason = below_floor(facts);
    }
    if (reason && ret_reason)
        *ret_reason = g_steal_pointer(&reason);
    g_free(reason);
    return verdict;
}
