/* What replica.c and replica_driver.c share. */
#ifndef SIM_REPLICA_H
#define SIM_REPLICA_H

#include "rollbook/sync.h"
#include "rollout/driver.h"
#include "sim.h"

struct replica {
    struct roll_ledger *ledger;
    struct roll_sync *sync;
    struct roll_head seen; /* the last event that its view has */
};

struct shared_driver {
    struct roll_driver driver; /* the real one's memory of places in the stream */
    struct roll_driver_options options;
    bool emergency, aside; /* of its command: may go on without the store; does */
    bool following;
    int64_t first;    /* where its machine's folding began */
    GPtrArray *blobs; /* of its request */
};

extern const struct roll_actor sim_somebody;

guint sim_replica_first_own(const GPtrArray *events, guint own, bool aside);
void sim_replica_act_as(struct world *world, bool emergency, bool aside);
void sim_replica_come_home(struct world *world, struct process *process);
struct replica *sim_replica_here(const struct world *world);
void sim_replica_see(struct world *world, const char *driver, guint own);
bool sim_is_fine(struct world *world, struct roll_error *err, const char *what);

#endif
