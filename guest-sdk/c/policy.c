/* The calls between host and policy. */
#include "glue.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void exports_curricle_plugin_policy_describe(exports_curricle_plugin_policy_description_t *description) {
    curricle_describe(description);
}

bool exports_curricle_plugin_policy_configure(wit_string_t *config, wit_error *error) {
    bool ok = curricle_answer(plugin_configure(curricle_config(config)), error);
    wit_string_free(config);
    return ok;
}

bool exports_curricle_plugin_policy_fill(exports_curricle_plugin_policy_step_t *step, wit_error *error) {
    uint64_t tokens = step->consumed_tokens.is_some ? step->consumed_tokens.val : 0;
    return curricle_answer(plugin_fill((curricle_step){ step->index, step->consumed_samples, tokens }), error);
}

#ifdef CURRICLE_STATEFUL
void exports_curricle_plugin_snapshot_save(wit_list_u8_t *state) {
    curricle_bytes bytes = { 0 };
    plugin_save(&bytes);
    *state = (wit_list_u8_t){ bytes.data, bytes.size };
}

bool exports_curricle_plugin_snapshot_restore(wit_list_u8_t *state, wit_error *error) {
    bool ok = curricle_answer(plugin_restore(state->ptr, state->len), error);
    wit_list_u8_free(state);
    return ok;
}
#endif

/* ---- Conditions and streams ------------------------------------------------------------------------------------------------------- */

curricle_condition curricle_between(const char *column, double above, double at_most) {
    return (curricle_condition){ .kind = CURRICLE_BETWEEN, .column = column, .from = above, .to = at_most };
}

curricle_condition curricle_quantiles(const char *column, double from, double to) {
    return (curricle_condition){ .kind = CURRICLE_QUANTILES, .column = column, .from = from, .to = to };
}

curricle_condition curricle_category(const char *column, const uint32_t *codes, size_t count) {
    return (curricle_condition){ .kind = CURRICLE_CATEGORY, .column = column, .codes = codes, .count = count };
}

static curricle_plugin_dataset_condition_t lower(const curricle_condition *condition) {
    curricle_plugin_dataset_condition_t lowered = { .tag = CURRICLE_PLUGIN_DATASET_CONDITION_BETWEEN };
    wit_string_t column = curricle_view(condition->column);
    switch (condition->kind) {
        case CURRICLE_BETWEEN:
            lowered.val.between.column = column;
            lowered.val.between.above = (wit_option_f64_t){ condition->from != -INFINITY, condition->from };
            lowered.val.between.at_most = (wit_option_f64_t){ condition->to != INFINITY, condition->to };
            break;
        case CURRICLE_QUANTILES:
            lowered.tag = CURRICLE_PLUGIN_DATASET_CONDITION_QUANTILES;
            lowered.val.quantiles = (curricle_plugin_dataset_quantiles_t){ column, condition->from, condition->to };
            break;
        case CURRICLE_CATEGORY:
            lowered.tag = CURRICLE_PLUGIN_DATASET_CONDITION_CATEGORY;
            lowered.val.category.column = column;
            lowered.val.category.codes = (wit_list_u32_t){ (uint32_t *)condition->codes, condition->count };
            break;
    }
    return lowered;
}

static curricle_plugin_dataset_list_condition_t lower_all(const curricle_condition *conditions, size_t count) {
    curricle_plugin_dataset_list_condition_t list = { curricle_memory(count, sizeof *list.ptr), count };
    for (size_t i = 0; i < count; i++) list.ptr[i] = lower(&conditions[i]);
    return list;
}

curricle_ok curricle_open(const char *name, const curricle_condition *conditions, size_t count, curricle_stream *stream) {
    return curricle_open_ordered(name, conditions, count, (curricle_order){ CURRICLE_SHUFFLED, NULL }, stream);
}

curricle_ok curricle_open_ordered(
    const char *name, const curricle_condition *conditions, size_t count, curricle_order order, curricle_stream *stream
) {
    curricle_plugin_dataset_list_condition_t list = lower_all(conditions, count);
    wit_string_t view = curricle_view(name);
    curricle_plugin_streams_order_t lowered = { .tag = (uint8_t)order.kind };
    if (order.kind == CURRICLE_ASCENDING) lowered.val.ascending = curricle_view(order.column);
    wit_error error;
    bool ok = curricle_plugin_streams_open(&view, (void *)&list, &lowered, stream, &error);
    free(list.ptr);
    return curricle_keep(ok, &error);
}

uint64_t curricle_length(curricle_stream stream) {
    return curricle_plugin_streams_length(stream);
}

uint64_t curricle_position(curricle_stream stream) {
    return curricle_plugin_streams_position(stream);
}

void curricle_take(curricle_stream stream, uint32_t count, uint64_t *ids) {
    curricle_plugin_streams_list_sample_id_t taken;
    curricle_plugin_streams_take(stream, count, &taken);
    if (taken.len) memcpy(ids, taken.ptr, taken.len * sizeof *ids);
    curricle_plugin_streams_list_sample_id_free(&taken);
}

