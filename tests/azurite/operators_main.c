/* Many operators, each a process with a replica of its own, append to one stream of a shared ledger
 * while processes are killed and connections are cut: every acknowledged event is there once and in
 * order at every operator, and two drivers never hold the claim at the same time.
 *
 *     operators all key|sas|token EACH FOLDER   # AZURITE and AZURITE_CUT name the store; each
 *                                               # operator appends EACH times
 *     operators run FOLDER NAME COUNT SEED
 *     operators claim FOLDER NAME SEED
 *     operators way key|sas|append|token FOLDER   # a few appends, proving who asks in this way
 *     operators segments FOLDER    # a first upload that fills more than a segment */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rollbook/storage.h"
#include "rollbook/sync.h"
#include "rollbook/time.h"

enum { OPERATORS = 20, DRIVERS = 6, CLAIM_MS = 150, CLAIMS_S = 8, ALONE = 200 };

static const struct roll_actor actor = {.claimed = (char *)(uintptr_t) "operator"};

static void must(struct roll_error *err)
{
    if (!err)
        return;
    fprintf(stderr, "operators: ");
    for (const struct roll_error *at = err; at; at = at->cause)
        fprintf(stderr, "%s\n", at->message);
    exit(1);
}

static void check(bool good, const char *what, const char *which)
{
    if (good)
        return;
    fprintf(stderr, "operators: %s: %s\n", what, which);
    exit(1);
}

/* ---- a replica ------------------------------------------------------------------------------- */

struct replica {
    struct roll_store store;
    struct roll_ledger *ledger;
    struct roll_sync *sync;
};

static void open_replica(struct replica *replica, const char *state, const char *endpoint)
{
    static char account[] = "devstoreaccount1", container[] = "operators", prefix[] = "team",
                cloud[] = "public";

    *replica = (struct replica){.store = {.account = account,
                                          .container = container,
                                          .prefix = prefix,
                                          .cloud = cloud,
                                          .endpoint = (char *)(uintptr_t)g_getenv(endpoint),
                                          .token = g_getenv("OPERATORS_TOKEN") != NULL}};
    must(roll_ledger_open(state, ROLL_LEDGER_CREATE, &replica->ledger));
    must(roll_sync_new(&replica->store, &replica->sync));
}

static void close_replica(struct replica *replica)
{
    roll_sync_free(replica->sync);
    roll_ledger_close(replica->ledger);
}

/* A cut connection says nothing; any other word of the store is one that must not come. */
static bool tolerable(struct roll_error *err)
{
    bool good = !err || roll_sync_is_absent(err) || roll_error_code(err) == ROLL_E_CONFLICT ||
                roll_error_code(err) == ROLL_E_LOCKED;

    if (!good)
        must(err);
    bool none = err == NULL;
    roll_error_free(err);
    return none;
}

static void append_line(const char *path, const char *line)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    check(fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line), "cannot write", path);
    close(fd);
}

static int count_lines(const char *path)
{
    g_autofree char *text = NULL;
    int count = 0;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        count++;
    return count;
}

/* ---- what it costs --------------------------------------------------------------------------- */

/* Of appends that were acknowledged, with all that was needed until they were: looks at what others
 * had said, attempts that were too late or were cut. */
struct cost {
    int64_t appends, requests, us;
};

static void note_cost(const char *path, int64_t requests, int64_t us)
{
    g_autofree char *line =
        g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n", requests, us);

    append_line(path, line);
}

static void add_costs(const char *path, struct cost *cost)
{
    g_autofree char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return;
    for (char *at = text; *at; at++) {
        cost->requests += g_ascii_strtoll(at, &at, 10);
        cost->us += g_ascii_strtoll(at, &at, 10);
        cost->appends++;
    }
}

/* ---- one operator ---------------------------------------------------------------------------- */

static struct roll_error *append(struct roll_ledger *ledger, const char *reason)
{
    const struct roll_hold_set body = {.reason = (char *)(uintptr_t)reason};
    const struct roll_draft draft = {
        .stream = "shop/prod", .kind = ROLL_EVENT_hold_set, .body = &body};
    struct roll_expect expect = {.stream = "shop/prod"};

