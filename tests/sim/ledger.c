/* The ledger: compare-and-swap on one stream, and facts folded from it independently of the
 * machine. */
#include "sim.h"

int64_t sim_head(const struct world *world)
{
    return world->replicas ? sim_replica_head(world) : world->here->events->len;
}

/* ---- facts
 * --------------------------------------------------------------------------------------------------------------
 */

struct fact *sim_fact(const struct world *world, int64_t number)
{
    for (guint i = 0; i < world->here->facts->len; i++) {
        struct fact *fact = g_ptr_array_index(world->here->facts, i);
        if (fact->number == number)
            return fact;
    }
    return NULL;
}

struct fact *sim_open_rollout(const struct world *world)
{
    for (guint i = 0; i < world->here->facts->len; i++) {
        struct fact *fact = g_ptr_array_index(world->here->facts, i);
        if (fact->end == ROLL_EVENT_UNKNOWN)
            return fact;
    }
    return NULL;
}

struct intent *sim_intent(const struct world *world, const char *correlation)
{
    return g_hash_table_lookup(world->here->intents, correlation);
}

/* The fake digest of an order is its place in the list. */
char *sim_order_digest(size_t index)
{
    return g_strdup_printf("%064zx", index);
}

const struct roll_order *sim_order(const struct world *world, const char *digest)
{
    if (world->replicas)
        return g_hash_table_lookup(world->orders_by_digest, digest);
    return g_ptr_array_index(world->order_list, (guint)g_ascii_strtoull(digest, NULL, 16));
}

static void add_fact(struct world *world, const struct roll_event *event)
{
    const struct roll_rollout_requested *body = event->body;
    struct fact *fact = g_new0(struct fact, 1);

    fact->number = event->seq;
    fact->at = event->at;
    fact->order = sim_order(world, body->order);
    fact->supersedes = body->supersedes;
    g_strlcpy(fact->hash, event->hash, sizeof fact->hash);
    for (guint i = 0; i < fact->order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(fact->order->targets, i);
        fact->parts[sim_target_index(target->name)].target = target;
    }
    g_ptr_array_add(world->here->facts, fact);
    sim_gates_fact(world, event);
}

static void take_claim(struct world *world, const struct roll_event *event)
{
    const struct roll_rollout_claimed *body = event->body;
    struct fact *fact = sim_fact(world, body->rollout);

    g_strlcpy(fact->claimant, body->driver, sizeof fact->claimant);
    fact->claim_seq = event->seq;
    fact->started |= !body->settle;
    if (body->timing)
        fact->timing = body->timing;
    fact->until = body->until;
}

/* Two replicas may intend the same, when one has not heard that it was overruled. */
static bool is_repeated(const struct world *world, const struct fact *fact,
                        const struct roll_step_intended *body)
{
    char correlation[ROLL_UUID_SIZE];

    if (!world->replicas)
        return false;
    g_free(roll_step_name(SIM_SERVICE, SIM_ENVIRONMENT, fact->hash, body->target, body->step,
                          body->attempt, correlation));
    return sim_intent(world, correlation) != NULL;
}

static void take_intent(struct world *world, const char *driver, const struct roll_event *event)
{
    const struct roll_step_intended *body = event->body;
    struct fact *fact = sim_fact(world, body->rollout);
    struct intent *intent;
    struct holding *holding;

    if (is_repeated(world, fact, body))
        return;
    intent = g_new0(struct intent, 1);

    intent->rollout = body->rollout;
    intent->step = body->step;
    intent->attempt = body->attempt;
    intent->at_ms = world->now;
    intent->seq = event->seq;
    intent->target = sim_target_index(body->target);
    intent->release = sim_release(body->release);
    g_strlcpy(intent->driver, driver ? driver : "", sizeof intent->driver);
    intent->name = roll_step_name(SIM_SERVICE, SIM_ENVIRONMENT, fact->hash, body->target,
                                  body->step, body->attempt, intent->correlation);
    g_hash_table_insert(world->here->intents, intent->correlation, intent);
    fact->parts[intent->target].open = intent;
    fact->parts[intent->target].touched = true;
    if (intent->step == 0)
        fact->parts[intent->target].done = fact->parts[intent->target].told = 0;
    holding = &world->here->holdings[intent->target];
    if (holding->rollout != body->rollout) {
        holding->before = holding->live;
        holding->rollout = body->rollout;
    }
    holding->live = 0;
    holding->known = true;
    holding->floor = MAX(holding->floor, (int)body->floor);
}

