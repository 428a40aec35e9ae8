/* A network that means harm, and what of Rollbook speaks to it (tests/README.md, "A hostile
 * network").
 *
 * One listener is the proxy of everything: whatever host a request is meant for comes here, with
 * TLS of its own, so that what any host received is known to the byte. The host that is called the
 * victim's plays the trick; the login gives tokens; every other host only writes down what it gets.
 */
#ifndef ROLLBOOK_TORTURE_HOSTILE_H
#define ROLLBOOK_TORTURE_HOSTILE_H

#include <glib.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

/* In every secret that is planted, and in nothing else. */
#define PLANTED "pl4nted"
#define LOGIN_HOST "login.microsoftonline.com"
#define ARM_HOST "management.azure.com"

/* ---- certificates (hostile_tls.c) ----------------------------------------------------------- */

enum face {
    FACE_GOOD,
    FACE_WRONG_NAME,
    FACE_EXPIRED,
    FACE_NOT_YET,
    FACE_SELF_SIGNED,
    FACE_OTHER_CA,
    FACES
};

struct faces {
    X509 *certificate[FACES];
    EVP_PKEY *key;
};
/* Made once; the authority to trust is written to ca_file. */
void faces_make(struct faces *faces, const char *ca_file);
void faces_clear(struct faces *faces);
/* A server's context with that face; max_version 0: any. */
SSL_CTX *faces_context(const struct faces *faces, enum face face, int max_version);

/* ---- the server (hostile_server.c) ---------------------------------------------------------- */

struct hostile {
    const struct faces *faces;
    const struct trick *trick;
    const char *victim; /* the host that plays the trick */
    int listener, port;
    GMutex lock;        /* guards what follows */
    GString *elsewhere; /* what hosts got that nobody was to speak to */
    GString *victims;   /* what the victim's host got, decrypted */
};

struct peer {
    struct hostile *server;
    SSL *ssl; /* or NULL: plain */
    int fd;
    char *host;
};
bool peer_write(struct peer *peer, const void *data, size_t size); /* false: it has gone */
bool peer_say(struct peer *peer, const char *text);
/* Until the peer has gone. */
void peer_wait(struct peer *peer);

/* Listens on loopback, answers in threads until the process ends. */
void hostile_start(struct hostile *server);

/* ---- tricks (hostile_tricks.c) -------------------------------------------------------------- */

struct trick {
    const char *name;
    enum face face;
    int max_version; /* of TLS; 0: any */
    bool deaf;       /* accepts, and not even TLS comes about */
    bool plain;      /* plain HTTP where TLS was meant */
    void (*play)(
        struct peer *peer); /* one answer; then the connection is closed. NULL: none comes so far */
    bool may_succeed;       /* what it says may be taken for an answer */
    bool whole;             /* an answer by its form, whatever it holds */
    bool good;              /* no trick at all: proves that a token would have been seen */
};
extern const struct trick tricks[];
extern const size_t trick_count;

/* ---- who speaks (hostile_clients.c) --------------------------------------------------------- */

struct client {
    const char *name, *host; /* the host that it speaks to */
    /* True: it holds what it wanted. */
    bool (*run)(const struct hostile *server);
    int64_t bound_ms;  /* of all that it does, before ROLL_TEST_HASTE */
    bool program;      /* the real program, which has its own bounds: no haste */
    bool any_body;     /* only the status counts */
    int64_t pauses_ms; /* between attempts, which no haste makes shorter */
};
extern const struct client clients[];
extern const size_t client_count;

#endif