    ROLL_TRY(roll_ledger_head(ledger, expect.stream, &expect.head));
    return roll_ledger_append(ledger, &actor, 0, &expect, 1, &draft, 1, NULL, 0, NULL);
}

/* The default of SIGALRM ends the process wherever it is. */
static void die_some_time(GRand *random)
{
    struct itimerval timer = {
        .it_value = {.tv_sec = 0, .tv_usec = g_rand_int_range(random, 5000, 900000)}};

    if (g_rand_int_range(random, 0, 3) > 0)
        setitimer(ITIMER_REAL, &timer, NULL);
}

static int run_operator(const char *folder, const char *name, int count, guint32 seed)
{
    g_autofree char *state = g_build_filename(folder, name, NULL);
    g_autofree char *acks = g_strdup_printf("%s/%s.acks", folder, name);
    g_autofree char *costs = g_strdup_printf("%s/%s.costs", folder, name);
    GRand *random = g_rand_new_with_seed(seed);
    struct replica replica;
    int done = count_lines(acks);

    die_some_time(random);
    open_replica(&replica, state, g_rand_boolean(random) ? "AZURITE_CUT" : "AZURITE");
    while (!tolerable(roll_sync_pull(replica.sync, replica.ledger, NULL)))
        g_usleep(5000);
    roll_sync_attach(replica.sync, replica.ledger, false);
    int64_t requests = roll_sync_report(replica.sync).requests, begin = g_get_monotonic_time();
    while (done < count) {
        g_autofree char *reason = g_strdup_printf("%s-%u-%d", name, seed, done);
        g_autofree char *line = g_strdup_printf("%s\n", reason);
        if (!tolerable(append(replica.ledger, reason))) {
            /* Its fate may be unknown: the next one is another event. */
            seed++;
            g_usleep((gulong)g_rand_int_range(random, 100, 20000));
            while (!tolerable(roll_sync_pull(replica.sync, replica.ledger, NULL)))
                g_usleep(5000);
            continue;
        }
        append_line(acks, line);
        done++;
        note_cost(costs, roll_sync_report(replica.sync).requests - requests,
                  g_get_monotonic_time() - begin);
        requests = roll_sync_report(replica.sync).requests;
        begin = g_get_monotonic_time();
    }
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    close_replica(&replica);
    g_rand_free(random);
    return 0;
}

/* ---- drivers --------------------------------------------------------------------------------- */

static struct roll_error *see_claim(void *user, const struct roll_event *event)
{
    if (event->kind == ROLL_EVENT_rollout_claimed)
        *(int64_t *)user = roll_event_body(event, rollout_claimed)->until;
    return NULL;
}

/* Whoever has the claim sends as long as it stands; when it was held up there it sends nothing. The
 * log has the first and the last instant of each turn. */
static void work(const char *log, const char *name, int64_t until)
{
    int64_t first = 0, last = 0;

    for (int64_t now = roll_now_ms(); now < until - 20; now = roll_now_ms()) {
        first = first ? first : now;
        last = now;
        g_usleep(2000);
    }
    if (!first)
        return;
    g_autofree char *line =
        g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s\n", first, last, name);
    append_line(log, line);
}

static int run_driver(const char *folder, const char *name, guint32 seed)
{
    g_autofree char *state = g_build_filename(folder, name, NULL);
    g_autofree char *log = g_build_filename(folder, "claims.log", NULL);
    int64_t end = roll_now_ms() + CLAIMS_S * 1000;
    struct replica replica;

    open_replica(&replica, state, seed % 2 ? "AZURITE_CUT" : "AZURITE");
    roll_sync_attach(replica.sync, replica.ledger, false);
    while (roll_now_ms() < end) {
        struct roll_expect expect = {.stream = "shop/claims"};
        int64_t until = 0;
        if (!tolerable(roll_sync_pull(replica.sync, replica.ledger, NULL)))
            continue;
        must(roll_ledger_events(replica.ledger, expect.stream, 1, see_claim, &until));
        if (until > roll_now_ms()) {
            g_usleep(3000);
            continue;
        }
        must(roll_ledger_head(replica.ledger, expect.stream, &expect.head));
        const struct roll_rollout_claimed body = {.rollout = 1,
                                                  .driver = (char *)(uintptr_t)name,
                                                  .host = (char *)(uintptr_t)name,
                                                  .until = roll_now_ms() + CLAIM_MS};
        const struct roll_draft draft = {
            .stream = "shop/claims", .kind = ROLL_EVENT_rollout_claimed, .body = &body};
        if (tolerable(roll_ledger_append(replica.ledger, &actor, 0, &expect, 1, &draft, 1, NULL, 0,
                                         NULL)) &&
            roll_now_ms() < body.until - 20)
            work(log, name, body.until);
    }
    close_replica(&replica);
    return 0;
}

