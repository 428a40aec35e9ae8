/* Credentials: what the cache (credential.c), the chain (credential_chain.c) and its sources share,
 * and what the rest of azure may ask. */
#ifndef ROLLBOOK_AZURE_CREDENTIAL_H
#define ROLLBOOK_AZURE_CREDENTIAL_H

#include "rollbook/azure.h"

struct token; /* one for each audience */

/* What AZURE_TOKEN_CREDENTIALS may narrow the chain to. */
enum token_group {
    TOKEN_PRODUCTION = 1, /* prod */
    TOKEN_DEVELOPER = 2,  /* dev */
    TOKEN_ON_REQUEST = 4, /* in no chain: only when it is selected by name */
};

/* One way to a token. */
struct token_source {
    const char *kind;     /* as in the plan */
    const char *sdk_name; /* as in AZURE_TOKEN_CREDENTIALS */
    enum token_group group;
    /* What it lacks here, owned by the caller; NULL when it can be tried. */
    char *(*lacks)(const struct roll_credential *credential);
    /* Starts; ends with token_fetched, token_failed or token_unavailable, which may come before it
     * returns. NULL: known by name only. */
    void (*fetch)(struct token *token);
    /* Stops what fetch started, without an end. */
    void (*stop)(struct token *token);
};

extern const struct token_source token_source_environment, token_source_workload_identity,
    token_source_github, token_source_azure_pipelines, token_source_managed_identity,
    token_source_cli, token_source_device_code;

struct roll_credential {
    struct roll_loop *loop;         /* borrowed */
    const struct roll_cloud *cloud; /* borrowed */
    char *tenant;                   /* the plan's, or NULL */
    /* Tried in this order, NULL at the end. */
    const struct token_source *sources[8];
    /* The first that gave a token, NULL at the end: from then on nobody else is asked. */
    const struct token_source *worked[2];
    struct roll_secret *renewal; /* of a person's sign-in, good for every audience; or NULL */
    int64_t retry_second;        /* ms; tests make it short */
    GHashTable *tokens;          /* audience → struct token, owned */
    char *actor;
    char **groups; /* or NULL: not known */
};

struct token {
    struct roll_credential *credential; /* borrowed */
    char *key;                  /* in the cache: the audience, or "" for a custom cloud's ARM */
    char *audience;             /* or NULL until the cloud has told it */
    struct roll_secret *secret; /* or NULL */
    int64_t expires_at;         /* boot ms */
    int64_t renew_at;           /* boot ms: from here on a new one is fetched first */
    GArray *waiters;            /* struct waiter */
    unsigned timer;             /* answers the waiters from the loop */
    struct roll_error *err;     /* for the waiters, until they are answered */

    bool fetching;
    bool waits_for_cloud;                   /* with fetching: before the first source */
    const struct token_source *source;      /* that is tried */
    const struct token_source *const *next; /* after it */
    GString *tried;                         /* what each lacked, as one text, */
    GPtrArray *passed;                      /* and one by one */
    char *claims; /* JSON of a claims challenge, for the next request of a token; or NULL */

    /* Of a source, from fetch to its end. */
    struct roll_http_call *http;
    unsigned retry_timer;
    int tries;
    char *next_step;   /* what to do about a login out of reach, or NULL; owned */
    const char *proof; /* "client secret", … for a refusal; static */
    struct roll_secret *device_code;
    int64_t interval_s, give_up_at; /* of a device code's polls; boot ms */
};

/* How long a token is good for, and when its issuer wants it renewed: seconds from now; -1:
 * not told. */
struct token_life {
    int64_t valid, renew;
};

/* A source's end. why is owned by the callee; it says no secret. Failed: this credential is meant
 * for us and does not work, which ends the chain, since the next one would be somebody else.
 * Unavailable: it is not there after all, and the next one is tried. */
void token_fetched(struct token *token, const char *text, size_t size, struct token_life life);
void token_failed(struct token *token, char *why);
void token_unavailable(struct token *token, char *why);

/* Sets the sources of a new credential. kind: as of roll_credential_new; its errors, too. */
struct roll_error *credential_select(struct roll_credential *credential, const char *kind)
    ROLL_CHECKED;

/* A token that is valid now, borrowed, or NULL. */
struct roll_secret *credential_peek(struct roll_credential *credential, const char *audience);
/* The service refused this token: it is not handed out again. claims: what it demands of the next
 * one (challenge_claims), sent once, or NULL. */
void credential_drop(struct roll_credential *credential, const char *audience,
                     const struct roll_secret *secret, const char *claims);
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
struct token_life token_reply_life(const struct token_reply *reply);
void token_reply_wipe(struct token_reply *reply);

/* Value of a variable; NULL when it is not set or empty. Borrowed. */
const char *credential_variable(const char *name);
/* A file that holds a key or a token, at most max bytes. *ret_problem (owned by the caller) says
 * why NULL came. */
struct roll_secret *credential_read_file(const char *path, size_t max, char **ret_problem);
/* Cancels what token->http and token->retry_timer stand for. */
void token_stop(struct token *token);

/* ---- login.c: the cloud's token endpoint ---- */

/* Who asks. Both may be NULL until login_lacks has said that they are there. */
struct login {
    const char *client_id, *tenant;
};
/* By variables, after the plan's tenant. */
struct login login_of_environment(const struct roll_credential *credential);
/* Whether the login is AD FS (of a cloud without Entra): by the authority's end or the tenant's
 * name. */
bool login_is_adfs(const struct roll_credential *credential, const struct login *login);
char *login_lacks(const struct roll_credential *credential, const struct login *login);
/* Where tokens are asked for ("token"), and what an assertion must be addressed to; or where a
 * device code is ("devicecode"). Owned by the caller. */
char *login_url(const struct roll_credential *credential, const struct login *login,
                const char *address);
/* A field of a form, percent-encoded. */
void login_add_field(GString *form, const char *name, const char *value);
/* Sends form, which it takes and wipes. */
void login_post(struct token *token, const char *url, GString *form, roll_http_fn fn);
/* Ends token (the user) by what the token endpoint said. token->proof is named in a refusal. */
void login_on_reply(void *user, const struct roll_http_reply *reply);
/* Ends token. proof: static words for what secret is ("client secret"). */
void login_with_secret(struct token *token, const struct login *login, const char *proof,
                       const char *secret);
void login_with_assertion(struct token *token, const struct login *login, const char *proof,
                          const char *assertion);
/* Audience of tokens that others issue for this cloud. Static. */
const char *login_federation_audience(const struct roll_credential *credential);

/* ---- login_advice.c ---- */

/* What to do about AADSTSnnnnn in a text; static, NULL when unknown. */
const char *login_advice(const char *text);

/* ---- certificate.c ---- */

struct certificate_use {
    const char *path, *password;      /* password NULL: none */
    const char *client_id, *audience; /* audience: the token endpoint */
    bool chain; /* x5c: the certificate and those above it, for a registration by subject and issuer
                 */
    bool adfs;  /* RS256 and the SHA-1 thumbprint, which AD FS knows */
};
/* A JWT that proves possession of the certificate's key (PS256, x5t#S256), good for ten minutes.
 * *ret_problem (owned by the caller) says why NULL came. Source: services reference 1.3. */
struct roll_secret *certificate_assertion(const struct certificate_use *use, char **ret_problem);

/* ---- claims.c ---- */

/* Words as roll_credential_actor has them; NULL when text is no JWT or names nobody. Owned by the
 * caller. */
char *claims_actor(const char *token, size_t size);
/* The groups that it names; NULL when it leaves them open. g_strfreev. */
char **claims_groups(const char *token, size_t size);

#endif
