/* Approvals: whether each counts, and whether there are enough (DESIGN section 7). What is looked
 * at was recorded with the request: the governing plan, the approvers file, the revoked keys; and
 * the time of each approval's event. */
#include <inttypes.h>
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/policy.h"

#define SLOTS_MAX 1000

/* ---- a request ------------------------------------------------------------------------------ */

void roll_approved_free(struct roll_approved *approved)
{
    if (!approved)
        return;
    g_free(approved->stream);
    g_free(approved->requester.proved);
    g_free(approved->requester.claimed);
    json_decref(approved->plan);
    json_decref(approved->approvals);
    if (approved->approvers)
        g_string_free(approved->approvers, TRUE);
    if (approved->revoked)
        g_string_free(approved->revoked, TRUE);
    g_free(approved);
}

static struct roll_error *load(struct roll_ledger *ledger, const struct roll_event *event,
                               const struct roll_rollout_requested *body,
                               struct roll_approved *approved)
{
    approved->stream = g_strdup(event->stream);
    approved->rollout = event->seq;
    memcpy(approved->hash, event->hash, sizeof approved->hash);
    approved->expires = body->expires;
    approved->requester.proved = g_strdup(event->actor.proved);
    approved->requester.claimed = g_strdup(event->actor.claimed);
    approved->approvals = json_object_get(body->gates, "approvals");
    if (!approved
             ->approvals) /* passed by then: whoever could have given them may do so afterwards */
        approved->approvals = json_object_get(body->gates, "owed");
    json_incref(approved->approvals);
    if (body->plan)
        ROLL_TRY(roll_ledger_object_json(ledger, body->plan, &approved->plan));
    if (body->approvers)
        ROLL_TRY(roll_ledger_object(ledger, body->approvers, &approved->approvers));
    return body->revoked ? roll_ledger_object(ledger, body->revoked, &approved->revoked) : NULL;
}

struct roll_error *roll_approved_load(struct roll_ledger *ledger, const char *stream,
                                      int64_t rollout, struct roll_approved **ret_approved)
{
    roll_auto(event) struct roll_event *event = NULL;
    roll_auto(approved) struct roll_approved *approved = g_new0(struct roll_approved, 1);
    const struct roll_rollout_requested *body;
    struct roll_error *err;

    err = roll_ledger_event(ledger, stream, rollout, &event);
    if (err && roll_error_code(err) != ROLL_E_NOT_FOUND)
        return err;
    roll_error_free(err);
    body = event ? roll_event_body(event, rollout_requested) : NULL;
    if (!body)
        return roll_error_new(ROLL_E_NOT_FOUND, "there is no rollout '%s#%" PRId64 "'", stream,
                              rollout);
    ROLL_TRY(load(ledger, event, body, approved));
    *ret_approved = g_steal_pointer(&approved);
    return NULL;
}

/* ---- one approval --------------------------------------------------------------------------- */

static bool is_same_person(const char *actor, const char *approver)
{
    size_t size = actor ? strcspn(actor, " ") : 0;

    return size > 0 && strlen(approver) == size && g_ascii_strncasecmp(actor, approver, size) == 0;
}

static bool has_a_role(const struct roll_approved *approved, const char *approver)
{
    size_t index;
    json_t *wanted;

    json_array_foreach (approved->approvals, index, wanted) {
        const char *role = roll_json_get_string(wanted, "role");
        if (role && roll_policy_names_member(approved->plan, role, approver))
            return true;
    }
    return false;
}

struct roll_error *roll_approval_check(const struct roll_approved *approved, const char *approver,
                                       const char *signature, int64_t at_ms)
{
    struct roll_signers signers = {approved->approvers, approved->revoked};
    g_autofree char *message = g_strdup_printf("%s\n", approved->hash);

    if (is_same_person(approved->requester.proved, approver) ||
        is_same_person(approved->requester.claimed, approver))
        return roll_error_new(ROLL_E_REFUSED,
                              "'%s' asked for '%s#%" PRId64 "', and may not approve it", approver,
                              approved->stream, approved->rollout);
    if (!has_a_role(approved, approver))
        return roll_error_new(ROLL_E_REFUSED,
                              "'%s' has none of the roles whose approval '%s#%" PRId64 "' asks for",
                              approver, approved->stream, approved->rollout);
    return roll_signature_verify(&signers, approver, message, signature, at_ms);
}

