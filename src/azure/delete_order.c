/* In which order resources can be deleted: what needs another goes before it, what lies below
 * another goes before that. Pure. */
#include <string.h>

#include "azure/arm.h"

struct node {
    GPtrArray *before; /* struct node *: they can go only after this one went */
    size_t waits;      /* nodes that have to go first */
    bool gone;
};

struct graph {
    struct node *nodes;
    size_t count;
    GHashTable *by_id; /* id in lower case → struct node * */
};

static char *key_of(const char *id)
{
    char *key = g_ascii_strdown(id, -1);
    size_t size = strlen(key);

    while (size > 1 && key[size - 1] == '/')
        key[--size] = '\0';
    return key;
}

static void add_edge(struct node *first, struct node *later)
{
    if (first == later)
        return;
    g_ptr_array_add(first->before, later);
    later->waits++;
}

/* The nearest one above is enough: that one waits for what is above itself in the same way. */
static void add_parent(struct graph *graph, const char *id, struct node *node)
{
    g_autofree char *above = key_of(id);

    for (char *slash = strrchr(above, '/'); slash && slash > above; slash = strrchr(above, '/')) {
        *slash = '\0';
        struct node *parent = g_hash_table_lookup(graph->by_id, above);
        if (parent) {
            add_edge(node, parent);
            return;
        }
    }
}

static void add_needs(struct graph *graph, const char *const *needs, struct node *node)
{
    for (; needs && *needs; needs++) {
        g_autofree char *key = key_of(*needs);
        struct node *other = g_hash_table_lookup(graph->by_id, key);
        if (other)
            add_edge(node, other);
    }
}

static void graph_init(struct graph *graph, const struct roll_arm_deletion *items, size_t count)
{
    graph->nodes = g_new0(struct node, MAX(count, 1));
    graph->count = count;
    graph->by_id = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (size_t i = 0; i < count; i++) {
        graph->nodes[i].before = g_ptr_array_new();
        g_hash_table_insert(graph->by_id, key_of(items[i].id), &graph->nodes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        add_parent(graph, items[i].id, &graph->nodes[i]);
        add_needs(graph, items[i].needs, &graph->nodes[i]);
    }
}

static void graph_clear(struct graph *graph)
{
    for (size_t i = 0; i < graph->count; i++)
        g_ptr_array_unref(graph->nodes[i].before);
    g_hash_table_unref(graph->by_id);
    g_free(graph->nodes);
}

/* The last of those that wait for nobody, since templates name what is needed first; in a circle
 * the last of those that wait for the fewest. */
static size_t next_of(const struct graph *graph)
{
    size_t best = graph->count;

    for (size_t i = graph->count; i-- > 0;) {
        const struct node *node = &graph->nodes[i];
        if (!node->gone && (best == graph->count || node->waits < graph->nodes[best].waits))
            best = i;
        if (best < graph->count && graph->nodes[best].waits == 0)
            break;
    }
    return best;
}

size_t *roll_arm_delete_order(const struct roll_arm_deletion *items, size_t count)
{
    size_t *order = g_new0(size_t, MAX(count, 1));
    struct graph graph;

    graph_init(&graph, items, count);
    for (size_t done = 0; done < count; done++) {
        order[done] = next_of(&graph);
        struct node *node = &graph.nodes[order[done]];
        node->gone = true;
        for (guint i = 0; i < node->before->len; i++)
            ((struct node *)g_ptr_array_index(node->before, i))->waits--;
    }
    graph_clear(&graph);
    return order;
}
