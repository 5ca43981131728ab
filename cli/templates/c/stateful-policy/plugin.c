/* {{summary}}. */
#include "curricle.h"

#include <stdlib.h>
#include <string.h>

/* What was new in a step and is to come again. */
typedef struct batch {
    uint32_t count;
    uint64_t *ids;
} batch;

static curricle_stream all_samples;
static double share;
static uint64_t after;
/* Of each of the last steps, the oldest first. */
static batch waiting[1000];
static uint64_t how_many;

static void push(const uint64_t *ids, uint32_t count) {
    uint64_t *copy = malloc(count * sizeof *ids + 1);
    if (!copy) abort();
    memcpy(copy, ids, count * sizeof *ids);
    waiting[how_many++] = (batch){ count, copy };
}

static void pop(void) {
    free(waiting[0].ids);
    memmove(waiting, waiting + 1, --how_many * sizeof *waiting);
}

curricle_ok plugin_configure(curricle_json config) {
    return curricle_config_number(config, "share", &share)
        && curricle_config_whole(config, "after", &after)
        && curricle_open("all", NULL, 0, &all_samples);
}

curricle_ok plugin_fill(curricle_step step) {
    (void)step;
    uint32_t size = curricle_size(), most = (uint32_t)(size * share), again = 0;
    if (how_many >= after) {
        again = waiting[0].count < most ? waiting[0].count : most;
        if (!curricle_append(waiting[0].ids, again)) return false;
        pop();
    }
    uint32_t count = size - again;
    uint64_t *fresh = malloc(count * sizeof *fresh + 1);
    if (!fresh) abort();
    curricle_take(all_samples, count, fresh);
    bool ok = curricle_append(fresh, count);
    push(fresh, count < most ? count : most);
    free(fresh);
    return ok;
}

/* Each batch that waits: how many ids, and these. */
void plugin_save(curricle_bytes *state) {
    for (uint64_t i = 0; i < how_many; i++) {
        curricle_write(state, &waiting[i].count, sizeof waiting[i].count);
        curricle_write(state, waiting[i].ids, waiting[i].count * sizeof *waiting[i].ids);
    }
}

curricle_ok plugin_restore(const uint8_t *state, size_t size) {
    while (how_many) pop();
    while (size) {
        uint32_t count;
        if (size < sizeof count || how_many == 1000) return curricle_refuse_state("it is cut off, or too long");
        memcpy(&count, state, sizeof count);
        state += sizeof count, size -= sizeof count;
        if (size / sizeof(uint64_t) < count) return curricle_refuse_state("it is cut off");
        uint64_t *ids = malloc(count * sizeof *ids + 1);
        if (!ids) abort();
        memcpy(ids, state, count * sizeof *ids);
        waiting[how_many++] = (batch){ count, ids };
        state += count * sizeof *ids, size -= count * sizeof *ids;
    }
    return true;
}