static int by_text(gconstpointer one, gconstpointer other)
{
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static void check_claims(const char *folder)
{
    g_autofree char *log = g_build_filename(folder, "claims.log", NULL);
    g_autofree char *text = NULL;
    int64_t before = 0;
    int claims = 0;

    check(g_file_get_contents(log, &text, NULL, NULL), "nobody ever had the claim", log);
    g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
    qsort(lines, g_strv_length(lines), sizeof *lines, by_text); /* instants have equal lengths */
    for (char **line = lines; *line; line++, claims++) {
        char *at = *line;
        check(g_ascii_strtoll(at, &at, 10) > before, "two drivers had the claim at the same time",
              *line);
        before = g_ascii_strtoll(at, NULL, 10);
    }
    check(claims > 5, "the claim hardly ever changed hands", log);
    printf("%d claims of %d drivers, never two at a time\n", claims, DRIVERS);
}

/* ---- ways to prove who asks ------------------------------------------------------------------ */

/* A SAS of the container. Source: services reference 3.6. */
static void use_sas(const char *permissions)
{
    static const char start_time[] = "2020-01-01T00:00:00Z", end_time[] = "2099-01-01T00:00:00Z";
    g_autofree char *text = g_strdup_printf(
        "%s\n%s\n%s\n/blob/devstoreaccount1/operators\n\n\n\n2021-12-02\nc\n\n\n\n\n\n\n",
        permissions, start_time, end_time);
    g_autofree char *signature = roll_storage_signature(g_getenv("ARM_ACCESS_KEY"), text);
    g_autoptr(GString) query = g_string_new(NULL);

    g_string_append_printf(query, "sv=2021-12-02&sr=c&sp=%s&st=%s&se=%s&sig=", permissions,
                           start_time, end_time);
    roll_url_encode(signature, query);
    g_setenv("ARM_SAS_TOKEN", query->str, TRUE);
    g_unsetenv("ARM_ACCESS_KEY");
}

static void write_some(struct replica *replica, const char *way)
{
    must(roll_sync_pull(replica->sync, replica->ledger, NULL));
    roll_sync_attach(replica->sync, replica->ledger, false);
    for (int i = 0; i < 5; i++) {
        g_autofree char *reason = g_strdup_printf("%s-%d", way, i);
        must(append(replica->ledger, reason));
    }
}

/* With rights to create and to append alone nothing can be read or changed; writing goes on. */
static void write_blindly(struct replica *replica, const char *state)
{
    struct roll_error *err;

    close_replica(replica);
    use_sas("ac");
    open_replica(replica, state, "AZURITE");
    err = roll_sync_pull(replica->sync, replica->ledger, NULL);
    check(roll_error_code(err) == ROLL_E_CREDENTIAL, "a SAS without read rights reads", "");
    roll_error_free(err);
    check(roll_sync_only_writes(replica->sync), "it is not known that this SAS cannot read", "");
    roll_sync_attach(replica->sync, replica->ledger, false);
    must(append(replica->ledger, "blind"));
}

static int run_way(const char *way, const char *folder)
{
    g_autofree char *first = g_build_filename(folder, "first", NULL);
    g_autofree char *second = g_build_filename(folder, "second", NULL);
    struct replica one, other;
    struct roll_head here, there;
    bool made = false;

    open_replica(&one, first, "AZURITE");
    must(roll_sync_init_store(one.sync, NULL, false, &made));
    if (strcmp(way, "sas") == 0) {
        close_replica(&one);
        use_sas("racl");
        open_replica(&one, first, "AZURITE");
    }
    write_some(&one, way);
    open_replica(&other, second, "AZURITE");
    if (strcmp(way, "append") == 0)
        write_blindly(&one, first);
    must(roll_sync_pull(other.sync, other.ledger, NULL));
    must(roll_ledger_head(one.ledger, "shop/prod", &here));
    must(roll_ledger_head(other.ledger, "shop/prod", &there));
    check(strcmp(here.hash, there.hash) == 0, "the replicas differ", way);
    printf("%s: %" G_GINT64_FORMAT " events at both\n", way, (gint64)there.seq);
    close_replica(&one);
    close_replica(&other);
    return 0;
}

/* ---- segments -------------------------------------------------------------------------------- */

static void append_many(struct replica *replica, int count)
{
    enum { AT_ONCE = 1000 };
    static const struct roll_hold_set body = {.reason = (char *)(uintptr_t) "many"};
    struct roll_draft drafts[AT_ONCE];

    for (size_t i = 0; i < AT_ONCE; i++)
        drafts[i] =
            (struct roll_draft){.stream = "shop/prod", .kind = ROLL_EVENT_hold_set, .body = &body};
    for (int done = 0; done < count; done += AT_ONCE) {
        struct roll_expect expect = {.stream = "shop/prod"};
        must(roll_ledger_head(replica->ledger, expect.stream, &expect.head));
        must(roll_ledger_append(replica->ledger, &actor, 0, &expect, 1, drafts,
                                (size_t)MIN(AT_ONCE, count - done), NULL, 0, NULL));
    }
}

static void check_same(struct replica *one, struct replica *other, int64_t events)
{
    struct roll_head here, there;

    must(roll_sync_pull(other->sync, other->ledger, NULL));
    must(roll_ledger_head(one->ledger, "shop/prod", &here));
    must(roll_ledger_head(other->ledger, "shop/prod", &there));
    check(there.seq == events, "events are missing", "segments");
    check(strcmp(here.hash, there.hash) == 0, "the replicas differ", "segments");
}

/* What was recorded before there was a store goes up in few blocks; the last place of a segment and
 * the first one of the next are taken one by one. */
static int run_segments(const char *folder)
{
    g_autofree char *first = g_build_filename(folder, "first", NULL);
    g_autofree char *second = g_build_filename(folder, "second", NULL);
    struct replica one, other;
    bool made = false;

    open_replica(&one, first, "AZURITE");
    open_replica(&other, second, "AZURITE");
    must(roll_sync_init_store(one.sync, NULL, false, &made));
    append_many(&one, ROLL_SYNC_SEGMENT - 1);
    int64_t requests = roll_sync_report(one.sync).requests;
    must(roll_sync_pull(one.sync, one.ledger, NULL));
    must(roll_sync_push(one.sync, one.ledger, &actor, NULL));
    requests = roll_sync_report(one.sync).requests - requests;
    printf("%d events went up in %" G_GINT64_FORMAT " requests\n", ROLL_SYNC_SEGMENT - 1,
           (gint64)requests);
    check(requests < 20, "a block holds many events", "segments");
    check_same(&one, &other, ROLL_SYNC_SEGMENT - 1);
    must(append(one.ledger, "the last of the first segment"));
    must(append(one.ledger, "the first of the second"));
    check_same(&one, &other, ROLL_SYNC_SEGMENT + 1);
    roll_sync_attach(other.sync, other.ledger, false);
    must(append(other.ledger, "by the other one"));
    check_same(&other, &one, ROLL_SYNC_SEGMENT + 2);
    append_many(&one, 1500);
    check_same(&one, &other, ROLL_SYNC_SEGMENT + 1502);
    printf("two segments, the same at both\n");
    close_replica(&one);
    close_replica(&other);
    return 0;
}

/* ---- all ------------------------------------------------------------------------------------- */

static pid_t start(const char *self, const char *mode, const char *folder, const char *name,
                   const char *count, guint32 seed)
{
    g_autofree char *text = g_strdup_printf("%u", seed);
    pid_t pid = fork();

    if (pid == 0) {
        execl(self, self, mode, folder, name, count ? count : text, count ? text : NULL, NULL);
        _exit(127);
    }
    return pid;
}

/* One that was killed comes again on the same replica. *ret_kills: how often that was. */
static void run_all(const char *self, const char *mode, const char *folder, int processes,
                    const char *count, int *ret_kills)
{
    pid_t pids[OPERATORS];
    guint32 seed = 1;

    for (int i = 0; i < processes; i++) {
        g_autofree char *name = g_strdup_printf("%s%d", mode, i);
        pids[i] = start(self, mode, folder, name, count, seed++ * 1000);
    }
    for (int left = processes; left > 0;) {
        int status, which = 0;
        pid_t pid = wait(&status);
        while (which < processes && pids[which] != pid)
            which++;
        if (pid < 0 || which == processes)
            continue;
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
            g_autofree char *name = g_strdup_printf("%s%d", mode, which);
            pids[which] = start(self, mode, folder, name, count, seed++ * 1000);
            (*ret_kills)++;
            continue;
        }
        check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a process failed", mode);
        left--;
    }
}

