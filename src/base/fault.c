/* Fault points, read from ROLL_FAULT=POINT:N:ACTION[,…]; only in test builds. */
#include "rollbook/fault.h"

#ifdef ROLL_TESTING

#include <glib.h>
#include <signal.h>
#include <stdlib.h>

enum fault_action { FAULT_KILL, FAULT_ERROR, FAULT_STOP };

struct fault {
    char *point;
    guint64 pass;
    enum fault_action action;
    gint passed;
};

static struct fault parse_fault(const char *spec)
{
    static const char *const actions[] = {"kill", "error", "stop"};
    g_auto(GStrv) words = g_strsplit(spec, ":", 3);

    if (g_strv_length(words) == 3) {
        guint64 pass;
        bool counted = g_ascii_string_to_unsigned(words[1], 10, 1, G_MAXINT, &pass, NULL);
        for (size_t i = 0; counted && i < G_N_ELEMENTS(actions); i++)
            if (g_str_equal(words[2], actions[i]))
                return (struct fault){g_strdup(words[0]), pass, (enum fault_action)i, 0};
    }
    /* A test with a misspelt fault would pass without having tested anything. */
    g_error("ROLL_FAULT: '%s' is not POINT:NUMBER:kill|error|stop", spec);
}

static GArray *fault_table(void)
{
    static gsize table;

    if (g_once_init_enter(&table)) {
        const char *specs = g_getenv("ROLL_FAULT");
        g_auto(GStrv) list = g_strsplit(specs ? specs : "", ",", -1);
        GArray *faults = g_array_new(FALSE, FALSE, sizeof(struct fault));
        for (char **spec = list; *spec; spec++) {
            struct fault fault = parse_fault(*spec);
            g_array_append_val(faults, fault);
        }
        g_once_init_leave(&table, (gsize)faults);
    }
    return (GArray *)table;
}

bool roll_fault(const char *point)
{
    GArray *faults = fault_table();
    bool failed = false;

    for (guint i = 0; i < faults->len; i++) {
        struct fault *fault = &g_array_index(faults, struct fault, i);
        if (!g_str_equal(fault->point, point) ||
            (guint64)g_atomic_int_add(&fault->passed, 1) + 1 != fault->pass)
            continue;
        if (fault->action == FAULT_ERROR)
            failed = true;
        else
            raise(fault->action == FAULT_KILL ? SIGKILL : SIGSTOP);
    }
    return failed;
}

#endif