static bool is_closing(const struct roll_step_ended *body)
{
    return body->last && !body->accepted && strcmp(body->outcome, "cancelled") == 0;
}

/* Two replicas may say of the same intent what became of it, as long as they say the same. Of an
 * action one of them may know that it ran, and the other one, which took over, that this cannot be
 * seen; and a refusal is of one request, where the other's may have been taken. Who goes on without
 * the store may find that nothing has arrived, which somebody else, who hears nothing of it, sends
 * then: what ARM took is taken. */
static void compare_outcomes(struct world *world, const struct fact *fact,
                             const struct roll_step_ended *body)
{
    char correlation[ROLL_UUID_SIZE];

    g_free(roll_step_name(SIM_SERVICE, SIM_ENVIRONMENT, fact->hash, body->target, body->step,
                          body->attempt, correlation));
    struct intent *intent = sim_intent(world, correlation);
    if (!intent || !intent->outcome || is_closing(body))
        return;
    bool unseen = body->step > 0 && !(intent->accepted && body->accepted);
    bool refused = strcmp(intent->outcome, "refused") == 0 || strcmp(body->outcome, "refused") == 0;
    bool same = intent->accepted == body->accepted && strcmp(intent->outcome, body->outcome) == 0;
    bool sent_then = world->emergency && intent->accepted != body->accepted &&
                     strcmp(intent->accepted ? body->outcome : intent->outcome, "absent") == 0;
    if (!same && !unseen && !refused && !sent_then)
        intent->disputed = true;
    if (body->accepted && !intent->accepted) { /* what ARM took is taken */
        g_free(intent->outcome);
        intent->outcome = g_strdup(body->outcome);
        intent->accepted = true;
    }
}

/* As the ledger's projection does it: the last event decides; what never arrived changed nothing.
 */
static void take_outcome(struct world *world, const struct roll_event *event)
{
    const struct roll_step_ended *body = event->body;
    struct fact *fact = sim_fact(world, body->rollout);
    int target = sim_target_index(body->target);
    struct part *part = &fact->parts[target];
    struct holding *holding = &world->here->holdings[target];

    if (world->replicas)
        compare_outcomes(world, fact, body);
    fact->accepted |= body->accepted;
    sim_take_step_ended(world, part, body);
    if (part->open && part->open->step == body->step && part->open->attempt == body->attempt) {
        part->open->outcome = g_strdup(body->outcome);
        part->open->accepted = body->accepted;
        part->open = NULL;
    }
    if (!body->last) {
        part->touched = part->touched && strcmp(body->outcome, "absent") != 0;
        return;
    }
    /* Of two words the first counts, unless ARM took what it refused somebody else. */
    if (world->replicas && part->last && (part->last_accepted || !body->accepted))
        return;
    part->last = true;
    part->last_accepted = body->accepted;
    part->last_good = strcmp(body->outcome, "succeeded") == 0;
    if (part->last_good && holding->rollout == body->rollout) {
        holding->live = sim_release(part->target->release);
        holding->good[1] = holding->good[0] != holding->live ? holding->good[0] : holding->good[1];
        holding->good[0] = holding->live;
    }
}

static void take_detached(struct world *world, const struct roll_rollout_detached *body)
{
    struct fact *fact = sim_fact(world, body->rollout);

    if (strcmp(fact->claimant, body->driver) == 0)
        fact->claimant[0] = '\0';
}

static void take_end(struct world *world, const struct roll_event *event)
{
    const struct roll_rollout_failed *body = event->body; /* all ends have its shape */

    struct fact *fact = sim_fact(world, body->rollout);

    if (fact->end == ROLL_EVENT_UNKNOWN) /* the first one counts */
        fact->end = event->kind;
}

static void take_cancelling(struct world *world, const struct roll_event *event)
{
    struct fact *fact = sim_fact(world, roll_event_body(event, rollout_cancelling)->rollout);

    if (!fact->cancelling)
        fact->cancelled_seq = event->seq;
    fact->cancelling = true;
}

