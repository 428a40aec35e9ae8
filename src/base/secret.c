/* Secrets in pages of their own: locked where the limit allows, left out of core dumps, wiped
 * before they go back. */
#include "rollbook/secret.h"

#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct roll_secret {
    size_t mapping_bytes;
    size_t size;
    gint references;
    char text[];
};

void roll_wipe(void *memory, size_t size)
{
    if (memory && size > 0)
        explicit_bzero(memory, size);
}

struct roll_secret *roll_secret_new(const char *text, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t wanted = sizeof(struct roll_secret) + size + 1;
    size_t bytes = (wanted + page - 1) / page * page;
    struct roll_secret *secret =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (secret == MAP_FAILED)
        g_error("out of memory for a secret of %zu bytes", size);
    (void)mlock(secret, bytes); /* RLIMIT_MEMLOCK may be small: better swappable than refused */
    (void)madvise(secret, bytes, MADV_DONTDUMP);
    secret->mapping_bytes = bytes;
    secret->size = size;
    secret->references = 1;
    if (size > 0)
        memcpy(secret->text, text, size);
    secret->text[size] = '\0';
    return secret;
}

struct roll_secret *roll_secret_ref(struct roll_secret *secret)
{
    if (secret)
        g_atomic_int_inc(&secret->references);
    return secret;
}

void roll_secret_free(struct roll_secret *secret)
{
    if (!secret || !g_atomic_int_dec_and_test(&secret->references))
        return;
    size_t bytes = secret->mapping_bytes;
    roll_wipe(secret->text, secret->size);
    munmap(secret, bytes);
}

const char *roll_secret_reveal(const struct roll_secret *secret)
{
    return secret->text;
}

size_t roll_secret_size(const struct roll_secret *secret)
{
    return secret->size;
}