/* ---- enough? -------------------------------------------------------------------------------- */

struct given {
    const struct roll_approved *approved;
    int64_t limit;
    GPtrArray *people; /* char *, owned */
    GHashTable *keys;  /* of those */
};

static bool is_known(const struct given *given, const char *approver)
{
    for (guint i = 0; i < given->people->len; i++)
        if (g_ascii_strcasecmp(g_ptr_array_index(given->people, i), approver) == 0)
            return true;
    return false;
}

/* One key may be listed for several names, or for a pattern: it speaks once. */
static struct roll_error *take(void *user, const struct roll_event *event)
{
    struct given *given = user;
    const struct roll_approval_given *body = roll_event_body(event, approval_given);
    char key[ROLL_HEX_SIZE];
    struct roll_error *err;

    if (!body || body->rollout != given->approved->rollout ||
        (given->limit && event->seq >= given->limit) || is_known(given, body->approver))
        return NULL;
    err = roll_signature_key(body->signature, key);
    if (!err && g_hash_table_contains(given->keys, key))
        return NULL;
    if (!err)
        err = roll_approval_check(given->approved, body->approver, body->signature, event->at);
    if (roll_error_code(err) == ROLL_E_REFUSED || roll_error_code(err) == ROLL_E_INVALID) {
        roll_error_free(err); /* it does not count */
        return NULL;
    }
    ROLL_TRY(err);
    g_ptr_array_add(given->people, g_strdup(body->approver));
    g_hash_table_add(given->keys, g_strdup(key));
    return NULL;
}

/* Each person fills one place: a matching, since somebody may have several roles. */
struct places {
    const struct roll_approved *approved;
    GPtrArray *roles; /* const char *: one for each approval asked for */
    GArray *holders;  /* int: person, -1 */
    GPtrArray *people;
};

static bool seat(struct places *places, int person, GHashTable *seen)
{
    for (guint i = 0; i < places->roles->len; i++) {
        int *holder = &g_array_index(places->holders, int, i);
        if (!roll_policy_names_member(places->approved->plan, g_ptr_array_index(places->roles, i),
                                      g_ptr_array_index(places->people, (guint)person)) ||
            !g_hash_table_add(seen, GUINT_TO_POINTER(i + 1)))
            continue;
        if (*holder < 0 || seat(places, *holder, seen)) {
            *holder = person;
            return true;
        }
    }
    return false;
}

static void make_places(struct places *places)
{
    int nobody = -1;
    size_t index;
    json_t *wanted;

    json_array_foreach (places->approved->approvals, index, wanted) {
        const json_t *count = json_object_get(wanted, "count");
        json_int_t n = count ? json_integer_value(count) : 1;
        for (json_int_t i = 0; i < n && places->roles->len < SLOTS_MAX; i++) {
            const char *role = roll_json_get_string(wanted, "role");
            g_ptr_array_add(places->roles, (void *)(uintptr_t)(role ? role : ""));
            g_array_append_val(places->holders, nobody);
        }
    }
}

static char *missing_of(const struct places *places)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < places->roles->len; i++) {
        const char *role = g_ptr_array_index(places->roles, i);
        guint total = 0, open = 0;
        if (i > 0 && strcmp(g_ptr_array_index(places->roles, i - 1), role) == 0)
            continue;
        for (guint j = i;
             j < places->roles->len && strcmp(g_ptr_array_index(places->roles, j), role) == 0;
             j++, total++)
            open += g_array_index(places->holders, int, j) < 0;
        if (open && total > 1)
            g_string_append_printf(text, "%s%s (%u of %u)", text->len ? ", " : "", role, open,
                                   total);
        else if (open)
            g_string_append_printf(text, "%s%s", text->len ? ", " : "", role);
    }
    return text->len ? g_strdup(text->str) : NULL;
}

static char *match(const struct roll_approved *approved, GPtrArray *people)
{
    g_autoptr(GPtrArray) roles = g_ptr_array_new();
    g_autoptr(GArray) holders = g_array_new(FALSE, FALSE, sizeof(int));
    struct places places = {approved, roles, holders, people};

    make_places(&places);
    for (guint i = 0; i < people->len; i++) {
        g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
        seat(&places, (int)i, seen);
    }
    return missing_of(&places);
}

