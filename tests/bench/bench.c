/* Clock, samples and rows of the benchmark programs. */
#include "bench.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "rollbook/json.h"

static double seconds_of(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double bench_now(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

double bench_busy(void)
{
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

void bench_ok(struct roll_error *err)
{
    if (!err)
        return;
    for (const struct roll_error *each = err; each; each = each->cause)
        fprintf(stderr, "%s%s\n", each == err ? "error: " : "  because: ", each->message);
    roll_error_free(err);
    exit(1);
}

/* ---- samples --------------------------------------------------------------------------------- */

void bench_samples_init(struct bench_samples *samples)
{
    samples->seconds = g_array_new(FALSE, FALSE, sizeof(double));
}

void bench_samples_clear(struct bench_samples *samples)
{
    g_array_unref(samples->seconds);
}

void bench_samples_add(struct bench_samples *samples, double seconds)
{
    g_array_append_val(samples->seconds, seconds);
}

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return left < right ? -1 : left > right;
}

static double sample_at(const struct bench_samples *samples, guint index)
{
    g_autoptr(GArray) sorted = g_array_copy(samples->seconds);

    g_array_sort(sorted, by_size);
    return g_array_index(sorted, double, index);
}

double bench_samples_min(const struct bench_samples *samples)
{
    return sample_at(samples, 0);
}

double bench_samples_median(const struct bench_samples *samples)
{
    return sample_at(samples, samples->seconds->len / 2);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static json_t *summary(const struct bench_samples *samples)
{
    return json_pack("{s:f,s:f,s:i}", "median", bench_samples_median(samples), "min",
                     bench_samples_min(samples), "runs", (int)samples->seconds->len);
}

void bench_row(const char *id, int64_t count, const struct bench_samples *figure,
               const struct bench_samples *floor, double ratio)
{
    g_autoptr(GString) line = g_string_new(NULL);
    roll_auto(json) json_t *row =
        json_pack("{s:s,s:I,s:o}", "id", id, "count", (json_int_t)count, "figure", summary(figure));

    if (floor)
        json_object_set_new(row, "floor", summary(floor));
    if (ratio > 0)
        json_object_set_new(row, "ratio", json_real(ratio));
    roll_json_write(row, line);
    printf("%s\n", line->str);
    fflush(stdout);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void remove_tree(const char *path)
{
    const char *name;
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);

    if (!dir) {
        unlink(path);
        return;
    }
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        if (g_file_test(inner, G_FILE_TEST_IS_DIR) && !g_file_test(inner, G_FILE_TEST_IS_SYMLINK))
            remove_tree(inner);
        else
            unlink(inner);
    }
    rmdir(path);
}

void bench_remove_state(const char *folder)
{
    g_autofree char *state = g_build_filename(folder, "state", NULL);

    remove_tree(state);
}