/* ---- The plan --------------------------------------------------------------------------------------------------------------------- */

uint32_t curricle_size(void) {
    return curricle_plugin_plan_size();
}

curricle_ok curricle_draw(curricle_stream stream, uint32_t count) {
    return curricle_draw_from(&stream, &count, 1);
}

curricle_ok curricle_draw_from(const curricle_stream *streams, const uint32_t *counts, size_t how_many) {
    curricle_plugin_plan_list_stream_t from = { (curricle_stream *)streams, how_many };
    wit_list_u32_t many = { (uint32_t *)counts, how_many };
    wit_error error;
    return curricle_keep(curricle_plugin_plan_draw(&from, &many, &error), &error);
}

curricle_ok curricle_append(const uint64_t *ids, size_t count) {
    curricle_plugin_plan_list_sample_id_t list = { (uint64_t *)ids, count };
    wit_error error;
    return curricle_keep(curricle_plugin_plan_append(&list, &error), &error);
}

void curricle_truncate(uint32_t tokens) {
    curricle_plugin_plan_truncate(tokens);
}

curricle_ok curricle_annotate(const char *name, double value) {
    wit_string_t view = curricle_view(name);
    wit_error error;
    return curricle_keep(curricle_plugin_plan_annotate(&view, value, &error), &error);
}

void curricle_ordered(void) {
    curricle_plugin_plan_ordered();
}

curricle_ok curricle_difficulty(const char *pacing, uint64_t step, double *value) {
    wit_string_t view = curricle_view(pacing);
    wit_error error;
    return curricle_keep(curricle_plugin_pacings_difficulty(&view, step, value, &error), &error);
}

/* ---- The dataset ------------------------------------------------------------------------------------------------------------------ */

uint64_t curricle_samples(void) {
    return curricle_plugin_dataset_len();
}

/* Copies a string to `place`, with a zero, and gives where the next one goes. */
static char *place(char *place, const wit_string_t *text) {
    if (text->len) memcpy(place, text->ptr, text->len);
    place[text->len] = 0;
    return place + text->len + 1;
}

size_t curricle_columns(curricle_column **columns) {
    curricle_plugin_dataset_list_column_t list;
    curricle_plugin_dataset_columns(&list);
    size_t size = list.len * sizeof **columns;
    for (size_t i = 0; i < list.len; i++) size += list.ptr[i].name.len + 1;
    *columns = curricle_memory(size, 1);
    char *names = (char *)(*columns + list.len);
    for (size_t i = 0; i < list.len; i++) {
        const curricle_plugin_dataset_column_t *column = &list.ptr[i];
        bool is_category = column->kind == CURRICLE_PLUGIN_DATASET_COLUMN_KIND_CATEGORY;
        (*columns)[i] = (curricle_column){ names, is_category, column->min, column->max };
        names = place(names, &column->name);
    }
    size_t count = list.len;
    curricle_plugin_dataset_list_column_free(&list);
    return count;
}

curricle_ok curricle_categories(const char *column, curricle_named **categories, size_t *count) {
    wit_string_t view = curricle_view(column);
    wit_list_tuple2_string_u64_t list;
    wit_error error;
    if (!curricle_keep(curricle_plugin_dataset_categories(&view, &list, &error), &error)) return false;
    size_t size = list.len * sizeof **categories;
    for (size_t i = 0; i < list.len; i++) size += list.ptr[i].f0.len + 1;
    *categories = curricle_memory(size, 1);
    char *names = (char *)(*categories + list.len);
    for (size_t i = 0; i < list.len; i++) {
        (*categories)[i] = (curricle_named){ names, list.ptr[i].f1 };
        names = place(names, &list.ptr[i].f0);
    }
    *count = list.len;
    wit_list_tuple2_string_u64_free(&list);
    return true;
}

curricle_ok curricle_values(const char *column, const uint64_t *ids, size_t count, double *values) {
    wit_string_t view = curricle_view(column);
    curricle_plugin_dataset_list_sample_id_t list = { (uint64_t *)ids, count };
    wit_list_f64_t found;
    wit_error error;
    if (!curricle_keep(curricle_plugin_dataset_values(&view, &list, &found, &error), &error)) return false;
    if (found.len) memcpy(values, found.ptr, found.len * sizeof *values);
    wit_list_f64_free(&found);
    return true;
}

curricle_ok curricle_quantile(const char *column, double q, double *value) {
    wit_string_t view = curricle_view(column);
    wit_error error;
    return curricle_keep(curricle_plugin_dataset_quantile(&view, q, value, &error), &error);
}

curricle_ok curricle_count(const curricle_condition *conditions, size_t count, uint64_t *samples) {
    curricle_plugin_dataset_list_condition_t list = lower_all(conditions, count);
    wit_error error;
    bool ok = curricle_plugin_dataset_count(&list, samples, &error);
    free(list.ptr);
    return curricle_keep(ok, &error);
}