struct roll_error *roll_approvals_has(struct roll_ledger *ledger,
                                      const struct roll_approved *approved, const char *approver,
                                      const char *signature, bool *ret_has)
{
    g_autoptr(GPtrArray) people = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    struct given given = {approved, 0, people, keys};
    char key[ROLL_HEX_SIZE];

    ROLL_TRY(roll_signature_key(signature, key));
    ROLL_TRY(roll_ledger_events(ledger, approved->stream, approved->rollout + 1, take, &given));
    *ret_has = is_known(&given, approver) || g_hash_table_contains(keys, key);
    return NULL;
}

struct roll_error *roll_approvals_missing(struct roll_ledger *ledger,
                                          const struct roll_approved *approved, int64_t limit,
                                          char **ret_missing)
{
    g_autoptr(GPtrArray) people = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    struct given given = {approved, limit, people, keys};

    *ret_missing = NULL;
    if (json_array_size(approved->approvals) == 0)
        return NULL;
    ROLL_TRY(roll_ledger_events(ledger, approved->stream, approved->rollout + 1, take, &given));
    *ret_missing = match(approved, people);
    return NULL;
}

/* ---- all of them ---------------------------------------------------------------------------- */

struct verify {
    struct roll_ledger *ledger;
    char *bad;
};

static struct roll_error *verify_approval(void *user, const char *stream, int64_t seq)
{
    struct verify *verify = user;
    roll_auto(event) struct roll_event *event = NULL;
    roll_auto(approved) struct roll_approved *approved = NULL;
    const struct roll_approval_given *body;
    struct roll_error *err;

    if (verify->bad)
        return NULL;
    ROLL_TRY(roll_ledger_event(verify->ledger, stream, seq, &event));
    body = roll_event_body(event, approval_given);
    if (!body)
        return NULL;
    err = roll_approved_load(verify->ledger, stream, body->rollout, &approved);
    if (!err)
        err = roll_approval_check(approved, body->approver, body->signature, event->at);
    if (roll_error_code(err) != ROLL_E_REFUSED && roll_error_code(err) != ROLL_E_NOT_FOUND)
        return err;
    verify->bad =
        g_strdup_printf("%s %" PRId64 ": the approval of #%" PRId64 " by '%s' does not count: %s",
                        stream, seq, body->rollout, body->approver, err->message);
    roll_error_free(err);
    return NULL;
}

struct first_claim {
    int64_t rollout, seq;
};

static struct roll_error *see_claim(void *user, const struct roll_event *event)
{
    struct first_claim *first = user;
    const struct roll_rollout_claimed *claim = roll_event_body(event, rollout_claimed);

    if (!claim || claim->rollout != first->rollout || claim->settle)
        return NULL;
    first->seq = event->seq;
    return roll_error_new(ROLL_E_FOUND, "enough was read");
}

/* Whoever can write the database can also write a claim. */
static struct roll_error *verify_start(void *user, const char *stream, int64_t seq)
{
    struct verify *verify = user;
    struct first_claim first = {.rollout = seq};
    roll_auto(approved) struct roll_approved *approved = NULL;
    g_autofree char *missing = NULL;
    struct roll_error *err;

    if (verify->bad)
        return NULL;
    err = roll_ledger_events(verify->ledger, stream, seq + 1, see_claim, &first);
    if (roll_error_code(err) != ROLL_E_FOUND)
        return err;
    roll_error_free(err);
    ROLL_TRY(roll_approved_load(verify->ledger, stream, seq, &approved));
    ROLL_TRY(roll_approvals_missing(verify->ledger, approved, first.seq, &missing));
    if (missing)
        verify->bad =
            g_strdup_printf("%s %" PRId64 ": #%" PRId64 " started without the approval of %s",
                            stream, first.seq, seq, missing);
    return NULL;
}

struct roll_error *roll_approvals_verify(struct roll_ledger *ledger, char **ret_bad)
{
    struct verify verify = {.ledger = ledger};

    *ret_bad = NULL;
    ROLL_TRY(
        roll_ledger_find_events(ledger, ROLL_EVENT_approval_given, NULL, verify_approval, &verify));
    ROLL_TRY(roll_ledger_find_events(ledger, ROLL_EVENT_rollout_requested, "\"approvals\":[{",
                                     verify_start, &verify));
    *ret_bad = verify.bad;
    return NULL;
}
