/* What the parts of roll doctor in the clouds share: which connections there are (doctor_cloud.c),
 * what is asked with them (doctor_ask.c). */
#ifndef ROLL_CLI_DOCTOR_CLOUD_H
#define ROLL_CLI_DOCTOR_CLOUD_H

#include "doctor.h"

#define DOCTOR_WAIT_MS 40000 /* longer than the login may take: its own words say why not */

struct doctor_clouds {
    struct doctor *doctor;
    struct roll_loop *loop;
    struct roll_links *links;
    GPtrArray *connections; /* struct doctor_connection *, owned */
    GPtrArray *questions;   /* struct doctor_question *, owned */
    size_t open;            /* questions without an answer */
};

/* A way to sign in, and what is asked with it. */
struct doctor_connection {
    struct doctor_clouds *clouds;
    char *where; /* shop/prod */
    struct roll_order_target target;
    struct roll_arm *arm;
    struct roll_credential *credential;
    struct doctor_finding *credential_finding, *clock;
    GPtrArray *subscriptions; /* ids of scopes, owned */
    GPtrArray *vaults;        /* "VAULT/SECRET", owned */
};

/* Asks for the connection's token, and with it, once it is there, ARM and the Key Vaults. */
void doctor_ask_credential(struct doctor_connection *connection);
/* Whether the registries of the plan's images are there. */
void doctor_ask_registries(struct doctor_connection *connection, const struct roll_plan *plan);
/* A GDestroyNotify of the questions. */
void doctor_question_free(void *item);

#endif
