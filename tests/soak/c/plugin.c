/* A policy that makes as many calls that allocate as it can; nothing of it may stay. */
#include "curricle.h"

#include <stdio.h>
#include <stdlib.h>

static curricle_stream everything;

curricle_ok plugin_configure(curricle_json config) {
    (void)config;
    return curricle_open("everything", NULL, 0, &everything);
}

curricle_ok plugin_fill(curricle_step step) {
    static uint64_t ids[4096];
    static double lengths[4096], again[4096];
    curricle_column *columns;
    size_t count = curricle_columns(&columns);
    char name[64];
    snprintf(name, sizeof name, "%s", count ? columns[1].name : "");
    free(columns);
    curricle_take(everything, 4096, ids);
    if (!curricle_values(name, ids, 4096, lengths)) return false;
    for (int i = 0; i < 4; i++) {
        if (curricle_annotate("", 1)) return curricle_refuse_data("a name without a byte was taken");
        if (curricle_refuse_data("step %u", (unsigned)step.index)) return false;
    }
    curricle_log(CURRICLE_DEBUG, "step %u", (unsigned)step.index);
    if (!curricle_values(name, ids, 4096, again)) return false;
    for (int i = 0; i < 4096; i++) {
        if (lengths[i] != again[i]) return curricle_refuse_data("sample %u had another length before", (unsigned)ids[i]);
    }
    return curricle_append(ids, curricle_size());
}
