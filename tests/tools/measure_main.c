/* measure SECONDS MEGABYTES THREADS COMMAND…: runs the command, and says on standard error what it
 * took, when one of the three is more than that; then its exit status is 1. On a machine that has
 * more to do than processors the seconds grow with its load; with sanitizers nothing is judged. Its
 * own output goes through. THREADS counts those of the command's process, its first one among them.
 */
#include <dirent.h>
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_US 10000

#if defined(__SANITIZE_ADDRESS__) /* its own memory and time would be measured */
#define SANITIZED true
#else
#define SANITIZED false
#endif

static int threads_of(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    int count = 0;

    if (!dir)
        return 0;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* How many times slower everything is now: work per processor. */
static double slowness(void)
{
    double load[1] = {0};
    double cpus = (double)g_get_num_processors();

    return getloadavg(load, 1) == 1 ? MAX(1.0, (load[0] + 1) / cpus) : 1.0;
}

static double processor_seconds(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    struct rusage usage;
    int status = 0, threads = 0;

    if (argc < 5) {
        fprintf(stderr, "usage: measure SECONDS MEGABYTES THREADS COMMAND…\n");
        return 2;
    }
    gint64 start = g_get_monotonic_time();
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[4], argv + 4);
        _exit(127);
    }
    while (wait4(pid, &status, WNOHANG, &usage) == 0) {
        threads = MAX(threads, threads_of(pid));
        g_usleep(LOOK_US);
    }
    double seconds = (double)(g_get_monotonic_time() - start) / 1e6;
    double megabytes = (double)usage.ru_maxrss / 1024;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return 1;
    if (SANITIZED)
        return 0;
    if (seconds <= g_ascii_strtod(argv[1], NULL) * slowness() &&
        megabytes <= g_ascii_strtod(argv[2], NULL) &&
        threads <= (int)g_ascii_strtoll(argv[3], NULL, 10))
        return 0;
    fprintf(stderr, "it took %.1f s, %.0f MB, %d threads, %.4f s of processors\n", seconds,
            megabytes, threads, processor_seconds(&usage));
    return 1;
}