static struct roll_error *note_event(void *user, const struct roll_event *event)
{
    GHashTable *places = user;
    const struct roll_hold_set *body = roll_event_body(event, hold_set);

    if (body)
        check(g_hash_table_insert(places, g_strdup(body->reason), GSIZE_TO_POINTER(event->seq)),
              "an event is there twice", body->reason);
    return NULL;
}

/* What was acknowledged is in the ledger, in the order of the acknowledgements. */
static void check_acks(struct roll_ledger *ledger, const char *folder, int each)
{
    g_autoptr(GHashTable) places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    int64_t total = 0;

    must(roll_ledger_events(ledger, "shop/prod", 1, note_event, places));
    for (int i = 0; i < OPERATORS; i++) {
        g_autofree char *path = g_strdup_printf("%s/run%d.acks", folder, i);
        g_autofree char *text = NULL;
        int64_t last = 0;
        check(g_file_get_contents(path, &text, NULL, NULL), "no acknowledgements", path);
        g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
        for (char **line = lines; *line; line++, total++) {
            int64_t seq = (int64_t)GPOINTER_TO_SIZE(g_hash_table_lookup(places, *line));
            check(seq > 0, "an acknowledged event is not there", *line);
            check(seq > last, "acknowledged events are out of order", *line);
            last = seq;
        }
    }
    check(total == OPERATORS * each, "acknowledgements are missing", folder);
    printf("%" G_GINT64_FORMAT " acknowledged events, each there once and in order (%u in all)\n",
           (gint64)total, g_hash_table_size(places));
}

