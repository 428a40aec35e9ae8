/* Counts first, then the schedule, then as many renewals of claims as the wanted number of events
 * leaves room for. */
#include "shape.h"

enum {
    SERVICES = 10,
    EVENTS_A_ROLLOUT = 40,
    FLEET_ROLLOUTS = 39,
    BACK_EVERY = 24,   /* releases of a service */
    FAILED_EVERY = 60, /* releases of a service */
    CALM_AT_END = 100, /* rollouts: the last ones all succeed */
};

const char *const bench_environments[BENCH_ENVIRONMENTS] = {"dev", "staging", "prod"};
static const char *const regions[] = {"weu", "neu", "eus", "sea"};

bool bench_is_fleet(const struct bench_shape *shape, int service)
{
    return service == shape->services - 1;
}

int bench_targets(const struct bench_shape *shape, int service, int environment)
{
    static const int targets[BENCH_ENVIRONMENTS] = {1, 2, 4};

    if (bench_is_fleet(shape, service) && environment == BENCH_PROD)
        return shape->fleet_targets;
    return targets[environment];
}

char *bench_service_name(const struct bench_shape *shape, int service)
{
    return bench_is_fleet(shape, service) ? g_strdup("fleet")
                                          : g_strdup_printf("shop-%02d", service + 1);
}

char *bench_target_name(const struct bench_shape *shape, int service, int environment, int target)
{
    if (bench_is_fleet(shape, service) && environment == BENCH_PROD)
        return g_strdup_printf("stamp-%05d", target);
    return g_strdup(regions[target]);
}

char *bench_version(int release)
{
    return g_strdup_printf("1.%d.0", release);
}

/* ---- schedule ------------------------------------------------------------------------------- */

struct schedule {
    struct bench_shape *shape;
    guint wanted;
    GArray *releases; /* of int, by service: the newest one's number */
    GArray *live;     /* of int, by service and environment */
};

static bool is_calm(const struct schedule *schedule)
{
    return schedule->shape->rollouts->len + CALM_AT_END >= schedule->wanted;
}

static void add(struct schedule *schedule, int service, int environment, enum bench_kind kind,
                int release)
{
    int *live = &g_array_index(schedule->live, int, service *BENCH_ENVIRONMENTS + environment);
    struct bench_rollout rollout = {service, environment, kind, release, *live, 0};

    if (schedule->shape->rollouts->len >= schedule->wanted)
        return;
    g_array_append_val(schedule->shape->rollouts, rollout);
    *live = kind == BENCH_FAILED ? 0 : release; /* mixed: nothing is live as a whole */
}

/* A new release of a service, to one environment after the other. */
static void promote(struct schedule *schedule, int service)
{
    int release = ++g_array_index(schedule->releases, int, service);
    bool eventful = !is_calm(schedule) && !bench_is_fleet(schedule->shape, service);
    bool after_back = !bench_is_fleet(schedule->shape, service) && release % BACK_EVERY == 8;

    add(schedule, service, BENCH_DEV, BENCH_OUT, release);
    add(schedule, service, BENCH_STAGING, BENCH_OUT, release);
    add(schedule, service, BENCH_PROD,
        eventful && release % FAILED_EVERY == 30 ? BENCH_FAILED
        : after_back                             ? BENCH_OUT_AFTER_BACK
                                                 : BENCH_OUT,
        release);
    if (eventful && release % BACK_EVERY == 7)
        add(schedule, service, BENCH_PROD, BENCH_BACK, release - 1);
}

static void fill(struct schedule *schedule, guint fleet_rollouts)
{
    struct bench_shape *shape = schedule->shape;
    int ordinary = CLAMP(shape->services - 1, 1, (int)(schedule->wanted / 6));
    guint fleets = 0;

    for (int turn = 0; shape->rollouts->len < schedule->wanted; turn++) {
        if (fleets < fleet_rollouts &&
            shape->rollouts->len * fleet_rollouts >= fleets * schedule->wanted) {
            promote(schedule, shape->services - 1);
            fleets++;
        }
        promote(schedule, turn % ordinary);
    }
}

/* ---- events --------------------------------------------------------------------------------- */

/* Request, claim and end; an intent and an outcome for each target; release.made with the first
 * rollout of a release. */
static int64_t count_events(const struct bench_shape *shape)
{
    int64_t count = 0;

    for (guint i = 0; i < shape->rollouts->len; i++) {
        const struct bench_rollout *rollout =
            &g_array_index(shape->rollouts, struct bench_rollout, i);
        count += 3 + 2 * bench_targets(shape, rollout->service, rollout->environment);
        count += rollout->environment == BENCH_DEV;
    }
    return count;
}

static void spread_renewals(struct bench_shape *shape)
{
    int64_t spare = MAX(shape->events - count_events(shape), 0);
    int64_t rollouts = shape->rollouts->len;

    for (int64_t i = 0; i < rollouts; i++)
        g_array_index(shape->rollouts, struct bench_rollout, i).renewals =
            (int)((i + 1) * spare / rollouts - i * spare / rollouts);
}

void bench_shape_make(struct bench_shape *shape, int64_t events)
{
    struct schedule schedule = {.shape = shape, .wanted = (guint)(events / EVENTS_A_ROLLOUT)};

    *shape =
        (struct bench_shape){.events = events,
                             .services = SERVICES,
                             .fleet_targets = (int)(events / 100),
                             .rollouts = g_array_new(FALSE, FALSE, sizeof(struct bench_rollout))};
    schedule.releases = g_array_new(FALSE, TRUE, sizeof(int));
    schedule.live = g_array_new(FALSE, TRUE, sizeof(int));
    g_array_set_size(schedule.releases, SERVICES);
    g_array_set_size(schedule.live, SERVICES * BENCH_ENVIRONMENTS);
    fill(&schedule, MIN(FLEET_ROLLOUTS, schedule.wanted / 8));
    spread_renewals(shape);
    g_array_unref(schedule.releases);
    g_array_unref(schedule.live);
}

void bench_shape_clear(struct bench_shape *shape)
{
    g_array_unref(shape->rollouts);
}
