/* Credentials: what credential.c (cache and chain) and its sources share, and what the rest of
 * azure may ask. */
#ifndef ROLLBOOK_AZURE_CREDENTIAL_H
#define ROLLBOOK_AZURE_CREDENTIAL_H

#include "rollbook/azure.h"

struct token; /* one for each audience */

/* One way to a token. */
struct token_source {
    const char *kind;     /* as in the plan */
    const char *sdk_name; /* as in AZURE_TOKEN_CREDENTIALS */
    bool production;      /* belongs to AZURE_TOKEN_CREDENTIALS=prod, else to dev */
    /* What it lacks here, owned by the caller; NULL when it can be tried. */
    char *(*lacks)(const struct roll_credential *credential);
    /* Starts; ends with token_fetched or token_failed, not before it returns. NULL: not built yet.
     */
    void (*fetch)(struct token *token);
    /* Stops what fetch started, without an end. */
    void (*stop)(struct token *token);
};

extern const struct token_source token_source_environment, token_source_cli;

struct roll_credential {
    struct roll_loop *loop;         /* borrowed */
    const struct roll_cloud *cloud; /* borrowed */
    char *tenant;                   /* the plan's, or NULL */
    /* Tried in this order, NULL at the end; then only the first that gave a token. */
    const struct token_source *sources[8];
    GHashTable *tokens; /* audience → struct token, owned */
    char *actor;
};

struct token {
    struct roll_credential *credential; /* borrowed */
    char *audience;
    struct roll_secret *secret; /* or NULL */
    int64_t expires_at;         /* boot ms */
    int64_t renew_at;           /* boot ms: from here on a new one is fetched first */
    GArray *waiters;            /* struct waiter */
    unsigned timer;             /* answers the waiters from the loop */
    struct roll_error *err;     /* for the waiters, until they are answered */

    bool fetching;
    int source;                  /* index of the one that is tried */
    GString *tried;              /* what each lacked */
    struct roll_http_call *http; /* of a source */
};

/* A source's end. seconds: how long it is valid. why is owned by the callee; it says no secret. */
void token_fetched(struct token *token, const char *text, size_t size, int64_t seconds);
void token_failed(struct token *token, char *why);

/* A token that is valid now, borrowed, or NULL. */
struct roll_secret *credential_peek(struct roll_credential *credential, const char *audience);
/* The service refused this token: it is not handed out again. */
void credential_drop(struct roll_credential *credential, const char *audience,
                     const struct roll_secret *secret);
/* fn with this user is not called any more. */
void credential_forget(struct roll_credential *credential, const void *user);

/* ---- helpers of the sources ---- */

/* Member text of a token reply, from JSON that is wiped afterwards. */
struct token_reply {
    json_t *value;
};
bool token_reply_read(struct token_reply *reply, const char *text, size_t size);
const char *token_reply_text(const struct token_reply *reply,
                             const char *name); /* borrowed or NULL */
int64_t token_reply_number(const struct token_reply *reply,
                           const char *name); /* number or digits; -1 */
void token_reply_wipe(struct token_reply *reply);

/* ---- claims.c ---- */

/* Words as roll_credential_actor has them; NULL when text is no JWT or names nobody. Owned by the
 * caller. */
char *claims_actor(const char *token, size_t size);

#endif
