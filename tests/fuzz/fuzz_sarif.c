/* A scan report. What it says is one of three verdicts with a line and a result that the ledger can
 * hold; a stricter rule never passes what a milder one refuses, and a report of another commit
 * never passes. */
#include "fuzz.h"
#include "rollbook/policy.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

static int judge(const uint8_t *data, size_t size, const struct roll_sarif_options *options)
{
    static const char *const verdicts[] = {"passed", "failed", "error"};
    const char *verdict = NULL;
    g_autofree char *summary = NULL;
    roll_auto(json) json_t *result = NULL;
    g_autoptr(GString) canonical = NULL;

    roll_sarif_judge((const char *)data, size, options, &verdict, &summary, &result);
    FUZZ_CHECK(summary && *summary && g_utf8_validate(summary, -1, NULL), "%s", verdict);
    FUZZ_CHECK(json_is_object(result), "%s", summary);
    fuzz_check_value(result);
    FUZZ_MUST(roll_json_canonical(result, &canonical));
    for (int i = 0; i < 3; i++)
        if (strcmp(verdict, verdicts[i]) == 0)
            return i;
    FUZZ_CHECK(false, "%s", verdict);
    return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const digests[] = {"sha256:1", NULL};
    const struct roll_sarif_options mild = {.fail_on = "error",
                                            .max_severity = -1,
                                            .commit = COMMIT,
                                            .digests = digests,
                                            .named = true};
    struct roll_sarif_options strict = mild, unnamed = mild, other = mild;

    fuzz_begin();
    strict.fail_on = "note";
    strict.max_severity = 7;
    unnamed.named = false;
    other.commit = "ffffffffffffffffffffffffffffffffffffffff";
    other.digests = NULL;
    other.named = false;
    int verdict = judge(data, size, &mild);
    int stricter = judge(data, size, &strict);
    FUZZ_CHECK(stricter >= verdict, "%d, %d", verdict, stricter);
    FUZZ_CHECK((stricter == 2) == (verdict == 2), "%d, %d", verdict, stricter);
    FUZZ_CHECK(judge(data, size, &unnamed) >= verdict, "%d", verdict);
    /* Bound to COMMIT by what it says, it is not bound to another one too. */
    int there = judge(data, size, &other);
    FUZZ_CHECK(there == 2 || !memmem(data, size, COMMIT, strlen(COMMIT)) || verdict == 2 ||
                   memmem(data, size, other.commit, strlen(other.commit)) ||
                   memchr(data, '\\', size),
               "%d", there);
    fuzz_end();
    return 0;
}
