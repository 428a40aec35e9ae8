/* Memory with one owner: expression trees and everything that lives as long as a template or an
 * evaluation. */
#include "parse.h"

#define FIRST_SIZE 2048
#define BLOCK_SIZE 32768

struct block {
    struct block *next;
    size_t used;
    size_t size;
    max_align_t data[];
};

struct arena {
    struct block *blocks;
    size_t bytes;
    size_t limit;
    GPtrArray *kept; /* of json_t */
};

struct arena *arena_new(void)
{
    struct arena *arena = g_new0(struct arena, 1);
    arena->kept = g_ptr_array_new();
    arena->limit = SIZE_MAX;
    return arena;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    for (guint i = 0; i < arena->kept->len; i++)
        json_decref(arena->kept->pdata[i]);
    g_ptr_array_free(arena->kept, TRUE);
    for (struct block *block = arena->blocks; block;) {
        struct block *next = block->next;
        g_free(block);
        block = next;
    }
    g_free(arena);
}

void arena_limit(struct arena *arena, size_t bytes)
{
    arena->limit = bytes;
}

size_t arena_bytes(const struct arena *arena)
{
    /* what it keeps: an array that doubles, and values made for literals, small ones mostly */
    return arena->bytes + arena->kept->len * (16 + ROLL_JSON_STRING_BYTES);
}

struct roll_error *arena_check(const struct arena *arena, size_t more)
{
    if (arena_bytes(arena) + more <= arena->limit)
        return NULL;
    return roll_error_new(ROLL_E_LIMIT,
                          "the template has too many expressions and values for its size: they "
                          "take more than %zu KB of memory",
                          arena->limit >> 10);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (!arena->blocks || arena->blocks->size - arena->blocks->used < size) {
        size_t capacity = MAX(size, (size_t)(arena->blocks ? BLOCK_SIZE : FIRST_SIZE));
        struct block *block = g_malloc(sizeof(*block) + capacity);
        block->next = arena->blocks;
        block->used = 0;
        block->size = capacity;
        arena->blocks = block;
        arena->bytes += sizeof(*block) + capacity;
    }
    void *memory = (char *)arena->blocks->data + arena->blocks->used;
    arena->blocks->used += size;
    return memset(memory, 0, size);
}

char *arena_text(struct arena *arena, const char *text, size_t size)
{
    char *copy = arena_alloc(arena, size + 1);
    memcpy(copy, text, size);
    return copy;
}

json_t *arena_keep(struct arena *arena, json_t *value)
{
    g_ptr_array_add(arena->kept, value);
    return value;
}