static void check_replicas(const char *folder, const struct roll_head *expected)
{
    for (int i = 0; i < OPERATORS; i++) {
        g_autofree char *state = g_strdup_printf("%s/run%d", folder, i);
        struct roll_verify_report report = {0};
        struct replica replica;
        struct roll_head head;
        open_replica(&replica, state, "AZURITE");
        must(roll_sync_pull(replica.sync, replica.ledger, NULL));
        must(roll_ledger_head(replica.ledger, "shop/prod", &head));
        check(strcmp(head.hash, expected->hash) == 0, "a replica has another head", state);
        must(roll_ledger_verify(replica.ledger, &(struct roll_verify_options){.projections = true},
                                &report));
        check(!report.first_bad, "a replica does not verify", report.first_bad);
        roll_verify_report_clear(&report);
        close_replica(&replica);
    }
}

/* Nobody else writes: one request for each append. */
static void check_alone(const char *folder)
{
    g_autofree char *state = g_build_filename(folder, "alone", NULL);
    struct replica replica;

    open_replica(&replica, state, "AZURITE");
    must(roll_sync_pull(replica.sync, replica.ledger, NULL));
    roll_sync_attach(replica.sync, replica.ledger, false);
    must(append(replica.ledger, "alone"));
    int64_t requests = roll_sync_report(replica.sync).requests, begin = g_get_monotonic_time();
    for (int i = 0; i < ALONE; i++) {
        g_autofree char *reason = g_strdup_printf("alone-%d", i);
        must(append(replica.ledger, reason));
    }
    requests = roll_sync_report(replica.sync).requests - requests;
    printf("uncontended: %.2f requests and %.2f ms for each append\n", (double)requests / ALONE,
           (double)(g_get_monotonic_time() - begin) / 1000 / ALONE);
    check(requests == ALONE, "an uncontended append is one request", "");
    close_replica(&replica);
}

