/* Lists, page by page. Source: REST reference 1.1: nextLink is followed as it is. */
#include "azure/arm.h"

#define PAGES_MAX 200
#define LIST_MAX 2000 /* a scope's history holds 800 */

struct pages {
    struct roll_arm *arm;
    char *subscription;
    size_t max, count;
    unsigned pages;
    void (*item)(void *user, json_t *item);
    void (*done)(void *user, struct arm_answer *answer);
    void *user;
    GDestroyNotify free_user;
};

static void pages_free(gpointer data)
{
    struct pages *pages = data;

    if (pages->free_user)
        pages->free_user(pages->user);
    g_free(pages->subscription);
    g_free(pages);
}

static void on_page(void *user, const struct roll_http_reply *reply, const struct roll_error *err);

static void ask_page(struct pages *pages, const char *url)
{
    struct arm_request request = {
        .method = "GET",
        .url = url,
        .subscription = pages->subscription,
        .retry = ROLL_HTTP_RETRY_READ,
    };

    pages->pages++;
    arm_send(pages->arm, &request, on_page, pages, pages_free);
}

static void finish(struct pages *pages, struct arm_answer *answer)
{
    pages->free_user = NULL;
    pages->done(pages->user, answer);
    arm_answer_clear(answer);
    pages_free(pages);
}

/* The next page's address, borrowed; NULL at the end. */
static const char *next_page(const struct pages *pages, struct arm_answer *answer)
{
    const char *next = json_string_value(roll_json_get_nocase(answer->body, "nextLink"));

    if (!next || !*next || pages->count >= pages->max)
        return NULL;
    if (!roll_url_is_within(next, pages->arm->cloud->arm))
        arm_answer_fail(answer, ROLL_ARM_LOST, NULL, "the next page lies outside this cloud");
    else if (pages->pages >= PAGES_MAX)
        arm_answer_fail(answer, ROLL_ARM_LOST, NULL, "the list has no end");
    else
        return next;
    return NULL;
}

static void on_page(void *user, const struct roll_http_reply *reply, const struct roll_error *err)
{
    struct pages *pages = user;
    struct arm_answer answer;
    const char *next = NULL;

    arm_answer_read(&answer, pages->arm, ARM_OBJECT, reply, err);
    if (answer.reply.outcome == ROLL_ARM_OK) {
        const json_t *list = roll_json_get_nocase(answer.body, "value");
        if (!json_is_array(list))
            arm_answer_fail(&answer, ROLL_ARM_LOST, NULL, "the answer holds no list");
        for (size_t i = 0; i < json_array_size(list) && pages->count < pages->max; i++) {
            pages->count++;
            pages->item(pages->user, json_array_get(list, i));
        }
        next = next_page(pages, &answer);
    }
    if (next) {
        ask_page(pages, next);
        arm_answer_clear(&answer);
    } else {
        finish(pages, &answer);
    }
}

void arm_pages(struct roll_arm *arm, const char *url, const char *subscription, size_t max,
               void (*item)(void *user, json_t *item),
               void (*done)(void *user, struct arm_answer *answer), void *user,
               GDestroyNotify free_user)
{
    struct pages *pages = g_new0(struct pages, 1);

    pages->arm = arm;
    pages->subscription = g_strdup(subscription);
    pages->max = max;
    pages->item = item;
    pages->done = done;
    pages->user = user;
    pages->free_user = free_user;
    ask_page(pages, url);
}

/* ---- lists as one reply ---- */

struct list {
    json_t *items; /* owned */
    roll_arm_fn fn;
    void *user;
};

static void list_free(gpointer data)
{
    struct list *list = data;

    json_decref(list->items);
    g_free(list);
}

static void add_item(void *user, json_t *item)
{
    json_array_append(((struct list *)user)->items, item);
}

static void list_done(void *user, struct arm_answer *answer)
{
    struct list *list = user;

    if (answer->reply.outcome == ROLL_ARM_OK) {
        json_t *body = json_object();
        json_object_set(body, "value", list->items);
        arm_answer_take_body(answer, body);
    }
    list->fn(list->user, &answer->reply);
    list_free(list);
}

void arm_list(struct roll_arm *arm, const char *url, const char *subscription, size_t max,
              roll_arm_fn fn, void *user)
{
    struct list *list = g_new0(struct list, 1);

    list->items = json_array();
    list->fn = fn;
    list->user = user;
    arm_pages(arm, url, subscription, max, add_item, list_done, list, list_free);
}

/* ---- deployments of a scope ---- */

void roll_arm_list_state(struct roll_arm *arm, const struct roll_arm_scope *scope,
                         const char *state, int top, roll_arm_fn fn, void *user)
{
    g_autofree char *all = arm_deployments_url(arm, scope);
    g_autoptr(GString) url = g_string_new(all);

    if (state) {
        g_autofree char *filter = g_strdup_printf("provisioningState eq '%s'", state);
        g_string_append(url, "&$filter=");
        roll_url_encode(filter, url);
    }
    if (top > 0)
        g_string_append_printf(url, "&$top=%d", top);
    arm_list(arm, url->str, arm_scope_subscription(scope), top > 0 ? (size_t)top : LIST_MAX, fn,
             user);
}

void roll_arm_list(struct roll_arm *arm, const struct roll_arm_scope *scope, int top,
                   roll_arm_fn fn, void *user)
{
    roll_arm_list_state(arm, scope, NULL, top, fn, user);
}
