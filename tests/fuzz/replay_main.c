/* Replays files through a fuzz target without libFuzzer: `fuzz-NAME FILE|FOLDER…`.
 *
 * A file that takes too long or too much memory is a finding too: what people hand to the program
 * must be refused in bounded time and space. */
#include <sys/resource.h>
#include <time.h>

#include "fuzz.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED
#define SECONDS_MAX 120
#define MEGABYTES_MAX 4096 /* freed memory stays in quarantine */
#else
#define SECONDS_MAX 30
#define MEGABYTES_MAX 1024
#endif

static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static void replay(const char *path)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) failed = NULL;
    gsize size = 0;
    struct rusage usage;
    double start = cpu_seconds();

    FUZZ_CHECK(g_file_get_contents(path, &text, &size, &failed), "%s", failed->message);
    fprintf(stderr, "%s\n", path); /* the last one is the one that failed */
    /* Its own allocation of exactly this size, so that reading past its end is seen. */
    g_autofree uint8_t *exact = size ? g_memdup2(text, size) : NULL;
    g_clear_pointer(&text, g_free);
    LLVMFuzzerTestOneInput(exact ? exact : (const uint8_t *)"", size);
    getrusage(RUSAGE_SELF, &usage);
    FUZZ_CHECK(cpu_seconds() - start < SECONDS_MAX, "%s took %.1f s", path, cpu_seconds() - start);
    FUZZ_CHECK(usage.ru_maxrss < MEGABYTES_MAX * 1024L, "%s took %ld KiB", path, usage.ru_maxrss);
}

static int replay_folder(const char *path)
{
    g_autoptr(GError) failed = NULL;
    GDir *dir = g_dir_open(path, 0, &failed);
    int count = 0;

    FUZZ_CHECK(dir, "%s", failed->message);
    for (const char *name; (name = g_dir_read_name(dir)); count++) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        replay(file);
    }
    g_dir_close(dir);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;

    for (int i = 1; i < argc; i++) {
        if (g_file_test(argv[i], G_FILE_TEST_IS_DIR)) {
            count += replay_folder(argv[i]);
        } else {
            replay(argv[i]);
            count++;
        }
    }
    if (count == 0) {
        fprintf(stderr, "usage: %s FILE|FOLDER…\n", argv[0]);
        return 2;
    }
    printf("%d inputs\n", count);
    return 0;
}