static void tell_costs(const char *folder, int64_t us, int kills)
{
    struct cost cost = {0};

    for (int i = 0; i < OPERATORS; i++) {
        g_autofree char *path = g_strdup_printf("%s/run%d.costs", folder, i);
        add_costs(path, &cost);
    }
    check(cost.appends > 0, "nobody says what an append costs", folder);
    printf(
        "contended: %d operators, %" G_GINT64_FORMAT
        " appends, %d killed: %.2f ms for each append of all, %.2f requests and %.0f ms for each "
        "at its operator\n",
        OPERATORS, (gint64)cost.appends, kills, (double)us / 1000 / (double)cost.appends,
        (double)cost.requests / (double)cost.appends,
        (double)cost.us / 1000 / (double)cost.appends);
}

/* Who makes the container has more rights than who writes. */
static void make_store(const char *folder, const char *way)
{
    g_autofree char *state = g_build_filename(folder, "maker", NULL);
    struct replica maker;
    bool made = false;

    open_replica(&maker, state, "AZURITE");
    must(roll_sync_init_store(maker.sync, NULL, false, &made));
    close_replica(&maker);
    if (strcmp(way, "sas") == 0)
        use_sas("racl");
    check(strcmp(way, "token") != 0 || g_getenv("OPERATORS_TOKEN"), "a token needs --oauth", way);
}

static int run_whole(const char *self, const char *folder, const char *way, const char *count)
{
    g_autofree char *state = g_build_filename(folder, "fresh", NULL);
    struct replica fresh;
    struct roll_head head;
    int kills = 0;

    make_store(folder, way);
    printf("%s\n", way);
    open_replica(&fresh, state, "AZURITE");
    must(roll_sync_pull(fresh.sync, fresh.ledger, NULL));
    roll_sync_attach(fresh.sync, fresh.ledger, false);
    must(append(fresh.ledger, "first")); /* a ledger has one first event */
    check_alone(folder);
    int64_t begin = g_get_monotonic_time();
    run_all(self, "run", folder, OPERATORS, count, &kills);
    tell_costs(folder, g_get_monotonic_time() - begin, kills);
    check(kills > 0, "nobody was killed", "");
    must(roll_sync_pull(fresh.sync, fresh.ledger, NULL));
    check_acks(fresh.ledger, folder, (int)strtol(count, NULL, 10));
    must(roll_ledger_head(fresh.ledger, "shop/prod", &head));
    check_replicas(folder, &head);
    run_all(self, "claim", folder, DRIVERS, NULL, &kills);
    check_claims(folder);
    close_replica(&fresh);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "all") == 0)
        return run_whole(argv[0], argv[4], argv[2], argv[3]);
    if (argc == 4 && strcmp(argv[1], "way") == 0)
        return run_way(argv[2], argv[3]);
    if (argc == 3 && strcmp(argv[1], "segments") == 0)
        return run_segments(argv[2]);
    if (argc == 6 && strcmp(argv[1], "run") == 0)
        return run_operator(argv[2], argv[3], (int)strtol(argv[4], NULL, 10),
                            (guint32)strtoul(argv[5], NULL, 10));
    if (argc == 5 && strcmp(argv[1], "claim") == 0)
        return run_driver(argv[2], argv[3], (guint32)strtoul(argv[4], NULL, 10));
    fprintf(stderr, "operators all key|sas|token EACH FOLDER\n");
    return 2;
}