static void take_fact(struct world *world, const char *driver, const struct roll_event *event)
{
    switch (event->kind) {
    case ROLL_EVENT_rollout_requested:
        add_fact(world, event);
        break;
    case ROLL_EVENT_rollout_claimed:
        take_claim(world, event);
        break;
    case ROLL_EVENT_rollout_detached:
        take_detached(world, event->body);
        break;
    case ROLL_EVENT_rollout_cancelling:
        take_cancelling(world, event);
        break;
    case ROLL_EVENT_step_intended:
        take_intent(world, driver, event);
        break;
    case ROLL_EVENT_step_ended:
        take_outcome(world, event);
        break;
    case ROLL_EVENT_prune_intended:
        sim_take_prune_intended(world, event->body);
        break;
    case ROLL_EVENT_prune_ended:
        sim_take_prune_ended(world, event->body);
        break;
    case ROLL_EVENT_rollout_succeeded:
    case ROLL_EVENT_rollout_failed:
    case ROLL_EVENT_rollout_cancelled:
    case ROLL_EVENT_rollout_superseded:
    case ROLL_EVENT_rollout_refused:
    case ROLL_EVENT_rollout_expired:
        take_end(world, event);
        break;
    default:
        sim_gates_fact(world, event);
        break;
    }
}

/* ---- appending
 * ------------------------------------------------------------------------------------------------------------
 */

/* An event on its way: its place in the stream comes with the append. */
struct roll_event *sim_event(struct world *world, enum roll_event_kind kind, const void *body)
{
    (void)world;
    return roll_event_new(SIM_STREAM, 0, 0, NULL, kind, body);
}

static char *describe(const struct roll_event *event)
{
    const struct roll_step_intended *intent = roll_event_body(event, step_intended);
    const struct roll_step_ended *ended = roll_event_body(event, step_ended);
    const struct roll_rollout_claimed *claim = roll_event_body(event, rollout_claimed);

    if (intent)
        return g_strdup_printf("#%d %s step %d attempt %d %s", (int)intent->rollout, intent->target,
                               (int)intent->step, (int)intent->attempt, intent->release);
    if (ended)
        return g_strdup_printf(
            "#%d %s step %d attempt %d %s%s%s %s", (int)ended->rollout, ended->target,
            (int)ended->step, (int)ended->attempt, ended->outcome, ended->last ? " (last)" : "",
            ended->accepted ? "" : " (not accepted)", ended->message ? ended->message : "");
    if (event->kind == ROLL_EVENT_prune_intended) {
        const struct roll_prune_intended *prune = event->body;
        return g_strdup_printf("#%d %s %s", (int)prune->rollout, prune->target, prune->resource);
    }
    if (event->kind == ROLL_EVENT_prune_ended) {
        const struct roll_prune_ended *prune = event->body;
        return g_strdup_printf("#%d %s %s %s", (int)prune->rollout, prune->target, prune->resource,
                               prune->outcome);
    }
    if (claim)
        return g_strdup_printf("#%d by %.8s%s", (int)claim->rollout, claim->driver,
                               claim->settle ? " to settle" : "");
    return g_strdup("");
}

static void write_event(struct world *world, const char *driver, const struct roll_event *draft)
{
    int64_t seq = sim_head(world) + 1;
    const struct roll_event *before =
        seq > 1 ? g_ptr_array_index(world->here->events, seq - 2) : NULL;
    int host = 0;
    struct roll_event *event;

    sim_driver_alive(world, driver, &host);
    event = roll_event_new(SIM_STREAM, seq, sim_wall(world, host), NULL, draft->kind, draft->body);
    event->at = MAX(event->at, before ? before->at : 0);
    g_snprintf(event->hash, sizeof event->hash,
               "%048" G_GINT64_MODIFIER "x%016" G_GINT64_MODIFIER "x", (guint64)world->config.seed,
               (guint64)seq);
    sim_take_event(world, driver, event);
}

void sim_take_event(struct world *world, const char *driver, struct roll_event *event)
{
    g_autofree char *text = driver ? describe(event) : NULL;

    if (driver) {
        sim_trace(world, "ledger  %3" G_GINT64_FORMAT " %s %s", event->seq,
                  roll_event_kind_name(event->kind), text);
        if (!world->here->apart || event->seq < ROLL_SIDE_NUMBER)
            sim_judge(world, driver, event);
    }
    g_ptr_array_add(world->here->events, event);
    if (!world->violation)
        take_fact(world, driver, event);
}

bool sim_append(struct world *world, const char *driver, int64_t expect, const GPtrArray *events)
{
    if (expect != sim_head(world))
        return false;
    for (guint i = 0; i < events->len && !world->violation; i++)
        write_event(world, driver, g_ptr_array_index(events, i));
    return true;
}
