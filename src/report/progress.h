/* Live progress from inside. */
#ifndef ROLL_REPORT_PROGRESS_H
#define ROLL_REPORT_PROGRESS_H

#include "rollbook/report.h"

#define PROGRESS_FEW 20 /* targets that are shown one by one */

struct roll_progress {
    struct roll_listener listener;
    struct roll_screen screen;
    char *stream;
    bool quiet;
    bool fleet; /* more targets than are shown one by one */
    int drawn;  /* lines on the screen that will be redrawn */
    int64_t drawn_boot_ms;
    GHashTable *started; /* target name -> boot ms, boxed: what is under way */
    GHashTable *detail;  /* target name -> text that stays beside its state: what has ended */
    GString *last;       /* the last frame, to be left on the screen at the end */
    /* Of a fleet: what the last frame or line said. */
    const char *said_state;
    int said_ring;
    size_t said_open; /* targets without an outcome */
    int64_t said_boot_ms;
};

/* "  ✗ NAME  failed  QuotaExceeded" and a line feed. */
void progress_write_target(struct roll_progress *progress, const struct roll_order_target *target,
                           enum roll_target_state state, int width, GString *out);
/* "  baking, 9 min left", while it bakes. */
void progress_write_bake(const struct roll_machine_view *view, GString *out);

/* progress_clip.c: appends the frame (lines, each ended, with colours) as it fits on a screen of so many columns and lines, both
 * at least 2; returns how many lines that are. What does not fit is counted in the last line. */
int progress_clip(const char *frame, int width, int height, GString *out);

/* progress_fleet.c: counts, then what failed, then what takes longest. */
void progress_write_fleet(struct roll_progress *progress, const struct roll_machine *machine,
                          const struct roll_order *order, const struct roll_machine_view *view,
                          GString *out);
/* Is a frame due? Looking at every target costs what the fleet is large. */
bool progress_fleet_is_due(const struct roll_progress *progress,
                           const struct roll_machine_view *view, int64_t every_ms);
/* Where lines are not redrawn: a line of sums now and then. */
void progress_say_fleet(struct roll_progress *progress, const struct roll_machine *machine,
                        const struct roll_order *order);

#endif
