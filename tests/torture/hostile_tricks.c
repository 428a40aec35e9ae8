/* What a server can do to its clients. */
#include <string.h>
#include <unistd.h>

#include "hostile.h"

#define CHUNK (64u << 10)
#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define TEN_GB "10737418240"

/* ---- too slow ------------------------------------------------------------------------------- */

static void drip(struct peer *peer, const char *letter)
{
    do
        g_usleep(20000);
    while (peer_say(peer, letter));
}

static void play_silent(struct peer *peer)
{
    peer_wait(peer);
}

static void play_drip_head(struct peer *peer)
{
    if (peer_say(peer, "HTTP/1.1 200 OK\r\nX-Long: "))
        drip(peer, "a");
}

static void play_drip_body(struct peer *peer)
{
    if (peer_say(peer, OK_HEAD "Content-Length: " TEN_GB "\r\n\r\n{"))
        drip(peer, " ");
}

static void play_stall(struct peer *peer)
{
    peer_say(peer, OK_HEAD "Content-Length: 100\r\n\r\n{\"properties\":");
    peer_wait(peer);
}

/* ---- too much ------------------------------------------------------------------------------- */

static void repeat(struct peer *peer, const char *text)
{
    g_autoptr(GString) many = g_string_sized_new(CHUNK);

    while (many->len < CHUNK / 2)
        g_string_append(many, text);
    while (peer_write(peer, many->str, many->len))
        ;
}

static void play_endless_headers(struct peer *peer)
{
    if (peer_say(peer, "HTTP/1.1 200 OK\r\n"))
        repeat(peer, "X-More: and more of it\r\n");
}

static void play_endless_line(struct peer *peer)
{
    if (peer_say(peer, "HTTP/1.1 200 OK\r\nX-More: "))
        repeat(peer, "aaaaaaaaaaaaaaaa");
}

static void play_endless_informal(struct peer *peer)
{
    repeat(peer, "HTTP/1.1 100 Continue\r\n\r\n");
}

static void play_ten_gb(struct peer *peer)
{
    static const char zeros[CHUNK];

    if (!peer_say(peer, OK_HEAD "Content-Length: " TEN_GB "\r\n\r\n"))
        return;
    for (int i = 0; i < 163840 && peer_write(peer, zeros, sizeof zeros); i++)
        ;
}

