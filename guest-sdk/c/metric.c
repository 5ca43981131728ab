/* The calls between host and metric. */
#include "glue.h"

#include <stdlib.h>

/* Room that was asked for; its type is the case of `values`. */
struct curricle_values {
    uint32_t count;
    bool asked;
    exports_curricle_plugin_metric_values_t values;
};

#define ROOM(name, type, tag_of_case)                                                                                                      \
    type *curricle_##name(curricle_values *values) {                                                                                       \
        if (values->asked) return values->values.val.name.ptr;                                                                             \
        values->asked = true;                                                                                                              \
        values->values.tag = tag_of_case;                                                                                                  \
        values->values.val.name.ptr = curricle_memory(values->count, sizeof(type));                                                        \
        values->values.val.name.len = values->count;                                                                                       \
        return values->values.val.name.ptr;                                                                                                \
    }

ROOM(float32, float, EXPORTS_CURRICLE_PLUGIN_METRIC_VALUES_FLOAT32)
ROOM(float64, double, EXPORTS_CURRICLE_PLUGIN_METRIC_VALUES_FLOAT64)
ROOM(uint32, uint32_t, EXPORTS_CURRICLE_PLUGIN_METRIC_VALUES_UINT32)
ROOM(uint64, uint64_t, EXPORTS_CURRICLE_PLUGIN_METRIC_VALUES_UINT64)

void curricle_push(curricle_numbers *numbers, double value) {
    /* Room doubles, at each power of two. */
    if ((numbers->count & (numbers->count - 1)) == 0) {
        double *grown = realloc(numbers->data, (numbers->count ? numbers->count * 2 : 1) * sizeof value);
        if (!grown) abort();
        numbers->data = grown;
    }
    numbers->data[numbers->count++] = value;
}

/* ---- What a metric may leave out -------------------------------------------------------------------------------------------------- */

__attribute__((weak)) curricle_ok plugin_configure(curricle_json config, curricle_needs *needs) {
    (void)config, (void)needs;
    return true;
}

__attribute__((weak)) curricle_ok plugin_measure(const curricle_samples *samples, curricle_values *values) {
    (void)samples, (void)values;
    return curricle_refuse_data("`plugin_measure` is not defined, and `needs->values` is true");
}

__attribute__((weak)) curricle_ok plugin_accumulate(uint32_t pass, const curricle_samples *samples) {
    (void)samples;
    return curricle_refuse_data("`plugin_accumulate` is not defined, and pass %u asks for it", (unsigned)pass);
}

__attribute__((weak)) void plugin_partial(uint32_t pass, curricle_bytes *partial) {
    (void)pass, (void)partial;
}

__attribute__((weak)) curricle_ok plugin_merge(uint32_t pass, const curricle_bytes *partials, size_t count, curricle_bytes *merged) {
    (void)partials, (void)count, (void)merged;
    return curricle_refuse_data("`plugin_merge` is not defined, and pass %u asks for it", (unsigned)pass);
}

__attribute__((weak)) curricle_ok plugin_finish(uint32_t pass, const uint8_t *merged, size_t size) {
    (void)pass, (void)merged, (void)size;
    return true;
}

__attribute__((weak)) void plugin_totals(curricle_numbers *totals) {
    (void)totals;
}

/* ---- Exports ---------------------------------------------------------------------------------------------------------------------- */

void exports_curricle_plugin_metric_describe(exports_curricle_plugin_metric_description_t *description) {
    curricle_describe(description);
}

bool exports_curricle_plugin_metric_configure(wit_string_t *config, exports_curricle_plugin_metric_needs_t *answer, wit_error *error) {
    curricle_needs needs = { 0, true, true };
    bool ok = curricle_answer(plugin_configure(curricle_config(config), &needs), error);
    wit_string_free(config);
    *answer = (exports_curricle_plugin_metric_needs_t){ needs.passes, needs.tokens, needs.values };
    return ok;
}

static curricle_samples view(const exports_curricle_plugin_metric_samples_t *samples) {
    uint32_t count = samples->offsets.len ? (uint32_t)samples->offsets.len - 1 : 0;
    return (curricle_samples){ samples->first, count, samples->width, samples->tokens.ptr, samples->offsets.ptr };
}

bool exports_curricle_plugin_metric_accumulate(uint32_t pass, exports_curricle_plugin_metric_samples_t *samples, wit_error *error) {
    curricle_samples chunk = view(samples);
    bool ok = curricle_answer(plugin_accumulate(pass, &chunk), error);
    exports_curricle_plugin_metric_samples_free(samples);
    return ok;
}

void exports_curricle_plugin_metric_partial(uint32_t pass, wit_list_u8_t *answer) {
    curricle_bytes bytes = { 0 };
    plugin_partial(pass, &bytes);
    *answer = (wit_list_u8_t){ bytes.data, bytes.size };
}

bool exports_curricle_plugin_metric_merge(uint32_t pass, wit_list_list_u8_t *partials, wit_list_u8_t *answer, wit_error *error) {
    curricle_bytes *views = curricle_memory(partials->len, sizeof *views);
    for (size_t i = 0; i < partials->len; i++) views[i] = (curricle_bytes){ partials->ptr[i].ptr, partials->ptr[i].len };
    curricle_bytes merged = { 0 };
    bool ok = curricle_answer(plugin_merge(pass, views, partials->len, &merged), error);
    free(views);
    wit_list_list_u8_free(partials);
    if (ok) {
        *answer = (wit_list_u8_t){ merged.data, merged.size };
    } else {
        free(merged.data);
    }
    return ok;
}

bool exports_curricle_plugin_metric_finish(uint32_t pass, wit_list_u8_t *merged, wit_error *error) {
    bool ok = curricle_answer(plugin_finish(pass, merged->ptr, merged->len), error);
    wit_list_u8_free(merged);
    return ok;
}

void exports_curricle_plugin_metric_totals(wit_list_f64_t *answer) {
    curricle_numbers totals = { 0 };
    plugin_totals(&totals);
    *answer = (wit_list_f64_t){ totals.data, totals.count };
}

bool exports_curricle_plugin_metric_measure(
    exports_curricle_plugin_metric_samples_t *samples, exports_curricle_plugin_metric_values_t *answer, wit_error *error
) {
    curricle_samples chunk = view(samples);
    curricle_values values = { .count = chunk.count };
    bool ok = plugin_measure(&chunk, &values);
    if (ok && !values.asked) ok = curricle_refuse_data("`plugin_measure` asked for no room, such as `curricle_float32(values)`");
    exports_curricle_plugin_metric_samples_free(samples);
    if (ok) {
        *answer = values.values;
    } else if (values.asked) {
        exports_curricle_plugin_metric_values_free(&values.values);
    }
    return curricle_answer(ok, error);
}
