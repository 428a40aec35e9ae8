/* Asking: every question once, all side by side (reads of ARM are paced where it counts them), and
 * what was answered lately is not asked again.
 *
 * An answer may come when nobody waits any more: questions live until the last has been answered,
 * so that the loop may go on with something else. */
#include <string.h>

#include "rollbook/time.h"
#include "watch/ready.h"

/* Open at a time: the first answers say whether reads are counted here, and pace what follows. */
enum { PARALLEL = 32 };

struct asking {
    struct ready_check *check; /* borrowed until it is left */
    struct roll_loop *loop;
    GPtrArray *waiting;    /* struct question *, borrowed */
    GHashTable *questions; /* text -> struct question *, owned */
    guint open;
    bool left; /* nobody waits: the last answer frees it */
    unsigned timer;
    int64_t now_ms;
};

struct question {
    struct asking *asking;
    GPtrArray
        *items; /* struct ready_item *, borrowed from the check: not touched once it is left */
    bool answered;
};

static void question_free(gpointer data)
{
    struct question *question = data;

    g_ptr_array_unref(question->items);
    g_free(question);
}

static void asking_free(struct asking *asking)
{
    g_ptr_array_unref(asking->waiting);
    g_hash_table_unref(asking->questions);
    g_free(asking);
}

/* ---- what is known -------------------------------------------------------------------------- */

/* What is not well is always asked again: somebody may have mended it. */
bool ready_is_known(const struct ready_item *item, int64_t now_ms)
{
    int64_t age = now_ms - item->at;

    return item->carried || (item->at && item->state == READY_OK && age >= 0 &&
                             age < item->kind->valid_ms && (!item->until || now_ms < item->until));
}

#define AGAIN " (asked again: "

/* Nobody has said that it is well again. */
static void stay_dead(struct ready_item *item, const char *was, char *next)
{
    g_autofree char *now = g_steal_pointer(&item->why);
    const char *end = strstr(was, AGAIN);
    g_autofree char *first = g_strndup(was, end ? (gsize)(end - was) : strlen(was));

    item->state = READY_DEAD;
    item->why = g_strdup_printf("%s" AGAIN "%s)", first, now);
    g_free(item->next);
    item->next = next;
}

void ready_judge_item(struct ready_item *item, const struct roll_arm_reply *reply, int64_t now_ms)
{
    bool dead = item->state == READY_DEAD && item->why;
    g_autofree char *was = g_steal_pointer(&item->why), *next = g_steal_pointer(&item->next);

    item->state = READY_OK;
    item->until = 0;
    item->at = now_ms;
    item->fresh = true;
    item->unasked = false;
    json_decref(item->facts);
    item->facts = NULL;
    item->kind->judge(item, reply);
    if (dead && item->unasked)
        stay_dead(item, was, g_steal_pointer(&next));
}

static void ask_more(struct asking *asking);

/* ---- answers -------------------------------------------------------------------------------- */

static void on_answer(void *user, const struct roll_arm_reply *reply)
{
    struct question *question = user;
    struct asking *asking = question->asking;

    question->answered = true;
    asking->open--;
    if (asking->left) {
        if (asking->open == 0)
            asking_free(asking);
        return;
    }
    for (guint i = 0; i < question->items->len; i++)
        ready_judge_item(g_ptr_array_index(question->items, i), reply, asking->now_ms);
    ask_more(asking);
    if (asking->open == 0)
        roll_loop_stop(asking->loop);
}

static void on_late(void *user)
{
    struct asking *asking = user;

    asking->timer = 0;
    roll_loop_stop(asking->loop);
}

static void silent(struct asking *asking)
{
    static const struct roll_arm_reply nobody = {
        .outcome = ROLL_ARM_LOST, .message = "no answer in time", .retry_after_ms = -1};
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, asking->questions);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct question *question = value;
        for (guint i = 0; !question->answered && i < question->items->len; i++)
            ready_judge_item(g_ptr_array_index(question->items, i), &nobody, asking->now_ms);
        g_ptr_array_set_size(question->items, 0);
    }
}

/* ---- questions ------------------------------------------------------------------------------ */

static void add_item(struct asking *asking, struct ready_item *item)
{
    g_autofree char *text = item->kind->question ? item->kind->question(item) : g_strdup(item->key);
    struct question *question = g_hash_table_lookup(asking->questions, text);

    if (!question) {
        question = g_new0(struct question, 1);
        question->asking = asking;
        question->items = g_ptr_array_new();
        g_hash_table_insert(asking->questions, g_steal_pointer(&text), question);
        g_ptr_array_add(asking->waiting, question);
    }
    g_ptr_array_add(question->items, item);
}

/* A place that nobody can sign in to is an answer, too. */
static void cannot(struct question *question, const struct roll_error *err)
{
    const struct roll_arm_reply reply = {
        .outcome = ROLL_ARM_NO_TOKEN, .message = err->message, .retry_after_ms = -1};

    question->answered = true;
    for (guint i = 0; i < question->items->len; i++)
        ready_judge_item(g_ptr_array_index(question->items, i), &reply, question->asking->now_ms);
}

static void ask(struct ready_check *check, struct question *question)
{
    struct ready_item *item = g_ptr_array_index(question->items, 0);
    struct roll_error *err = item->kind->ask(check->options, item, on_answer, question);

    check->asked++;
    if (err)
        cannot(question, err);
    else
        question->asking->open++;
    roll_error_free(err);
}

static void ask_more(struct asking *asking)
{
    while (asking->open < PARALLEL && asking->waiting->len > 0)
        ask(asking->check, g_ptr_array_steal_index_fast(asking->waiting, 0));
}

struct roll_error *ready_ask_all(struct ready_check *check, GHashTable *only, int64_t patience_ms)
{
    struct asking *asking = g_new0(struct asking, 1);
    struct roll_error *err = NULL;
    GHashTableIter iter;
    gpointer value;

    asking->check = check;
    asking->loop = check->options->loop;
    asking->waiting = g_ptr_array_new();
    asking->now_ms = check->now_ms;
    asking->questions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, question_free);
    g_hash_table_iter_init(&iter, check->items);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct ready_item *item = value;
        bool wanted =
            only ? g_hash_table_contains(only, item) : !ready_is_known(item, check->now_ms);
        if (item->kind->ask && wanted)
            add_item(asking, value);
    }
    ask_more(asking);
    asking->timer = roll_loop_timer(asking->loop, roll_boot_ms() + patience_ms, on_late, asking);
    if (asking->open > 0)
        err = roll_loop_run(asking->loop);
    roll_loop_cancel_timer(asking->loop, asking->timer);
    silent(asking);
    asking->left = true;
    asking->check = NULL;
    if (asking->open == 0)
        asking_free(asking);
    return err;
}