static void play_endless_chunks(struct peer *peer)
{
    if (peer_say(peer, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"))
        repeat(peer, "10\r\n0123456789abcdef\r\n");
}

static void play_deep(struct peer *peer)
{
    static char brackets[CHUNK];

    memset(brackets, '[', sizeof brackets);
    if (peer_say(peer, OK_HEAD "Content-Length: 4000000\r\n\r\n"))
        while (peer_write(peer, brackets, sizeof brackets))
            ;
}

/* A stream of zeros without end: after one literal, copies of 258 bytes in 13 bits each (RFC 1951
 * section 3.2.6), so that one byte becomes 158. Bits go from the lowest up; eight copies fill 13
 * bytes. */
struct bits {
    GString *out;
    unsigned kept, count;
};

static void put_bit(struct bits *bits, unsigned bit)
{
    bits->kept |= bit << bits->count++;
    if (bits->count == 8) {
        g_string_append_c(bits->out, (char)bits->kept);
        bits->kept = bits->count = 0;
    }
}

static void put_bits(struct bits *bits, const char *word)
{
    for (; *word; word++)
        put_bit(bits, *word == '1');
}

static void play_bomb(struct peer *peer)
{
    static const char head[] = "\x1f\x8b\x08\0\0\0\0\0\0\xff";
    struct bits bits = {.out = g_string_new(NULL)};
    bool there = peer_say(peer, OK_HEAD "Content-Encoding: gzip\r\nConnection: close\r\n\r\n") &&
                 peer_write(peer, head, sizeof head - 1);

    put_bits(&bits, "010"        /* a block, not the last, of fixed codes */
                    "00110000"); /* a zero */
    while (there) {
        while (bits.out->len < CHUNK)
            put_bits(&bits, "11000101" /* a copy of 258 bytes */
                            "00000");  /* of those one byte back */
        there = peer_write(peer, bits.out->str, bits.out->len);
        g_string_truncate(bits.out, 0);
    }
    g_string_free(bits.out, TRUE);
}

/* ---- nonsense ------------------------------------------------------------------------------- */

static void play_garbage(struct peer *peer)
{
    static const char text[] = "\x16\x03\x01\0\xff\xfe\0\0\x80HTTP/9.9 -1 \0\r\n\r\n\r\n";

    peer_write(peer, text, sizeof text);
}

static void play_two_lengths(struct peer *peer)
{
    peer_say(peer, OK_HEAD "Content-Length: 2\r\nContent-Length: 2000000000000\r\n\r\n{}");
}

static void play_negative_length(struct peer *peer)
{
    peer_say(peer, OK_HEAD "Content-Length: -1\r\n\r\n{}");
}

static void play_chunk_of_all(struct peer *peer)
{
    peer_say(peer, OK_HEAD "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}");
    peer_wait(peer);
}

static void play_truncated(struct peer *peer)
{
    peer_say(peer, OK_HEAD "Content-Length: 500\r\n\r\n{\"properties\":{\"provisioningState\":");
}

static void play_later(struct peer *peer)
{
    peer_say(peer, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 99999999999999999999\r\n"
                   "Content-Length: 0\r\n\r\n");
}

/* ---- somewhere else ------------------------------------------------------------------------- */

/* %d is this server's port, where a request in the clear would arrive. */
static void answer(struct peer *peer, const char *status, const char *headers, const char *body)
{
    g_autoptr(GString) text = g_string_new("HTTP/1.1 ");
    g_autofree char *port = g_strdup_printf("%d", peer->server->port);

    g_string_append_printf(text, "%s\r\n%sContent-Type: application/json\r\n", status, headers);
    g_string_replace(text, "$PORT", port, 0);
    g_string_append_printf(text, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
    peer_write(peer, text->str, text->len);
}

static void play_redirect(struct peer *peer)
{
    answer(peer, "307 Temporary Redirect", "Location: https://thief.evil.example/x\r\n", "");
}

static void play_redirect_permanent(struct peer *peer)
{
    answer(peer, "308 Permanent Redirect", "Location: http://127.0.0.1:$PORT/x\r\n", "");
}

static void play_redirect_clear(struct peer *peer)
{
    g_autofree char *headers =
        g_strdup_printf("Location: http://%s/x?api-version=1\r\n", peer->host);

    answer(peer, "302 Found", headers, "");
}

static void play_redirect_alike(struct peer *peer)
{
    g_autofree char *headers =
        g_strdup_printf("Location: https://%s@thief.evil.example/x\r\n"
                        "Azure-AsyncOperation: https://%s.evil.example/y\r\n",
                        peer->host, peer->host);

    answer(peer, "301 Moved Permanently", headers, "");
}

#define RUNNING "{\"properties\":{\"provisioningState\":\"Running\"},\"status\":\"Running\"}"

static void play_poll_elsewhere(struct peer *peer)
{
    answer(peer, "202 Accepted",
           "Azure-AsyncOperation: https://thief.evil.example/op\r\n"
           "Location: http://127.0.0.1:$PORT/op\r\nRetry-After: 0\r\n",
           RUNNING);
}

static void play_next_elsewhere(struct peer *peer)
{
    answer(peer, "200 OK", "Docker-Content-Digest: sha256:7\r\n",
           "{\"value\":[],\"nextLink\":\"https://thief.evil.example/next\","
           "\"properties\":{\"provisioningState\":\"Running\"},"
           "\"authentication\":{\"loginEndpoint\":\"https://thief.evil.example\"}}");
}

static void play_challenge_elsewhere(struct peer *peer)
{
    answer(peer, "401 Unauthorized",
           "WWW-Authenticate: Bearer realm=\"https://thief.evil.example/token\", "
           "service=\"thief.evil.example\", authorization_uri=\"https://thief.evil.example/t\", "
           "resource=\"https://thief.evil.example\", error=\"insufficient_claims\", "
           "claims=\"eyJhY2Nlc3NfdG9rZW4iOnt9fQ==\"\r\n",
           "{\"error\":{\"code\":\"InvalidAuthenticationToken\",\"message\":\"no\"}}");
}

static void play_good(struct peer *peer)
{
    answer(peer, "200 OK", "",
           "{\"value\":[{\"id\":\"https://v/secrets/db/1\",\"attributes\":{\"enabled\":true,"
           "\"created\":1}}],\"properties\":{\"provisioningState\":\"Succeeded\"},"
           "\"token_type\":\"Bearer\",\"expires_in\":3600,\"access_token\":\"" PLANTED "-2\"}");
}

const struct trick tricks[] = {
    {.name = "good", .play = play_good, .may_succeed = true, .good = true},
    {.name = "half-open", .deaf = true},
    {.name = "silent", .play = play_silent},
    {.name = "drip-head", .play = play_drip_head},
    {.name = "drip-body", .play = play_drip_body},
    {.name = "stall", .play = play_stall},
    {.name = "endless-headers", .play = play_endless_headers},
    {.name = "endless-line", .play = play_endless_line},
    {.name = "endless-1xx", .play = play_endless_informal},
    {.name = "10-gb", .play = play_ten_gb},
    {.name = "endless-chunks", .play = play_endless_chunks},
    {.name = "deep-json", .play = play_deep, .whole = true},
    {.name = "bomb", .play = play_bomb},
    {.name = "garbage", .play = play_garbage},
    {.name = "two-lengths", .play = play_two_lengths},
    {.name = "negative-length", .play = play_negative_length},
    {.name = "chunk-of-all", .play = play_chunk_of_all},
    {.name = "truncated", .play = play_truncated},
    {.name = "later", .play = play_later},
    {.name = "redirect", .play = play_redirect},
    {.name = "redirect-loopback", .play = play_redirect_permanent},
    {.name = "redirect-clear", .play = play_redirect_clear},
    {.name = "redirect-alike", .play = play_redirect_alike},
    {.name = "poll-elsewhere", .play = play_poll_elsewhere, .may_succeed = true},
    {.name = "next-elsewhere", .play = play_next_elsewhere, .may_succeed = true},
    {.name = "challenge-elsewhere", .play = play_challenge_elsewhere},
    {.name = "tls-wrong-name", .face = FACE_WRONG_NAME, .play = play_good},
    {.name = "tls-expired", .face = FACE_EXPIRED, .play = play_good},
    {.name = "tls-not-yet", .face = FACE_NOT_YET, .play = play_good},
    {.name = "tls-self-signed", .face = FACE_SELF_SIGNED, .play = play_good},
    {.name = "tls-other-authority", .face = FACE_OTHER_CA, .play = play_good},
    {.name = "tls-1.0", .max_version = TLS1_VERSION, .play = play_good},
    {.name = "tls-1.1", .max_version = TLS1_1_VERSION, .play = play_good},
    {.name = "tls-not-at-all", .plain = true, .play = play_good},
};
const size_t trick_count = G_N_ELEMENTS(tricks);
