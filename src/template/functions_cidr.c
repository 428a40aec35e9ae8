/* parseCidr, cidrSubnet, cidrHost (reference 17.11) for IPv4 and IPv6. */
#include "function.h"

#include <arpa/inet.h>

struct network {
    int family;
    int bits; /* 32 or 128 */
    int prefix;
    unsigned __int128 address; /* host bits cleared */
};

static unsigned __int128 mask_of(const struct network *network, int prefix)
{
    unsigned __int128 all = network->bits == 32 ? 0xffffffffu : ~(unsigned __int128)0;
    return prefix == 0 ? 0 : all & ~(prefix == network->bits ? 0 : (all >> prefix));
}

static struct roll_error *cidr_error(const struct call *call)
{
    return function_error(
        call,
        "expects its first parameter to be a valid CIDR address range. The provided value is "
        "'%.100s'.",
        json_string_value(call->args[0]));
}

static struct roll_error *read_network(const struct call *call, struct network *network)
{
    const char *text = json_string_value(call->args[0]);
    const char *slash = strchr(text, '/');
    unsigned char bytes[16] = {0};
    gint64 prefix = 0;
    if (!slash)
        return cidr_error(call);
    g_autofree char *address = g_strndup(text, (gsize)(slash - text));
    network->family = strchr(address, ':') ? AF_INET6 : AF_INET;
    network->bits = network->family == AF_INET6 ? 128 : 32;
    if (inet_pton(network->family, address, bytes) != 1 ||
        !g_ascii_string_to_signed(slash + 1, 10, 0, network->bits, &prefix, NULL))
        return cidr_error(call);
    network->prefix = (int)prefix;
    network->address = 0;
    for (int i = 0; i < network->bits / 8; i++)
        network->address = network->address << 8 | bytes[i];
    network->address &= mask_of(network, network->prefix);
    return NULL;
}

/* The longest run of zero groups as ::, the first of equals (RFC 5952). */
static void append_ipv6(unsigned __int128 address, GString *out)
{
    unsigned groups[8];
    int best = -1;
    int best_length = 1;
    for (int i = 0; i < 8; i++)
        groups[i] = (unsigned)(address >> (112 - 16 * i)) & 0xffff;
    for (int i = 0; i < 8; i++) {
        int length = 0;
        while (i + length < 8 && groups[i + length] == 0)
            length++;
        if (length > best_length) {
            best = i;
            best_length = length;
        }
    }
    for (int i = 0; i < 8; i++) {
        if (i == best) {
            g_string_append(out, "::");
            i += best_length - 1;
            continue;
        }
        g_string_append_printf(out, "%s%x", i > 0 && i != best + best_length ? ":" : "", groups[i]);
    }
}

static json_t *address_text(const struct network *network, unsigned __int128 address)
{
    GString *out = g_string_new(NULL);
    if (network->bits == 32)
        g_string_append_printf(out, "%u.%u.%u.%u", (unsigned)(address >> 24) & 255,
                               (unsigned)(address >> 16) & 255, (unsigned)(address >> 8) & 255,
                               (unsigned)address & 255);
    else
        append_ipv6(address, out);
    return json_gtext(out);
}

struct roll_error *function_parse_cidr(const struct call *call, json_t **ret_value)
{
    struct network network = {0};
    ROLL_TRY(read_network(call, &network));
    unsigned __int128 mask = mask_of(&network, network.prefix);
    unsigned __int128 last = network.address | (mask_of(&network, network.bits) & ~mask);
    bool inner = network.bits == 32 && network.prefix < 31; /* network and broadcast are no hosts */
    ROLL_TRY(work_hold(call->eval->work, OBJECT_BYTES(6) + 6 * (ROLL_JSON_STRING_BYTES + 64)));
    json_t *object = json_object();
    object_put(object, "network", address_text(&network, network.address));
    object_put(object, "netmask", address_text(&network, mask));
    if (network.bits == 32)
        object_put(object, "broadcast", address_text(&network, last));
    object_put(object, "firstUsable", address_text(&network, network.address + inner));
    object_put(object, "lastUsable", address_text(&network, last - inner));
    object_put(object, "cidr", json_integer(network.prefix));
    *ret_value = object;
    return NULL;
}

struct roll_error *function_cidr_subnet(const struct call *call, json_t **ret_value)
{
    struct network network = {0};
    json_int_t prefix = json_integer_value(call->args[1]);
    json_int_t index = json_integer_value(call->args[2]);
    ROLL_TRY(read_network(call, &network));
    if (prefix < network.prefix || prefix > network.bits)
        return function_error(
            call,
            "expects its second parameter to be between '%d' and '%d'. The provided value is "
            "'%" JSON_INTEGER_FORMAT "'.",
            network.prefix, network.bits, prefix);
    int free_bits = (int)prefix - network.prefix;
    if (index < 0 || (free_bits < 63 && index >= (json_int_t)1 << free_bits))
        return function_error(
            call,
            "expects its third parameter to be the index of a subnet within the range. The "
            "provided value is '%" JSON_INTEGER_FORMAT "'.",
            index);
    int shift = network.bits - (int)prefix;
    unsigned __int128 address =
        network.address | (shift < 128 ? (unsigned __int128)index << shift : 0);
    roll_auto(json) json_t *text = address_text(&network, address);
    GString *out = g_string_new(json_string_value(text));
    g_string_append_printf(out, "/%d", (int)prefix);
    return return_text(call, out, ret_value);
}

struct roll_error *function_cidr_host(const struct call *call, json_t **ret_value)
{
    struct network network = {0};
    json_int_t index = json_integer_value(call->args[1]);
    ROLL_TRY(read_network(call, &network));
    unsigned __int128 last =
        network.address | (mask_of(&network, network.bits) & ~mask_of(&network, network.prefix));
    bool inner = network.bits == 32 && network.prefix < 31;
    bool whole = network.prefix >= network.bits - 1 && network.bits == 32;
    unsigned __int128 host = network.address + (unsigned __int128)(index < 0 ? 0 : index) + !whole;
    if (index < 0 || host > last - inner)
        return function_error(
            call,
            "expects its second parameter to be the index of a host within the range. The "
            "provided value is '%" JSON_INTEGER_FORMAT "'.",
            index);
    *ret_value = address_text(&network, host);
    return NULL;
}
