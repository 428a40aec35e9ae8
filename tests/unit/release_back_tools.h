/* For tests of backs: two releases, and asking for one. */
#ifndef ROLLBOOK_TESTS_RELEASE_BACK_TOOLS_H
#define ROLLBOOK_TESTS_RELEASE_BACK_TOOLS_H

#include "release_world.h"

#define START(world)                                                                               \
    struct world world = world_make();                                                             \
    world_made(&world, "1.0.0", COMMIT_A);                                                         \
    world_made(&world, "1.1.0", COMMIT_B)

/* Both were rolled out: 1.1.0 is live, a back goes to 1.0.0. */
#define START_LIVE(world)                                                                          \
    START(world);                                                                                  \
    world_out(&world, "1.0.0", NULL);                                                              \
    world_out(&world, "1.1.0", NULL)

#define BACK(world, options, ret)                                                                  \
    roll_choose_back((world).plan, (world).prod, (world).ledger, options, ret)

#endif
